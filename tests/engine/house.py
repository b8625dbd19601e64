"""A house without a network: an engine over sources that answer from memory, and what four of them hold."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec
from graphql import parse
from tests.engine.memory import (
    NOW,
    SETTINGS,
    MemoryChanges,
    MemoryIdentity,
    MemoryRegister,
    MemoryRights,
    MemoryRows,
    MemorySource,
    NoTrail,
    links_of,
)
from tests.writes.memory import a_writer

from klantbeeld.access.defaults import default_access
from klantbeeld.engine.engine import Engine, EngineParts
from klantbeeld.engine.events import Events
from klantbeeld.engine.increments import Parts
from klantbeeld.engine.ports import Answer, Trail
from klantbeeld.gateway import errors as gateway_errors
from klantbeeld.graph.schema import build_schema
from klantbeeld.identity.links import Links
from klantbeeld.sdk import records, words
from klantbeeld.sdk.records import Money
from klantbeeld.sdk.roles import BILLING, COMPLAINTS, CRM, MARKETING
from klantbeeld.settings import Settings
from klantbeeld.sources.context import Priority
from klantbeeld.sources.translation import NO_KEY

__all__ = [
    "CUSTOMER",
    "NOW",
    "OTHER",
    "SCHEMA",
    "SETTINGS",
    "STRANGER",
    "House",
    "MemoryIdentity",
    "MemoryRights",
    "MemoryRows",
    "MemorySource",
    "complaint",
    "four_sources",
    "invoice",
    "links_of",
    "three_customers",
]

CUSTOMER = "01900000-0000-7000-8000-000000000001"
OTHER = "01900000-0000-7000-8000-000000000002"
STRANGER = "01900000-0000-7000-8000-00000000000f"
CURSOR_KEY = b"c" * 32


def invoice(number: int, **more: Any) -> records.Invoice:
    return records.Invoice(
        record_id=f"in_{number}",
        owner="cus_1",
        number=f"2026-{number}",
        issued_on=date(2026, 1, 1 + number),
        due_on=date(2026, 2, 1),
        settlement=words.InvoiceState.OPEN,
        total=Money(Decimal("12.50"), "EUR"),
        due=Money(Decimal("12.50"), "EUR"),
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


def three_customers() -> dict[str, Links]:
    """One whom all four sources know, one whom the CRM alone knows, and one who is nobody's to see."""
    return {
        CUSTOMER: links_of(CUSTOMER, crm="p1", billing="cus_1", complaints="z1", marketing="m1"),
        OTHER: links_of(OTHER, crm="p2"),
        STRANGER: links_of(STRANGER, crm="p3"),
    }


@dataclass
class House:
    """An engine over sources in memory; `ask` gives the response as a client would read it."""

    sources: dict[str, MemorySource] = field(default_factory=four_sources)
    customers: dict[str, Links] = field(default_factory=three_customers)
    rows: MemoryRows = field(default_factory=lambda: MemoryRows(CUSTOMER, frozenset({STRANGER})))
    by_key: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    register: MemoryRegister = field(default_factory=MemoryRegister)
    trail: Trail = field(default_factory=NoTrail)
    more_settings: Mapping[str, Any] = field(default_factory=dict)
    changes: MemoryChanges = field(default_factory=MemoryChanges)
    fallbacks: int = 0
    faults: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.identity = MemoryIdentity(self.customers, self.by_key)
        sources = {name: source.settings for name, source in self.sources.items()}
        given: dict[str, Any] = {
            "access": default_access(),
            "documents": {"compile": "all", "new_burst": 1_000_000},
            **self.more_settings,
        }
        self.settings = Settings(sources=sources, **given)
        opened: Any = self.sources
        self.writer = a_writer(opened, now=lambda: NOW)
        self.engine = Engine(
            EngineParts(
                schema=SCHEMA,
                settings=self.settings,
                sources=opened,
                identity=self.identity,  # type: ignore[arg-type]  # the part that finds customers
                rows=self.rows,
                writer=self.writer,
                trail=self.trail,
                register=self.register,
                errors=SimpleNamespace(
                    shown=gateway_errors.shown, shown_before_execution=gateway_errors.shown_before_execution
                ),
                parse=parse,
                cursor_key=CURSOR_KEY,
                count_fallback=self._count,
                failed=self.faults.append,
                now=lambda: NOW,
                changes=self.changes,
            )
        )

    def _count(self) -> None:
        self.fallbacks += 1

    async def ask(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        without: Iterable[str] = (),
        is_partner: bool = False,
        explain: bool = False,
        name: str | None = None,
    ) -> dict[str, Any]:
        answer = await self.execute(
            query, variables, without=without, is_partner=is_partner, explain=explain, name=name
        )
        assert isinstance(answer, Answer)
        response: dict[str, Any] = msgspec.json.decode(answer.body)
        return response

    async def parts(
        self, query: str, variables: Mapping[str, Any] | None = None, *, without: Iterable[str] = ()
    ) -> list[dict[str, Any]]:
        """Ask as a client that takes parts, and read all of them."""
        answer = await self.execute(query, variables, without=without, takes_incremental=True)
        assert isinstance(answer, Parts)
        return [msgspec.json.decode(msgspec.json.encode(part)) async for part in answer]

    async def execute(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        without: Iterable[str] = (),
        is_partner: bool = False,
        name: str | None = None,
        **more: Any,
    ) -> Answer | Parts | Events:
        """Ask; `more` is what the context of the request says beside the caller and the deadline."""
        request = SimpleNamespace(query=query, operation_name=name, variables=variables or {}, extensions={})
        given = {
            "caller": caller_of(without, is_partner=is_partner),
            "deadline": asyncio.get_running_loop().time() + 60,
            "language": "en",
            "is_get": False,
            "consistency_token": None,
            "idempotency_key": None,
            "explain": False,
            "span": None,
            "takes_incremental": False,
            "takes_events": False,
        }
        return await self.engine.execute(request, SimpleNamespace(**{**given, **more}))

    def questions(self) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
        """What was asked: source, capabilities and keys of each call."""
        return [
            (name, tuple(sorted(question.members)), question.keys)
            for name, source in self.sources.items()
            for question in source.asked
        ]


def caller_of(without: Iterable[str] = (), *, is_partner: bool = False) -> SimpleNamespace:
    """Make a caller who lacks some scopes."""
    rights = MemoryRights(frozenset(without), is_partner)
    return SimpleNamespace(
        caller_class="agent",
        rights=rights,
        issuer="i",
        client_id="c",
        subject="s",
        deadline_seconds=60,
        priority=Priority.AGENT,
        token=None,
    )
