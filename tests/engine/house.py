"""A house without a network: sources that answer from memory, and an engine over them."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec
from graphql import parse

from klantbeeld.engine.engine import Engine, EngineParts
from klantbeeld.errors import SourceError, SourceInvalid, SourceTimeout, SourceUnavailable
from klantbeeld.gateway import errors as gateway_errors
from klantbeeld.graph.schema import build_schema
from klantbeeld.identity.links import Link, Links, Reference
from klantbeeld.sdk import records, words
from klantbeeld.sdk.connector import Doing, Reading
from klantbeeld.sdk.mapping import ALWAYS
from klantbeeld.sdk.records import Money, Origin, Record
from klantbeeld.sdk.roles import BILLING, COMPLAINTS, CRM, MARKETING, Role
from klantbeeld.settings import Bilingual, Settings, SourceSettings
from klantbeeld.sources.health import Health
from klantbeeld.sources.questions import Outcome, Question, SourceState, state_of
from klantbeeld.sources.translation import NO_KEY
from klantbeeld.writes.writer import Writer

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CUSTOMER = "01900000-0000-7000-8000-000000000001"
OTHER = "01900000-0000-7000-8000-000000000002"
STRANGER = "01900000-0000-7000-8000-00000000000f"

PROBLEMS: Mapping[str, type[SourceError]] = {
    "timeout": SourceTimeout,
    "unavailable": SourceUnavailable,
    "invalid": SourceInvalid,
}

SETTINGS = SourceSettings(
    connector="memory",
    base_url="http://127.0.0.1",
    importance="important",
    risk_when_missing=Bilingual(nl="ontbreekt", en="missing"),
    hosted_in="NL",
    processor="nobody",
    retention="P1Y",
)


@dataclass
class MemorySource:
    """Answers from `held`: records by capability and by the source's id of the customer or, by record, of the record.

    `problem` makes every question fail; `asked` keeps the questions.
    """

    name: str
    role: Role
    held: dict[str, dict[str, list[Record]]]
    problem: str | None = None
    asked: list[Question] = field(default_factory=list)
    by_record: tuple[str, ...] = ("product", "complaint", "invoice", "order", "interaction", "comments")
    batch: int = 1
    settings: SourceSettings = SETTINGS
    categories: tuple[words.Category, ...] = ()
    health: Health = field(default_factory=Health)
    doings: dict[str, Doing] = field(default_factory=dict)

    @property
    def roles(self) -> frozenset[str]:
        return frozenset({self.role.name})

    @property
    def readings(self) -> dict[str, Reading]:
        return {call: Reading(call, (), call, batch=self.batch, by_record=call in self.by_record) for call in self.held}

    async def ask(self, question: Question, deadline: float) -> Outcome:
        self.asked.append(question)
        await asyncio.sleep(0)
        if self.problem:
            problem = PROBLEMS[self.problem]("made up")
            return Outcome(state_of(problem), problem=problem)
        found = {
            call: {key: self._records(call, key, question) for key in question.keys or (NO_KEY,)}
            for call in question.members
        }
        return Outcome(SourceState.OK, found)

    def _records(self, call: str, key: str, question: Question) -> list[Record]:
        subject = question.subjects.get(key)
        kept = []
        for record in self.held[call].get(key, []):
            origin = Origin(self.name, subject.customer_id if subject else "", NOW)
            shown = {
                name: getattr(record, name)
                for name in record.__struct_fields__
                if (name in question.members[call] or name in ALWAYS) and name not in {"origin", "choices"}
            }
            kept.append(type(record)(**shown, origin=origin))
        return kept


@dataclass
class MemoryIdentity:
    """Customers and their links."""

    customers: dict[str, Links]
    by_key: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    async def links_of(self, ids: Sequence[str]) -> dict[str, Links]:
        return {one: self.customers[one] for one in ids if one in self.customers}

    async def by_reference(self, source: str, record_id: str) -> str | None:
        return (await self.by_references([(source, record_id)])).get(Reference(source, record_id))

    async def by_references(self, references: Collection[tuple[str, str]]) -> dict[Reference, str]:
        owned = {
            (link.source, link.record_id): links.customer_id
            for links in self.customers.values()
            for link in links.links
        }
        return {Reference(*one): owned[one] for one in map(tuple, references) if one in owned}

    async def by_match_key(self, kind: Any, value: str) -> tuple[str, ...]:
        return self.by_key.get((kind.value, value), ())


@dataclass(frozen=True)
class MemoryRights:
    """All rights, but for some scopes."""

    without: frozenset[str] = frozenset()

    @property
    def fingerprint(self) -> str:
        return ",".join(sorted(self.without))

    def refusal(self, scope: str, *, category: str, sensitivity: str) -> str | None:
        return "SCOPE_MISSING" if scope in self.without else None


class EveryRow:
    """All customers but one."""

    async def releases(self, caller: Any, ids: Collection[str]) -> dict[str, Any]:
        return {one: SimpleNamespace(covers=lambda scope, coordinate: True) for one in ids if one != STRANGER}

    async def own(self, caller: Any) -> str | None:
        return CUSTOMER


class NoTrail:
    def check(self) -> None: ...

    def read(self, caller: Any, reading: Any) -> None: ...


def links_of(customer_id: str, **record_ids: str) -> Links:
    links = tuple(
        Link(source, record_id, NOW, "IMPORT", None, "test", ()) for source, record_id in sorted(record_ids.items())
    )
    return Links(customer_id, customer_id, (), links)


def invoice(number: int, **more: Any) -> records.Invoice:
    return records.Invoice(
        record_id=f"in_{number}",
        owner="cus_1",
        number=f"2026-{number}",
        issued_on=date(2026, 1, 1 + number),
        due_on=date(2026, 2, 1),
        settlement=words.InvoiceState.OPEN,
        total=Money(Decimal("12.50"), "EUR"),
        lines=[records.InvoiceLine(description="line", product_reference="prod_1")],
        **more,
    )


def complaint(number: int, **more: Any) -> records.Complaint:
    return records.Complaint(
        record_id=f"c{number}",
        owner="z1",
        subject=f"complaint {number}",
        state=words.ComplaintState.OPEN,
        filed_at=datetime(2026, 10, number + 1, tzinfo=UTC),
        product_reference="prod_1",
        **more,
    )


PRODUCT = records.Product(record_id="prod_1", owner="cus_1", name="Device", started_on=date(2025, 5, 5))
PARTY = records.Party(record_id="p1", owner="p1", kind=words.PartyKind.PERSON, full_name="Ada", version="v1")


def four_sources() -> dict[str, MemorySource]:
    return {
        "crm": MemorySource(
            "crm",
            CRM,
            {
                "party": {"p1": [PARTY]},
                "contact_media": {
                    "p1": [
                        records.ContactMedium(record_id="p1/email", kind=words.ContactKind.EMAIL, value="a@example.nl"),
                        records.ContactMedium(
                            record_id="p1/address",
                            kind=words.ContactKind.POSTAL_ADDRESS,
                            address=records.PostalAddress(street="Kade", house_number="1", city="Delft"),
                        ),
                    ]
                },
                "orders": {"p1": [records.Order(record_id="o1", number="O-1", placed_at=NOW, lines=[], deliveries=[])]},
                "order": {"o1": [records.Order(record_id="o1", number="O-1", placed_at=NOW)]},
                "interactions": {"p1": [records.Interaction(record_id="i1", subject="call", occurred_at=NOW)]},
                "search": {NO_KEY: [PARTY]},
            },
        ),
        "billing": MemorySource(
            "billing",
            BILLING,
            {
                "party": {"cus_1": [records.Party(record_id="cus_1", full_name="A. Lovelace")]},
                "invoices": {"cus_1": [invoice(number) for number in range(5)]},
                "invoice": {"in_1": [invoice(1)]},
                "billing_accounts": {
                    "cus_1": [records.BillingAccount(record_id="cus_1", balance=Money(Decimal("7.00"), "EUR"))]
                },
                "products": {"cus_1": [PRODUCT]},
                "product": {"prod_1": [PRODUCT]},
            },
        ),
        "complaints": MemorySource(
            "complaints",
            COMPLAINTS,
            {
                "complaints": {"z1": [complaint(number) for number in range(3)]},
                "complaint": {f"c{number}": [complaint(number)] for number in range(3)},
                "comments": {"c1": [records.Comment(record_id="k1", body="why", written_at=NOW)]},
            },
        ),
        "marketing": MemorySource(
            "marketing",
            MARKETING,
            {
                "consents": {
                    "m1": [
                        records.Consent(
                            record_id="m1/a", purpose="marketing", status=words.ConsentStatus.GIVEN, changed_at=NOW
                        )
                    ]
                },
                "preferences": {"m1": [records.Preference(record_id="m1/p", topic="news", subscribed=True)]},
                "campaigns": {"m1": [records.Campaign(record_id="m1/c", name="Spring", opened=True)]},
                "attributes": {
                    "m1": [
                        records.Attribute(record_id="m1/x", name="likes", value="tea", category=words.Category.SOCIAL)
                    ]
                },
            },
        ),
    }


SCHEMA = build_schema()


@dataclass
class House:
    """An engine over sources in memory; `ask` gives the response as a client would read it."""

    sources: dict[str, MemorySource] = field(default_factory=four_sources)
    fallbacks: int = 0
    faults: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.identity = MemoryIdentity(
            {
                CUSTOMER: links_of(CUSTOMER, crm="p1", billing="cus_1", complaints="z1", marketing="m1"),
                OTHER: links_of(OTHER, crm="p2"),
                STRANGER: links_of(STRANGER, crm="p3"),
            }
        )
        settings = Settings(sources={name: source.settings for name, source in self.sources.items()})
        opened: Any = self.sources
        self.engine = Engine(
            EngineParts(
                schema=SCHEMA,
                settings=settings,
                sources=opened,
                identity=self.identity,  # type: ignore[arg-type]  # the part that finds customers
                rows=EveryRow(),
                writer=Writer(opened, declared={}, secret=b"s" * 32, new_id=lambda: "op-1"),
                trail=NoTrail(),
                errors=SimpleNamespace(
                    shown=gateway_errors.shown, shown_before_execution=gateway_errors.shown_before_execution
                ),
                parse=parse,
                cursor_key=b"c" * 32,
                count_fallback=self._count,
                failed=self.faults.append,
                now=lambda: NOW,
            )
        )

    def _count(self) -> None:
        self.fallbacks += 1

    async def ask(
        self, query: str, variables: Mapping[str, Any] | None = None, *, without: Iterable[str] = ()
    ) -> dict[str, Any]:
        request = SimpleNamespace(query=query, operation_name=None, variables=variables or {}, extensions={})
        caller = SimpleNamespace(
            rights=MemoryRights(frozenset(without)), issuer="i", client_id="c", subject="s", deadline_seconds=5
        )
        context = SimpleNamespace(
            caller=caller, deadline=asyncio.get_running_loop().time() + 5, language="en", is_get=False
        )
        answer = await self.engine.execute(request, context)
        response: dict[str, Any] = msgspec.json.decode(answer.body)
        return response

    def questions(self) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
        """What was asked: source, capabilities and keys of each call."""
        return [
            (name, tuple(sorted(question.members)), question.keys)
            for name, source in self.sources.items()
            for question in source.asked
        ]
