"""How SAP Customer Data Cloud answers, whoever asks: a code in a 200."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from klantbeeld.sandbox.control import Controlled

pytestmark = pytest.mark.asyncio

Serve = Callable[..., Controlled]
Connect = Callable[..., httpx.AsyncClient]
QUERY = {"query": "SELECT count(*) FROM accounts"}


@pytest.fixture
def client(serve: Serve, connect: Connect) -> httpx.AsyncClient:
    return connect(serve("sap_customer_data_cloud"))


async def test_every_answer_has_its_outcome_call_id_and_time(client: httpx.AsyncClient, keys: dict[str, str]) -> None:
    body = (await client.post("/accounts.search", data=keys | QUERY)).json()
    assert {name: body[name] for name in ("errorCode", "statusCode", "statusReason", "time")} == {
        "errorCode": 0,
        "statusCode": 200,
        "statusReason": "OK",
        "time": "2026-11-20T12:00:00.000Z",
    }
    assert len(body["callId"]) == 32


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"apiKey": "4_other"}, 400093),
        ({"userKey": "AKother"}, 403005),
        ({"secret": "d3Jvbmc="}, 403003),
    ],
)
async def test_wrong_credentials_are_a_code_in_a_200(
    client: httpx.AsyncClient, keys: dict[str, str], changed: dict[str, str], code: int
) -> None:
    answer = await client.post("/accounts.search", data=keys | QUERY | changed)
    assert (answer.status_code, answer.json()["errorCode"]) == (200, code)
    assert answer.json()["statusCode"] == code // 1000


@pytest.mark.parametrize("name", ["apiKey", "userKey", "secret"])
async def test_missing_credentials_are_named(client: httpx.AsyncClient, keys: dict[str, str], name: str) -> None:
    del keys[name]
    body = (await client.post("/accounts.search", data=keys | QUERY)).json()
    assert (body["errorCode"], body["errorDetails"]) == (400002, f"Missing required parameter: {name}")


async def test_an_unknown_method_is_404000(client: httpx.AsyncClient, keys: dict[str, str]) -> None:
    assert (await client.post("/accounts.nothing", data=keys)).json()["errorCode"] == 404000


async def test_who_asks_for_http_statuses_gets_them(client: httpx.AsyncClient, keys: dict[str, str]) -> None:
    answer = await client.post("/accounts.getAccountInfo", data=keys | {"UID": "x", "httpStatusCodes": "true"})
    assert answer.status_code == 403


async def test_parameters_may_stand_in_the_address(client: httpx.AsyncClient, keys: dict[str, str]) -> None:
    assert (await client.get("/accounts.search", params=keys | QUERY)).json()["errorCode"] == 0


async def test_more_than_the_quota_is_403048_until_the_next_minute(
    serve: Serve, connect: Connect, keys: dict[str, str], clock: Any
) -> None:
    client = connect(serve("sap_customer_data_cloud", requests_per_minute=1))
    codes = [(await client.post("/accounts.search", data=keys | QUERY)).json()["errorCode"] for _ in range(2)]
    clock.advance(minutes=1)
    codes.append((await client.post("/accounts.search", data=keys | QUERY)).json()["errorCode"])
    assert codes == [0, 403048, 0]
