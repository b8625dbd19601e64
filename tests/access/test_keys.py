"""When an issuer's keys are read, and what holds while they cannot be."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from klantbeeld.access.issuer import DemoIssuer
from klantbeeld.access.jwks import MAX_BYTES
from klantbeeld.access.keys import PAUSE, IssuerKeys, from_address, from_file, over_http
from klantbeeld.errors import IssuerError, Overloaded
from klantbeeld.settings_source import RetrySettings

pytestmark = pytest.mark.asyncio(loop_scope="function")


@pytest_asyncio.fixture
async def keys(key_source: Any, clock: Any) -> AsyncIterator[IssuerKeys]:
    made = IssuerKeys("https://issuer.invalid", key_source, clock=clock, max_age=600)
    yield made
    await made.close()


def key_id(issuer: DemoIssuer) -> str:
    kid = issuer._key.kid
    assert kid is not None
    return kid


async def test_fresh_keys_are_not_read_again(keys: IssuerKeys, key_source: Any, demo: DemoIssuer, clock: Any) -> None:
    assert await keys.find(key_id(demo)) is not None
    clock.advance(599)
    assert await keys.find(key_id(demo)) is not None
    assert key_source.asked == 1


async def test_old_keys_are_read_again(keys: IssuerKeys, key_source: Any, demo: DemoIssuer, clock: Any) -> None:
    await keys.find(key_id(demo))
    clock.advance(600)
    await keys.find(key_id(demo))
    assert key_source.asked == 2


async def test_a_rotated_key_is_found_before_the_old_set_is_old(keys: IssuerKeys, key_source: Any, clock: Any) -> None:
    await keys.find("first")
    rotated = DemoIssuer.new(clock=clock)
    key_source.body = rotated.jwks()
    clock.advance(PAUSE)
    assert await keys.find(key_id(rotated)) is not None
    assert keys.generation == 2


async def test_unknown_key_ids_do_not_hammer_the_issuer(keys: IssuerKeys, key_source: Any, clock: Any) -> None:
    for number in range(100):
        assert await keys.find(f"unknown {number}") is None
    assert key_source.asked == 1
    clock.advance(PAUSE)
    for number in range(100):
        assert await keys.find(f"unknown {number}") is None
    assert key_source.asked == 2


async def test_the_last_keys_stay_good_while_the_issuer_is_down(
    keys: IssuerKeys, key_source: Any, demo: DemoIssuer, clock: Any
) -> None:
    await keys.find(key_id(demo))
    key_source.is_down = True
    clock.advance(100_000)
    assert await keys.find(key_id(demo)) is not None
    assert await keys.find(key_id(demo)) is not None
    assert key_source.asked == 2


async def test_an_unknown_key_of_an_issuer_that_is_down_is_unavailable_and_not_refused(
    keys: IssuerKeys, key_source: Any, demo: DemoIssuer, clock: Any
) -> None:
    key_source.is_down = True
    with pytest.raises(Overloaded) as caught:
        await keys.find(key_id(demo))
    assert (caught.value.reason, caught.value.status, caught.value.retry_after) == ("ISSUER_UNAVAILABLE", 503, PAUSE)
    key_source.is_down = False
    clock.advance(PAUSE)
    assert await keys.find(key_id(demo)) is not None


async def test_a_set_that_holds_a_secret_does_not_replace_the_last_good_one(
    keys: IssuerKeys, key_source: Any, demo: DemoIssuer, clock: Any
) -> None:
    await keys.find(key_id(demo))
    key_source.body = b'{"keys": [{"kty": "oct", "k": "AAAA"}]}'
    clock.advance(600)
    assert await keys.find(key_id(demo)) is not None
    assert keys.generation == 1


class SlowSource:
    def __init__(self, body: bytes) -> None:
        self.body = body
        self.asked = 0
        self.started = asyncio.Event()
        self.go = asyncio.Event()

    async def __call__(self) -> bytes:
        self.asked += 1
        self.started.set()
        await self.go.wait()
        return self.body


async def test_all_who_wait_share_one_reading(demo: DemoIssuer, clock: Any) -> None:
    source = SlowSource(demo.jwks())
    keys = IssuerKeys("https://issuer.invalid", source, clock=clock)
    waiting = [asyncio.create_task(keys.find(key_id(demo))) for _ in range(20)]
    await source.started.wait()
    source.go.set()
    assert None not in await asyncio.gather(*waiting)
    assert source.asked == 1


async def test_one_who_goes_away_does_not_fail_the_others(demo: DemoIssuer, clock: Any) -> None:
    source = SlowSource(demo.jwks())
    keys = IssuerKeys("https://issuer.invalid", source, clock=clock)
    first, second = (asyncio.create_task(keys.find(key_id(demo))) for _ in range(2))
    await source.started.wait()
    first.cancel()
    source.go.set()
    assert await second is not None
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_closing_gives_up_a_reading(demo: DemoIssuer, clock: Any) -> None:
    source = SlowSource(demo.jwks())
    keys = IssuerKeys("https://issuer.invalid", source, clock=clock)
    waiting = asyncio.create_task(keys.find(key_id(demo)))
    await source.started.wait()
    await keys.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_file_is_read_anew_so_that_replacing_it_rotates_the_keys(demo: DemoIssuer, tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    read = from_file(path)
    path.write_bytes(demo.jwks())
    assert await read() == demo.jwks()
    path.write_bytes(b"other")
    assert await read() == b"other"


async def test_a_missing_file_is_an_outage(tmp_path: Path, clock: Any) -> None:
    keys = IssuerKeys("https://issuer.invalid", from_file(tmp_path / "missing"), clock=clock)
    with pytest.raises(Overloaded):
        await keys.find("1")


def answering(handler: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(handler))


async def test_an_address_is_read_over_http(demo: DemoIssuer) -> None:
    async with answering(lambda request: httpx.Response(200, content=demo.jwks())) as client:
        assert await from_address("https://issuer.invalid/jwks", over_http(client))() == demo.jwks()


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(302, headers={"location": "https://evil.invalid"}),
        httpx.Response(200, content=b" " * (MAX_BYTES + 1)),
    ],
    ids=["an error", "a redirect", "too much"],
)
async def test_another_answer_than_a_key_set_is_refused(answer: httpx.Response) -> None:
    async with answering(lambda request: answer) as client:
        with pytest.raises(IssuerError):
            await over_http(client)("https://issuer.invalid/jwks")


async def test_no_answer_is_an_outage_without_the_transports_words() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("secret host name")

    async with answering(refuse) as client:
        with pytest.raises(IssuerError) as caught:
            await over_http(client)("https://issuer.invalid/jwks")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("first", [httpx.Response(503), httpx.ConnectError("no route")], ids=["503", "no connection"])
async def test_a_passing_outage_of_an_issuer_is_asked_again(
    first: httpx.Response | Exception, demo: DemoIssuer
) -> None:
    answers: list[httpx.Response | Exception] = [first, httpx.Response(200, content=demo.jwks())]

    def answer(request: httpx.Request) -> httpx.Response:
        given = answers.pop(0)
        if isinstance(given, Exception):
            raise given
        return given

    async with answering(answer) as client:
        retry = RetrySettings(least_wait=0, most_wait=0.001)
        assert await over_http(client, retry)("https://issuer.invalid/jwks") == demo.jwks()


async def test_an_outage_that_lasts_is_asked_twice_and_another_answer_once() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(503 if request.url.path == "/down" else 404)

    async with answering(answer) as client:
        retry = RetrySettings(least_wait=0, most_wait=0.001)
        for path in ("/down", "/missing"):
            with pytest.raises(IssuerError):
                await over_http(client, retry)(f"https://issuer.invalid{path}")
    assert asked == ["/down", "/down", "/missing"]
