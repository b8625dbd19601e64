"""Signed calls: the secret stays at home."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from klantbeeld.sandbox.control import Controlled
from klantbeeld.sandbox.sap_customer_data_cloud.signature import sign

URL = "http://sandbox.test/accounts.search"
NOON = 1_795_176_000  # 2026-11-20T12:00:00Z


@pytest.fixture
def client(serve: Callable[..., Controlled], connect: Callable[..., httpx.AsyncClient]) -> httpx.AsyncClient:
    return connect(serve("sap_customer_data_cloud"))


@pytest.fixture
def signed(keys: dict[str, str]) -> Callable[..., dict[str, str]]:
    """Sign a search; ``changed`` are parameters that differ."""
    secret = keys.pop("secret")

    def make(**changed: str) -> dict[str, str]:
        parameters = keys | {"query": "SELECT count(*) FROM accounts", "timestamp": str(NOON), "nonce": "n1"} | changed
        return parameters | {"sig": sign("POST", URL, parameters, secret=secret)}

    return make


async def code(client: httpx.AsyncClient, parameters: dict[str, str]) -> Any:
    return (await client.post(URL, data=parameters)).json()["errorCode"]


def test_the_signature_is_hmac_sha1_over_method_address_and_sorted_parameters() -> None:
    expected = hmac.new(b"key", b"POST&http%3A%2F%2Fh%2Fm&a%3D1%2520%2526%26b%3D2", hashlib.sha1).digest()
    made = sign("post", "http://h/m", {"b": "2", "a": "1 &"}, secret=base64.b64encode(b"key").decode())
    assert made == base64.b64encode(expected).decode()


@pytest.mark.asyncio
async def test_a_signed_call_is_let_in(client: httpx.AsyncClient, signed: Callable[..., dict[str, str]]) -> None:
    assert await code(client, signed()) == 0


@pytest.mark.asyncio
async def test_a_changed_parameter_spoils_the_signature(
    client: httpx.AsyncClient, signed: Callable[..., dict[str, str]]
) -> None:
    assert await code(client, signed() | {"query": "SELECT * FROM accounts"}) == 403003


@pytest.mark.asyncio
@pytest.mark.parametrize("seconds", [-121, 121])
async def test_a_signature_of_another_time_has_expired(
    client: httpx.AsyncClient, signed: Callable[..., dict[str, str]], seconds: int
) -> None:
    assert await code(client, signed(timestamp=str(NOON + seconds))) == 403002


@pytest.mark.asyncio
async def test_a_signed_call_cannot_be_sent_twice(
    client: httpx.AsyncClient, signed: Callable[..., dict[str, str]]
) -> None:
    assert [await code(client, signed()) for _ in range(2)] == [0, 403004]


@pytest.mark.asyncio
@pytest.mark.parametrize("changed", [{"timestamp": "noon"}, {"nonce": ""}])
async def test_a_signed_call_needs_time_and_nonce(
    client: httpx.AsyncClient, signed: Callable[..., dict[str, str]], changed: dict[str, str]
) -> None:
    assert await code(client, signed(**changed)) == 400006
