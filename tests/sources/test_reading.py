"""A source that is read, over httpx's mock transport: pages, dialogues, whose a record is, and what can go wrong."""

import asyncio
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import httpx
import msgspec
import pytest

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
from klantbeeld.sdk.auth import Auth, Bearer, ClientCredentials
from klantbeeld.sdk.mapping import Mapping as RecordMapping
from klantbeeld.sdk.mapping import take
from klantbeeld.sdk.records import Invoice, Party
from klantbeeld.sdk.replies import Reply
from klantbeeld.settings import SourceSettings
from klantbeeld.sources.credentials import Credentials
from klantbeeld.sources.questions import Outcome, Question, SourceState, Subject
from klantbeeld.sources.source import MOST_PAGES, Source, loop_clock
from klantbeeld.sources.translation import NO_KEY
from klantbeeld.sources.transport import HttpxTransport
from klantbeeld.sources.wire import Limits, Origin

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ORIGIN = Origin.of("https://shop.example")
SETTINGS = SourceSettings.model_validate(
    {
        "connector": "shop",
        "base_url": "https://shop.example",
        "importance": "essential",
        "risk_when_missing": {"nl": "Wacht.", "en": "Wait."},
        "hosted_in": "NL",
        "processor": "P",
        "retention": "P7Y",
    }
)

Handler = Callable[[httpx.Request], httpx.Response]

pytestmark = pytest.mark.asyncio


class Bill(msgspec.Struct):
    id: str
    customer: str = ""
    number: str | None = None
    note: int | None = None


class Page(msgspec.Struct):
    more: str | None = None


def _loud(note: int | None) -> str:
    return "!" * (10 // (note or 0))


INVOICE = RecordMapping(
    Invoice,
    Bill,
    {"record_id": take("id"), "owner": take("customer"), "number": take("number"), "version": take("note", via=str)},
)
FRAGILE = RecordMapping(Invoice, Bill, {"record_id": take("id"), "number": take("note", via=_loud)})
NAMED = RecordMapping(Party, Bill, {"record_id": take("customer"), "full_name": take("number")})


class Shop(Connector):
    """Keeps bills."""

    auth: ClassVar[Auth] = Bearer("token")

    @reads(INVOICE, resource="bills", batch=10, newest_first="issued_on", page=2)
    def invoices(self, ask: Ask) -> Call[Bill]:
        query = [("customer", ",".join(ask.keys)), ("size", str(ask.first)), ("from", ask.after or "")]
        return Call(
            path="/bills",
            query=query,
            items=("data",),
            record=Bill,
            envelope=Page,
            next_page=lambda page, _last: page.more,
        )

    @reads(NAMED, resource="bills", batch=10)
    def party(self, ask: Ask) -> Call[Bill]:
        return self.invoices(ask)

    @reads(INVOICE, by_record=True, batch=10)
    def invoice(self, ask: Ask) -> Call[Bill]:
        return Call(
            path="/bill", query=[("ids", ",".join(ask.keys))], items=(), record=Bill, absent=frozenset({404, 410})
        )

    @reads(FRAGILE)
    def purchases(self, ask: Ask) -> Call[Bill]:
        return Call(path="/fragile", items=(), record=Bill)

    @reads(NAMED)
    def search(self, ask: Ask) -> Call[Bill]:
        return Call(path="/search", query=[("text", ask.arguments["text"])], items=(), record=Bill)

    @reads(INVOICE)
    def billing_accounts(self, ask: Ask) -> Generator[Call[Any], Reply, Call[Bill]]:
        """Ask for the number of the account first, and then for the account."""
        reply = yield Call(path="/account-of", query=[("customer", ask.key)], record=Bill)
        number = msgspec.json.decode(reply.body, type=str)
        return Call(path=f"/accounts/{number}", record=Bill)


def shop(handle: Handler, *, connector: Connector | None = None, auth: Auth | None = None, **settings: Any) -> Source:
    """Open the shop over a handler of requests."""
    limits = Limits(body=settings.get("max_body_bytes", 10_000_000), whole=settings.get("timeout", 5.0))
    made = connector or Shop({})
    return Source(
        "shop",
        SETTINGS.model_copy(update=settings),
        connector=made,
        roles=frozenset({"BILLING"}),
        categories=(),
        transport=HttpxTransport(ORIGIN, limits, inner=httpx.MockTransport(handle)),
        credentials=Credentials(auth or made.auth, {"token": "t0p"}, fetch_token=_no_token, clock=loop_clock),
        monotonic=loop_clock,
        now=lambda: NOW,
    )


async def _no_token(call: Call[Any], deadline: float) -> Reply:
    raise AssertionError(call, deadline)


def about(
    call: str, *keys: str, members: str = "number", owners: Mapping[str, str] | None = None, **more: Any
) -> Question:
    """Ask about customers or records, each of a customer of its own unless `owners` tells."""
    subjects = {key: Subject(f"customer of {key}", frozenset({(owners or {}).get(key, key)})) for key in keys}
    given = {"arguments": {}, "by_record": call == "invoice"} | more
    return Question(subjects=subjects, members={call: frozenset({members})}, **given)


def soon() -> float:
    return asyncio.get_running_loop().time() + 5


async def ask(handle: Handler, question: Question, **settings: Any) -> Outcome:
    return await shop(handle, **settings).ask(question, soon())


def answering(body: Any, status: int = 200, **headers: str) -> Handler:
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return lambda _: httpx.Response(status, content=content, headers={"content-type": "application/json"} | headers)


def bills(*numbers: int, customer: str = "c") -> list[dict[str, Any]]:
    return [{"id": f"b{number}", "customer": customer, "number": f"no {number}"} for number in numbers]


def paging(request: httpx.Request) -> httpx.Response:
    """Give two bills a page, of five."""
    begin = int(request.url.params["from"] or 0)
    size = int(request.url.params["size"])
    more = str(begin + size) if begin + size < 5 else None
    data = bills(*range(begin, min(begin + size, 5)))
    return httpx.Response(200, json={"data": data, "more": more})


def numbers(outcome: Outcome, call: str = "invoices", key: str = "c") -> list[str]:
    return [record.number for record in outcome.records[call].get(key, ())]  # type: ignore[attr-defined]


async def test_one_page_is_read_with_where_the_next_begins() -> None:
    outcome = await ask(paging, about("invoices", "c", first=2))

    assert numbers(outcome) == ["no 0", "no 1"]
    assert (outcome.next_page, outcome.complete, outcome.state) == ("2", True, SourceState.OK)


async def test_a_page_begins_where_it_is_asked_to() -> None:
    outcome = await ask(paging, about("invoices", "c", first=2, after="4"))

    assert numbers(outcome) == ["no 4"]
    assert outcome.next_page is None


async def test_everything_is_read_page_by_page_in_the_size_of_the_source() -> None:
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url.params))
        return paging(request)

    outcome = await ask(handle, about("invoices", "c", everything=True))

    assert numbers(outcome) == [f"no {number}" for number in range(5)]
    assert asked == ["customer=c&size=2&from=", "customer=c&size=2&from=2", "customer=c&size=2&from=4"]
    assert outcome.complete


async def test_everything_ends_at_a_bound_and_says_so() -> None:
    pages = iter(range(1_000))

    def handle(request: httpx.Request) -> httpx.Response:
        number = next(pages)
        return httpx.Response(200, json={"data": bills(number), "more": str(number + 1)})

    outcome = await ask(handle, about("invoices", "c", everything=True))

    assert len(numbers(outcome)) == MOST_PAGES
    assert next(pages) == MOST_PAGES
    assert not outcome.complete
    assert outcome.next_page == str(MOST_PAGES)


async def test_a_page_that_fails_on_the_way_fails_the_whole() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503) if request.url.params["from"] == "4" else paging(request)

    outcome = await ask(handle, about("invoices", "c", everything=True))

    assert outcome.state is SourceState.UNAVAILABLE
    assert outcome.records == {}


async def test_capabilities_of_one_resource_are_read_from_one_call() -> None:
    asked = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json={"data": bills(1)})

    members = {"invoices": frozenset({"number"}), "party": frozenset({"full_name"})}
    subjects = {"c": Subject("C", frozenset({"c"}))}
    outcome = await ask(handle, Question(subjects=subjects, members=members, arguments={}))

    assert asked == ["/bills"]
    assert numbers(outcome) == ["no 1"]
    assert [party.full_name for party in outcome.records["party"]["c"]] == ["no 1"]  # type: ignore[attr-defined]


async def test_a_dialogue_is_carried_to_its_last_call() -> None:
    asked = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.path, request.headers["authorization"]))
        return httpx.Response(200, json="77" if request.url.path == "/account-of" else {"id": "a77", "customer": "c"})

    outcome = await ask(handle, about("billing_accounts", "c"))

    assert asked == [("/account-of", "Bearer t0p"), ("/accounts/77", "Bearer t0p")]
    assert [record.record_id for record in outcome.records["billing_accounts"]["c"]] == ["a77"]


async def test_a_dialogue_ends_with_a_step_that_fails() -> None:
    asked = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(500)

    outcome = await ask(handle, about("billing_accounts", "c"))

    assert asked == ["/account-of"]
    assert isinstance(outcome.problem, SourceUnavailable)


@pytest.mark.parametrize("status", [404, 410])
async def test_a_record_that_is_not_there_is_no_failure(status: int) -> None:
    outcome = await ask(answering(b"gone", status), about("invoice", "b1"))

    assert (outcome.state, outcome.problem) == (SourceState.OK, None)
    assert not any(outcome.records["invoice"].values())


async def test_records_say_where_they_come_from_and_whose_they_are() -> None:
    outcome = await ask(answering({"data": bills(1)}), about("invoices", "c"))

    (record,) = outcome.records["invoices"]["c"]
    assert record.origin is not None
    assert (record.origin.source, record.origin.customer_id, record.origin.fetched_at) == ("shop", "customer of c", NOW)


async def test_each_record_goes_to_the_customer_whose_it_is() -> None:
    data = [*bills(1, customer="a"), *bills(2, customer="b"), *bills(3, customer="a")]
    outcome = await ask(answering({"data": data}), about("invoices", "a", "b"))

    assert numbers(outcome, key="a") == ["no 1", "no 3"]
    assert numbers(outcome, key="b") == ["no 2"]
    origins = [record.origin for record in outcome.records["invoices"]["b"]]
    assert [origin.customer_id for origin in origins if origin] == ["customer of b"]


@pytest.mark.parametrize("keys", [("c",), ("c", "d")])
async def test_a_record_of_somebody_else_goes_nowhere(keys: tuple[str, ...]) -> None:
    data = [*bills(1), *bills(2, customer="stranger"), *bills(3, customer="")]
    outcome = await ask(answering({"data": data}), about("invoices", *keys))

    found = [record for every in outcome.records["invoices"].values() for record in every]
    assert [record.record_id for record in found] == ["b1"]


@pytest.mark.parametrize("keys", [("b1",), ("b1", "b2")])
async def test_a_record_that_is_asked_by_id_goes_nowhere_if_it_is_somebody_elses(keys: tuple[str, ...]) -> None:
    owners = dict.fromkeys(keys, "c")
    body = [*bills(1, customer="stranger"), *bills(2), *bills(3)]
    outcome = await ask(answering([one for one in body if one["id"] in keys]), about("invoice", *keys, owners=owners))

    found = [record.record_id for every in outcome.records["invoice"].values() for record in every]
    assert found == [key for key in keys if key == "b2"]


async def test_a_customer_with_several_numbers_owns_the_records_of_each() -> None:
    subjects = {"c": Subject("C", frozenset({"c", "old"}))}
    question = Question(subjects=subjects, members={"invoices": frozenset({"number"})}, arguments={})
    outcome = await ask(answering({"data": [*bills(1), *bills(2, customer="old")]}), question)

    assert numbers(outcome) == ["no 1", "no 2"]


async def test_a_search_is_about_no_customer_yet() -> None:
    question = Question(subjects={}, members={"search": frozenset({"full_name"})}, arguments={"text": "a&b=c"})
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.query.decode())
        return httpx.Response(200, json=bills(1, 2))

    outcome = await ask(handle, question)

    assert asked == ["text=a%26b%3Dc"]
    assert [record.record_id for record in outcome.records["search"][NO_KEY]] == ["c", "c"]
    assert {record.origin.customer_id for record in outcome.records["search"][NO_KEY] if record.origin} == {""}


async def test_only_what_is_selected_is_decoded() -> None:
    """The number is not what it should be, and nobody asked for it."""
    body = {"data": [{"id": "b1", "customer": "c", "number": {"a": 1}, "note": 3}]}
    outcome = await ask(answering(body), about("invoices", "c", members="version"))

    (record,) = outcome.records["invoices"]["c"]
    assert (record.version, record.number) == ("3", None)  # type: ignore[attr-defined]


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

    transport = httpx.MockTransport(hang)
    source = shop(answering(b""))
    source._transport = HttpxTransport(ORIGIN, inner=transport)
    outcome = await source.ask(about("invoices", "c"), loop_clock() + 0.02)

    assert (outcome.state, type(outcome.problem)) == (SourceState.TIMEOUT, SourceTimeout)


async def test_a_source_has_a_time_of_its_own_within_the_requests() -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    source = shop(answering(b""), timeout=0.02)
    source._transport = HttpxTransport(ORIGIN, inner=httpx.MockTransport(hang))
    outcome = await source.ask(about("invoices", "c"), loop_clock() + 600)

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

    source = shop(handle, connector=Renewing({}))
    secrets = {"client_id": "i", "client_secret": "s"}
    source._credentials = Credentials(Renewing({}).auth, secrets, fetch_token=fetch, clock=loop_clock)
    refused = await source.ask(about("invoices", "c"), soon())
    taken = await source.ask(about("invoices", "c"), soon())

    assert isinstance(refused.problem, SourceRefused)
    assert numbers(taken) == ["no 1"]
    assert seen == ["Bearer first", "Bearer second"]
