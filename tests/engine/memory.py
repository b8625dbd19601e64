"""Sources, an identity map and rights in memory: what stands around an engine without a network."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from types import SimpleNamespace
from typing import Any, ClassVar

from klantbeeld.errors import (
    SourceConflict,
    SourceError,
    SourceInvalid,
    SourceRefused,
    SourceRejected,
    SourceTimeout,
    SourceUnavailable,
)
from klantbeeld.graph.data_use import Disclosure, Granted
from klantbeeld.identity.links import Link, Links, Reference
from klantbeeld.sdk import words
from klantbeeld.sdk.acts import Act
from klantbeeld.sdk.calls import Call
from klantbeeld.sdk.connector import Doing, Reading
from klantbeeld.sdk.manifest import Remembers
from klantbeeld.sdk.mapping import ALWAYS
from klantbeeld.sdk.records import Origin, Record
from klantbeeld.sdk.replies import Reply
from klantbeeld.sdk.roles import Role
from klantbeeld.settings import Bilingual, SourceSettings
from klantbeeld.sources.chain import Chain
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.conversation import Written
from klantbeeld.sources.health import Health
from klantbeeld.sources.questions import Outcome, Question, SourceState, state_of
from klantbeeld.sources.translation import NO_KEY

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

PROBLEMS: Mapping[str, type[SourceError]] = {
    "timeout": SourceTimeout,
    "unavailable": SourceUnavailable,
    "invalid": SourceInvalid,
    "refused": SourceRefused,
    "conflict": SourceConflict,
    "rejected": SourceRejected,
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

BY_RECORD = ("product", "complaint", "invoice", "order", "interaction", "comments")

# Members that a source compares with the GraphQL argument of the same meaning.
FILTERS = {"state": "settlement", "status": "status"}


@dataclass
class MemorySource:
    """Answers from `held`: records by capability and by the source's id of the customer or, by record, of the record.

    `problem` makes every question fail, and `problems` those for one resource; `asked` keeps the questions. A question
    waits for the event that `gates` has for its resource. `shares` gives capabilities a resource in common.
    """

    is_quarantined: ClassVar[bool] = False

    name: str
    role: Role
    held: dict[str, dict[str, list[Record]]]
    problem: str | None = None
    asked: list[Question] = field(default_factory=list)
    by_record: tuple[str, ...] = BY_RECORD
    batch: int = 1
    settings: SourceSettings = SETTINGS
    categories: tuple[words.Category, ...] = ()
    health: Health = field(default_factory=Health)
    doings: dict[str, Doing] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    shares: Mapping[str, str] = field(default_factory=dict)
    refuses: str | None = None
    remembers: Remembers = field(default_factory=Remembers)
    acts: list[tuple[str, Act]] = field(default_factory=list)

    @cached_property
    def chain(self) -> Chain:
        return Chain(self.name, self.settings, _no_attempt, clock=time.monotonic)

    @property
    def roles(self) -> frozenset[str]:
        return frozenset({self.role.name})

    @property
    def readings(self) -> dict[str, Reading]:
        return {
            call: Reading(call, (), self.shares.get(call, call), batch=self.batch, by_record=call in self.by_record)
            for call in self.held
        }

    async def ask(self, question: Question, context: CallContext) -> Outcome:
        self.asked.append(question)
        resource = self.readings[next(iter(question.members))].resource
        if gate := self.gates.get(resource):
            await gate.wait()
        else:
            await asyncio.sleep(0)
        return self.answer(question)

    def answer(self, question: Question) -> Outcome:
        """Answer a question at once."""
        resource = self.readings[next(iter(question.members))].resource
        if problem := self.problem or self.problems.get(resource):
            error = PROBLEMS[problem]("made up")
            return Outcome(state_of(error), problem=error)
        found = {
            call: {key: self._records(call, key, question) for key in question.keys or (NO_KEY,)}
            for call in question.members
        }
        return Outcome(SourceState.OK, found)

    async def act(self, name: str, act: Act, context: CallContext) -> Written:
        """Do what is asked, unless the source `refuses`: a problem, with "!" when nothing was sent."""
        self.acts.append((name, act))
        if self.refuses:
            error = PROBLEMS[self.refuses.strip("!")]("made up")
            error.sent = not self.refuses.endswith("!")
            raise error
        return Written(f"{name}-{len(self.acts)}", f"v{len(self.acts)}")

    def _records(self, call: str, key: str, question: Question) -> list[Record]:
        subject = question.subjects.get(key)
        origin = Origin(self.name, subject.customer_id if subject else "", NOW)
        kept = [record for record in self.held[call].get(key, []) if _is_asked(record, question.arguments)]
        return [shown(record, question.members[call], origin) for record in kept]


def shown(record: Record, members: Collection[str], origin: Origin) -> Record:
    """Return the record with these members alone, as a source would give it."""
    names = [name for name in record.__struct_fields__ if name not in {"origin", "choices"}]
    kept = {name: getattr(record, name) for name in names if name in members or name in ALWAYS}
    return type(record)(**kept, origin=origin)


def _is_asked(record: Record, arguments: Mapping[str, Any]) -> bool:
    """Say whether a record is among what was asked for, as a source that filters understands it."""
    if arguments.get("open") is not None:
        done = {words.ComplaintState.SOLVED, words.ComplaintState.CLOSED}
        return (getattr(record, "state", None) not in done) is arguments["open"]
    wanted = [(getattr(record, FILTERS[name], None), arguments.get(name)) for name in FILTERS]
    late = words.InvoiceState.OVERDUE
    return all(value is None or value is held or (value is late and held is late.OPEN) for held, value in wanted)


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
    is_partner: bool = False
    purpose: str = "service"

    @property
    def fingerprint(self) -> str:
        return ",".join(sorted(self.without))

    def refusal(self, scope: str, *, category: str, sensitivity: str) -> str | None:
        return "SCOPE_MISSING" if scope in self.without else None


@dataclass
class MemoryRows:
    """All customers but the `hidden`; scopes that a customer has `withheld` are not released."""

    mine: str | None
    hidden: frozenset[str] = frozenset()
    withheld: Mapping[str, frozenset[str]] = field(default_factory=dict)

    async def releases(self, caller: Any, ids: Collection[str]) -> dict[str, Any]:
        return {one: self._release(one) for one in ids if one not in self.hidden}

    async def own(self, caller: Any) -> str | None:
        return self.mine

    def _release(self, customer_id: str) -> Any:
        kept = self.withheld.get(customer_id, frozenset())
        return SimpleNamespace(is_whole=not kept, covers=lambda scope, _coordinate: scope not in kept)


@dataclass
class MemoryRegister:
    """Who received data and who may, of every customer alike; fails with `problem`."""

    disclosed: list[Disclosure] = field(default_factory=list)
    granted: list[Granted] = field(default_factory=list)
    problem: Exception | None = None

    async def disclosures(self, customer_id: str, /) -> list[Disclosure]:
        return self._given(self.disclosed)

    async def grants(self, customer_id: str, /) -> list[Granted]:
        return self._given(self.granted)

    def _given(self, kept: list[Any]) -> list[Any]:
        if self.problem:
            raise self.problem
        return kept


@dataclass
class MemoryChanges:
    """Tells what a test has happen; `listening` are the customers who are listened to."""

    listening: dict[str, asyncio.Queue[Any]] = field(default_factory=dict)

    def of(self, customer_id: str, /) -> AsyncIterator[Any]:
        self.listening[customer_id] = asyncio.Queue()
        return self._told(customer_id)

    async def _told(self, customer_id: str) -> AsyncIterator[Any]:
        queue = self.listening[customer_id]
        try:
            while True:
                yield await queue.get()
        finally:
            del self.listening[customer_id]


class NoTrail:
    """Keeps nothing."""

    def check(self) -> None: ...

    def read(self, caller: Any, reading: Any) -> None: ...


def links_of(customer_id: str, **record_ids: str | Sequence[str]) -> Links:
    """Link a customer to records of sources, by source; several ids make several links."""
    every = [
        (source, one)
        for source, ids in sorted(record_ids.items())
        for one in ([ids] if isinstance(ids, str) else sorted(ids))
    ]
    links = tuple(Link(source, one, NOW, "IMPORT", None, "test", ()) for source, one in every)
    return Links(customer_id, customer_id, (), links)


async def _no_attempt(call: Call[Any], deadline: float, context: CallContext) -> Reply:
    raise AssertionError(call, deadline, context)
