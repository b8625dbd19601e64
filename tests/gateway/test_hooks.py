"""Deliveries of webhooks over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from klantbeeld.errors import HookRefused, StoreError
from klantbeeld.gateway.hooks import PATH, HookEndpoint

pytestmark = pytest.mark.asyncio


@dataclass
class Taken:
    """Takes deliveries of a shop, or fails as it is told."""

    found: list[tuple[str, bytes, str | None, str | None]] = field(default_factory=list)
    error: Exception | None = None

    async def take(self, source: str, *, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> bool:
        if source != "shop":
            raise LookupError(source)
        if self.error:
            raise self.error
        self.found.append((source, body, headers.get("x-sig"), query.get("code")))
        return True


async def deliver(
    taken: Taken, path: str = "/hooks/shop?code=x", *, method: str = "POST", body: bytes | AsyncIterator[bytes] = b"[]"
) -> httpx.Response:
    endpoint = HookEndpoint(taken, limit=100, within=0.1, language="en")
    app = Starlette(routes=[Route(PATH, endpoint.take, methods=["POST"])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        return await client.request(method, path, content=body, headers={"X-Sig": "proof"})


async def test_a_delivery_is_handed_on_as_it_came() -> None:
    taken = Taken()
    response = await deliver(taken, body=b'["a"]')

    assert (response.status_code, response.content) == (204, b"")
    assert taken.found == [("shop", b'["a"]', "proof", "x")]


async def test_a_source_without_a_feed_is_not_there() -> None:
    assert (await deliver(Taken(), "/hooks/another")).status_code == 404


async def test_what_is_not_proven_is_refused_without_a_word_of_why() -> None:
    response = await deliver(Taken(error=HookRefused("the signature is not right")))

    assert response.status_code == 401
    assert response.json()["errors"][0]["extensions"]["code"] == "HOOK_REFUSED"
    assert "signature is not" not in response.text
    assert response.headers["cache-control"] == "no-store"


async def test_what_could_not_be_told_on_is_asked_for_again() -> None:
    assert (await deliver(Taken(error=StoreError("down")))).status_code == 503


async def test_a_delivery_beyond_the_limit_is_refused() -> None:
    taken = Taken()
    response = await deliver(taken, body=b"x" * 101)

    assert response.status_code == 413
    assert taken.found == []


async def test_a_delivery_that_does_not_come_is_not_waited_for() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    taken = Taken()
    response = await deliver(taken, body=body())

    assert (response.status_code, response.headers["connection"]) == (408, "close")
    assert taken.found == []


async def test_nothing_but_post_is_taken() -> None:
    assert (await deliver(Taken(), method="GET")).status_code == 405
