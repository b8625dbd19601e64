"""A source that fails: what is told of it, and that it costs its own question alone."""

import asyncio
from collections.abc import Generator, Mapping
from typing import Any, ClassVar

import httpx
import msgspec
import pytest
from tests.sources.shop import (
    INVOICE,
    NOW,
    ORIGIN,
    Bill,
    Page,
    Shop,
    about,
    answering,
    ask,
    bills,
    numbers,
    paging,
    shop,
    soon,
)

from klantbeeld.errors import (
    SourceConflict,
    SourceError,
    SourceInvalid,
    SourceRefused,
    SourceRejected,
    SourceTimeout,
    SourceUnavailable,
)
from klantbeeld.sdk import Ask, Call, Connector, reads
from klantbeeld.sdk.auth import Auth, ClientCredentials
from klantbeeld.sdk.replies import Reply
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.credentials import Credentials
from klantbeeld.sources.questions import SourceState
from klantbeeld.sources.source import loop_clock
from klantbeeld.sources.transport import HttpxTransport

pytestmark = pytest.mark.asyncio


PROBLEMS: Mapping[int, type[SourceError]] = {
    301: SourceInvalid,
    302: SourceInvalid,
    304: SourceInvalid,
    400: SourceRejected,
    401: SourceRefused,
    403: SourceRefused,
    409: SourceConflict,
    412: SourceConflict,
    418: SourceInvalid,
    422: SourceRejected,
    429: SourceRefused,
    500: SourceUnavailable,
    502: SourceUnavailable,
    599: SourceUnavailable,
}


@pytest.mark.parametrize("status", PROBLEMS)
async def test_a_status_is_told_for_what_it_is(status: int) -> None:
    outcome = await ask(answering(b"secret", status, location="https://elsewhere.example"), about("invoices", "c"))

    assert type(outcome.problem) is PROBLEMS[status]
    assert outcome.state is SourceState.UNAVAILABLE
    assert "secret" not in str(outcome.problem)


async def test_when_to_come_back_is_remembered() -> None:
    outcome = await ask(answering(b"", 429, **{"retry-after": "7"}), about("invoices", "c"))

    assert outcome.problem is not None
    assert outcome.problem.retry_after == 7


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("Thu, 26 Nov 2026 12:00:09 GMT", 9),
        ("Thu, 26 Nov 2026 11:00:00 GMT", 0),
        ("Thursday, 26-Nov-26 12:00:09 GMT", 9),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
async def test_when_to_come_back_may_be_a_date(told: str, seconds: float | None) -> None:
    headers = {"retry-after": told, "date": "Thu, 26 Nov 2026 12:00:00 GMT"}
    outcome = await ask(answering(b"", 429, **headers), about("invoices", "c"))

    assert outcome.problem is not None
    assert outcome.problem.retry_after == seconds


async def test_a_date_to_come_back_says_nothing_where_the_answer_has_none() -> None:
    outcome = await ask(answering(b"", 429, **{"retry-after": "Thu, 26 Nov 2026 12:00:09 GMT"}), about("invoices", "c"))

    assert outcome.problem is not None
    assert outcome.problem.retry_after is None


GARBAGE: Mapping[str, bytes] = {
    "nothing": b"",
    "HTML": b"<!doctype html><title>Welcome</title>",
    "half of it": b'{"data": [{"id": "b1", "cust',
    "another shape": b'{"items": []}',
    "a list": b"[]",
    "null": b"null",
    "a wrong type": b'{"data": [{"id": 7, "customer": "c"}]}',
    "a missing member": b'{"data": [{"customer": "c"}]}',
    "bad UTF-8": b'{"data": [{"id": "\xff\xfe", "customer": "c"}]}',
    "deep": b'{"data": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "a wrong envelope": b'{"data": [], "more": 7}',
}


@pytest.mark.parametrize("kind", GARBAGE)
async def test_what_is_not_the_contract_is_an_invalid_answer(kind: str) -> None:
    question = about("invoices", "c", members="version")
    outcome = await ask(answering(GARBAGE[kind]), question)

    assert type(outcome.problem) is SourceInvalid
    assert outcome.records == {}


async def test_an_invalid_answer_tells_the_place_and_never_the_value() -> None:
    body = {"data": [{"id": "b1", "customer": "c", "note": "06-12345678"}]}
    outcome = await ask(answering(body), about("invoices", "c", members="version"))

    assert "$.data[0].note" in str(outcome.problem)
    assert "12345678" not in str(outcome.problem)


async def test_a_body_of_more_than_its_bound_is_not_read_to_its_end() -> None:
    sent = 0

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self) -> Any:
            nonlocal sent
            while True:
                sent += 65_536
                yield b" " * 65_536

    outcome = await ask(lambda _: httpx.Response(200, stream=Endless()), about("invoices", "c"))

    assert type(outcome.problem) is SourceInvalid
    assert sent <= 10_000_000 + 65_536


async def test_ten_megabytes_of_garbage_cost_no_more_than_an_error() -> None:
    outcome = await ask(answering(b"[" + b"1," * 4_999_000 + b"1]"), about("invoices", "c"))

    assert type(outcome.problem) is SourceInvalid


async def test_a_source_that_does_not_answer_in_time_is_timed_out() -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    source = shop(answering(b""), transport=HttpxTransport(ORIGIN, inner=httpx.MockTransport(hang)))
    outcome = await source.ask(about("invoices", "c"), CallContext(loop_clock() + 0.02))

    assert (outcome.state, type(outcome.problem)) == (SourceState.TIMEOUT, SourceTimeout)


async def test_a_source_has_a_time_of_its_own_within_the_requests() -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    source = shop(answering(b""), timeout=0.02, transport=HttpxTransport(ORIGIN, inner=httpx.MockTransport(hang)))
    outcome = await source.ask(about("invoices", "c"), CallContext(loop_clock() + 600))

    assert outcome.state is SourceState.TIMEOUT
    assert outcome.seconds < 60


@pytest.mark.parametrize(
    ("raised", "problem"),
    [
        (httpx.ConnectError("no route to 10.0.0.1"), SourceUnavailable),
        (httpx.ReadError("reset"), SourceUnavailable),
        (httpx.ReadTimeout("slow"), SourceTimeout),
        (httpx.RemoteProtocolError("malformed"), SourceInvalid),
    ],
)
async def test_what_breaks_on_the_way_is_the_sources_problem(raised: Exception, problem: type[SourceError]) -> None:
    def handle(_: httpx.Request) -> httpx.Response:
        raise raised

    outcome = await ask(handle, about("invoices", "c"))

    assert type(outcome.problem) is problem
    assert str(raised) not in str(outcome.problem)


async def test_a_record_that_cannot_be_translated_is_an_invalid_answer_without_its_value() -> None:
    outcome = await ask(answering([{"id": "secret", "note": 0}]), about("purchases", "c"))

    assert type(outcome.problem) is SourceInvalid
    assert "ZeroDivisionError" in str(outcome.problem)
    assert "secret" not in str(outcome.problem)


class Breaking(Connector):
    """Breaks in every place in which code of a connector runs."""

    @reads(INVOICE)
    def invoices(self, ask: Ask) -> Call[Bill]:
        raise KeyError("secret")

    @reads(INVOICE)
    def invoice(self, ask: Ask) -> Call[Bill]:
        return Call(path="/", items=(), record=Bill, envelope=Page, next_page=lambda page, last: page.none)

    @reads(INVOICE)
    def purchases(self, ask: Ask) -> Call[Bill]:
        return Call(path="/", items=(), record=Bill, complete=lambda _page, bill: bill.none)

    @reads(INVOICE)
    def products(self, ask: Ask) -> Generator[Call[Any], Reply, Call[Bill]]:
        yield Call(path="/", record=Bill)
        raise KeyError("secret")

    @reads(INVOICE)
    def party(self, ask: Ask) -> Call[Bill]:
        return Call(path="/\r\nHost: elsewhere", record=Bill)

    @reads(INVOICE)
    def find(self, ask: Ask) -> Call[Bill]:
        return Call(path="/", headers=(("x", "\N{SNOWMAN}"),), record=Bill)


@pytest.mark.parametrize("call", Breaking.readings())
async def test_a_connector_that_breaks_costs_its_own_question(call: str) -> None:
    handle = answering([{"id": "b1", "customer": "c"}])
    source = shop(handle, connector=Breaking({}))
    outcome = await source.ask(about(call, "c"), soon())

    assert type(outcome.problem) is SourceInvalid
    assert "secret" not in str(outcome.problem)
    assert source.health.last_problem_code == "SOURCE_INVALID_ANSWER"


async def test_health_hears_of_each_question() -> None:
    source = shop(paging)
    await source.ask(about("invoices", "c", first=2), soon())

    assert (source.health.last_success_at, source.health.error_rate) == (NOW, 0)
    assert source.health.percentile(0.5) is not None


class Renewing(Shop):
    """Takes a token that is fetched."""

    auth: ClassVar[Auth] = ClientCredentials("https://shop.example/token")


@pytest.mark.parametrize("status", [401, 403])
async def test_a_token_that_is_refused_is_fetched_anew_for_the_next_call(status: int) -> None:
    tokens = iter(("first", "second"))
    seen = []

    async def fetch(call: Call[Any], deadline: float) -> Reply:
        return Reply(200, (), msgspec.json.encode({"access_token": next(tokens), "expires_in": 3600}))

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(status) if seen[-1] == "Bearer first" else httpx.Response(200, json={"data": bills(1)})

    secrets = {"client_id": "i", "client_secret": "s"}
    credentials = Credentials(Renewing({}).auth, secrets, fetch_token=fetch, clock=loop_clock)
    source = shop(handle, connector=Renewing({}), credentials=credentials)
    refused = await source.ask(about("invoices", "c"), soon())
    taken = await source.ask(about("invoices", "c"), soon())

    assert isinstance(refused.problem, SourceRefused)
    assert numbers(taken) == ["no 1"]
    assert seen == ["Bearer first", "Bearer second"]
