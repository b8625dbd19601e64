"""Worlds: what sources hold and how they fare, made from a seed; the same seed gives the same world."""

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from random import Random
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
from tests.engine.house import CUSTOMER, OTHER, STRANGER, House, links_of
from tests.engine.memory import MemoryRows, MemorySource

from klantbeeld.identity.links import Links
from klantbeeld.sdk import records, words
from klantbeeld.sdk.connector import Doing
from klantbeeld.sdk.mapping import Mapping as RecordMapping
from klantbeeld.sdk.records import Record
from klantbeeld.sdk.roles import BILLING, COMPLAINTS, CRM, MARKETING, Role
from klantbeeld.sources.translation import NO_KEY

UNKNOWN = "01900000-0000-7000-8000-0000000000aa"
MERGED = "01900000-0000-7000-8000-0000000000bb"

# Under which ids each source knows whom; the second customer is strange to marketing and to the second billing source.
KNOWN: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    CUSTOMER: {
        "billing": ("cus_1", "cus_2"),
        "complaints": ("z1",),
        "crm": ("p1",),
        "ledger": ("l1",),
        "mail": ("m1",),
    },
    OTHER: {"billing": ("cus_9",), "complaints": ("z9",), "crm": ("p9", "p8")},
    STRANGER: {"crm": ("p3",)},
}

ROLES: Mapping[str, Role] = {
    "billing": BILLING,
    "complaints": COMPLAINTS,
    "crm": CRM,
    "ledger": BILLING,
    "mail": MARKETING,
}

# What each source can be asked for; the others of its role it does not support.
CALLS: Mapping[str, tuple[str, ...]] = {
    "billing": ("party", "invoices", "invoice", "billing_accounts", "products", "purchases", "product"),
    "complaints": ("complaints", "complaint", "comments"),
    "crm": ("party", "contact_media", "orders", "order", "interactions", "interaction", "search"),
    "ledger": ("invoices", "billing_accounts", "product"),
    "mail": ("party", "consents", "preferences", "campaigns", "attributes"),
}

SHARES: Mapping[str, Mapping[str, str]] = {
    "billing": {"party": "customer", "billing_accounts": "customer", "invoices": "invoices", "purchases": "invoices"},
    "mail": dict.fromkeys(CALLS["mail"], "account"),
}

PRODUCTS = ("prod_1", "prod_2", "prod_3")
COMPLAINED = ("c1", "c2", "c3", "c4")
ONE_OF: Mapping[str, tuple[str, ...]] = {
    "product": PRODUCTS,
    "complaint": COMPLAINED,
    "invoice": ("in_1", "in_2"),
    "order": ("o1", "o2"),
    "interaction": ("i1", "i2"),
    "comments": COMPLAINED,
}

OWNERS = {"c1": "z1", "c2": "z1", "c3": "z9", "in_1": "cus_1", "in_2": "cus_9"}

SCOPES = (
    "billing:read", "complaints:read", "crm:read", "customer:read", "eligibility:read", "identity:read",
    "identity:search", "marketing:read", "sources:read", "crm:write", "billing:write", "billing:credit",
    "complaints:write", "marketing:write",
)  # fmt: skip

PHONE = "+31612345678"


def known_customers(*, once: bool = False) -> dict[str, Links]:
    """Return the links of all customers; an id that was merged leads to the first.

    If `once`, nobody was merged, and no source knows anybody under two ids.
    """
    found = {one: links_of(one, **known) for one, known in KNOWN.items()}
    if once:
        return {one: links_of(one, **{name: ids[:1] for name, ids in known.items()}) for one, known in KNOWN.items()}
    found[CUSTOMER] = msgspec.structs.replace(found[CUSTOMER], redirected_from=(MERGED,))
    found[MERGED] = msgspec.structs.replace(found[CUSTOMER], asked_id=MERGED)
    return found


@dataclass(frozen=True)
class World:
    """How a house is furnished; `house` makes a new one each time, so that no executor sees what another one did.

    `held` is what the sources hold, which nobody changes.
    """

    seed: int
    without: tuple[str, ...]
    problems: Mapping[str, Mapping[str, str]]
    withheld: Mapping[str, frozenset[str]]
    refuses: str | None
    empty: tuple[str, ...]
    absent: tuple[str, ...]
    wrong: float
    batch: int = 10
    links: Mapping[str, Links] = field(default_factory=known_customers)
    held: dict[str, dict[str, dict[str, list[Record]]]] = field(default_factory=dict)

    def house(self) -> House:
        sources = {name: self._source(name) for name in ROLES if name not in self.absent}
        return House(
            sources=sources,
            customers=dict(self.links),
            rows=MemoryRows(CUSTOMER, frozenset({STRANGER}), self.withheld),
            by_key={
                ("PHONE", PHONE): (CUSTOMER, OTHER),
                ("EMAIL", "one@example.nl"): (CUSTOMER,),
                ("CUSTOMER_NUMBER", "1"): (OTHER, STRANGER),
            },
        )

    def _source(self, name: str) -> MemorySource:
        role = ROLES[name]
        if name not in self.held:
            random = Random(f"{self.seed} {name}")
            ids = [one for known in KNOWN.values() for one in known.get(name, ())]
            self.held[name] = {call: self._held(name, call, random, ids) for call in CALLS[name]}
        source = MemorySource(name, role, self.held[name], batch=self.batch, shares=SHARES.get(name, {}))
        source.problems = self.problems.get(name, {})
        source.refuses = self.refuses
        kind: RecordMapping[Any] = RecordMapping(records.Party, records.Party, {})
        source.doings = {act: Doing(act, words.WriteSafety.NONE, kind) for act in role.acts}
        source.categories = (words.Category.CUSTOM,)
        return source

    def _held(self, name: str, call: str, random: Random, ids: list[str]) -> dict[str, list[Record]]:
        kind = ROLES[name].reads[call]
        fill = Filler(random, self.wrong).record
        if call == "search":
            return {NO_KEY: [fill(kind, one, one) for one in (*ids, "p_unknown")]}
        if call == "comments":
            return {one: [fill(kind, f"k{one}{n}", None) for n in range(random.randint(0, 3))] for one in COMPLAINED}
        if call in ONE_OF:
            owner = ids[0] if call in {"complaint", "invoice"} else None  # whose they are is asked before a write
            return {one: [fill(kind, one, owner)] for one in ONE_OF[call] if random.random() > 0.2}
        most = 1 if call == "party" else 4
        held: dict[str, list[Record]] = {}
        for one in ids:
            count = 0 if call in self.empty else random.randint(min(most, 1), most)
            own = ONE_OF.get({"complaints": "complaint"}.get(call, ""), ())
            held[one] = [fill(kind, own[n] if own else f"{call[:3]}{one}{n}", one) for n in range(count)]
        return held


def world_of(seed: int, *, healthy: bool = False) -> World:
    """Make a world; most sources fare well in most worlds."""
    random = Random(f"world {seed}")
    chance = 0.0 if healthy else 1.0
    problems: dict[str, dict[str, str]] = {}
    for name, calls in CALLS.items():
        problem = random.choice(["timeout", "unavailable", "invalid", "refused"])
        shares = SHARES.get(name, {})
        share = random.choice([0.0, 0.0, 0.0, 0.3, 1.0]) * chance
        problems[name] = {shares.get(call, call): problem for call in calls if random.random() < share}
    few = sorted(random.sample(SCOPES, random.choice([0, 0, 0, 1, 2, 4])))
    reading = [scope for scope in SCOPES if scope.endswith(":read")]
    kept = (
        frozenset(random.sample(reading, random.choice([1, 2, 3]))) if random.random() < 0.3 * chance else frozenset()
    )
    return World(
        seed=seed,
        without=tuple(few) if chance else (),
        problems=problems,
        withheld={random.choice([CUSTOMER, CUSTOMER, OTHER]): kept},
        refuses=random.choice([None, None, "conflict", "rejected", "timeout", "unavailable!"]) if chance else None,
        empty=tuple(random.sample(["orders", "interactions", "products", "consents"], random.choice([0, 0, 1, 2]))),
        absent=tuple(random.sample(list(ROLES), 1)) if random.random() < 0.1 * chance else (),
        wrong=random.choice([0.0, 0.0, 0.0, 0.02]) * chance,
        links=known_customers(once=random.random() < 0.5),
    )


@dataclass(frozen=True)
class Filler:
    """Fills records by the types of their members; a share of the values is `wrong`: missing where one should be."""

    random: Random
    wrong: float

    def record(self, kind: type[Record], record_id: str, owner: str | None) -> Record:
        values = {name: self.value(name, hint) for name, hint in members_of(kind).items() if name != "behind"}
        return kind(record_id=record_id, owner=owner, **values)

    def value(self, name: str, hint: Any) -> Any:
        if self.random.random() < self.wrong:
            return None
        origin = get_origin(hint)
        if origin in {Union, types.UnionType}:
            inner = next(one for one in get_args(hint) if one is not type(None))
            return None if self.random.random() < 0.15 else self.value(name, inner)
        if origin is list:
            return [self.value(name, get_args(hint)[0]) for _ in range(self.random.randint(0, 2))]
        if name in {"product_reference", "code"}:
            return self.random.choice([*PRODUCTS, "prod_unknown"])
        return MAKERS[hint](self.random) if hint in MAKERS else self._of_class(hint)

    def _of_class(self, kind: Any) -> Any:
        if issubclass(kind, Enum):
            return self.random.choice(list(kind))
        return kind(**{one: self.value(one, hint) for one, hint in hints_of(kind).items()})


hints_of = cache(get_type_hints)


@cache
def members_of(kind: type[Record]) -> dict[str, Any]:
    """Return the members that a connector fills, with their types."""
    carried = set(Record.__struct_fields__) - {"version"}
    return {name: hint for name, hint in get_type_hints(kind).items() if name not in carried}


def _day(random: Random) -> date:
    return date(2026, 11, 23) - timedelta(days=random.choice([0, 1, 1, 30, 400, 9000, 20000]))


def _moment(random: Random) -> datetime:
    return datetime(2026, 11, 23, 11, tzinfo=UTC) - timedelta(days=random.choice([0, 1, 1, 30, 400]))


MAKERS: Mapping[Any, Callable[[Random], Any]] = {
    str: lambda random: random.choice(["", "a", 'é "quoted"\n', "Van den Heuvel", "<b>", "EUR"]),
    bool: lambda random: random.random() < 0.5,
    date: _day,
    datetime: _moment,
    Decimal: lambda random: Decimal(random.choice(["0.00", "12.50", "-3", "1E+2", "99999999999999.99"])),
}
