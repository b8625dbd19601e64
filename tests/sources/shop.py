"""A shop that keeps bills, as a source over httpx's mock transport."""

import asyncio
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import httpx
import msgspec

from klantbeeld.sdk import Ask, Call, Connector, reads
from klantbeeld.sdk.auth import Auth, Bearer
from klantbeeld.sdk.mapping import Mapping as RecordMapping
from klantbeeld.sdk.mapping import take
from klantbeeld.sdk.records import Invoice, Party
from klantbeeld.sdk.replies import Reply
from klantbeeld.settings import SourceSettings
from klantbeeld.sources.cached import Sharing
from klantbeeld.sources.changes import Changes
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.credentials import Credentials
from klantbeeld.sources.questions import Outcome, Question, Subject
from klantbeeld.sources.source import Source, loop_clock
from klantbeeld.sources.transport import HttpxTransport, Transport
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


def shop(
    handle: Handler,
    *,
    connector: Connector | None = None,
    auth: Auth | None = None,
    changes: Changes | None = None,
    sharing: Sharing | None = None,
    transport: Transport | None = None,
    credentials: Credentials | None = None,
    now: Callable[[], datetime] = lambda: NOW,
    **settings: Any,
) -> Source:
    """Open the shop over a handler of requests."""
    limits = Limits(body=settings.get("max_body_bytes", 10_000_000), whole=settings.get("timeout", 5.0))
    made = connector or Shop({})
    return Source(
        "shop",
        SETTINGS.model_copy(update=settings),
        connector=made,
        roles=frozenset({"BILLING"}),
        categories=(),
        transport=transport or HttpxTransport(ORIGIN, limits, inner=httpx.MockTransport(handle)),
        credentials=credentials
        or Credentials(auth or made.auth, {"token": "t0p"}, fetch_token=_no_token, clock=loop_clock),
        monotonic=loop_clock,
        now=now,
        changes=changes,
        sharing=sharing,
    )


async def _no_token(call: Call[Any], deadline: float) -> Reply:
    raise AssertionError(call, deadline)


def about(
    call: str, *keys: str, members: str = "number", owners: Mapping[str, str] | None = None, **more: Any
) -> Question:
    """Ask about customers or records, each of a customer of its own unless `owners` tells."""
    subjects = {key: Subject(f"customer of {key}", frozenset({(owners or {}).get(key, key)})) for key in keys}
    given: dict[str, Any] = {"arguments": {}, "by_record": call == "invoice"} | more
    return Question(subjects=subjects, members={call: frozenset({members})}, **given)


def soon() -> CallContext:
    return CallContext(asyncio.get_running_loop().time() + 5)


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
