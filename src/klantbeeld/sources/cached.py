"""Cached reads: what a source said is served again for a short time, to callers with the same rights and purpose.

What is kept is what was decoded: the records of one capability for one key, with the members that were selected. The
key of a value is a keyed hash of all that decided it, so that a question for other members, of another customer, or by
a caller with other rights finds nothing.

    look      is what is kept good: not evicted since its call began, and young enough
    read      what is not there, or may not be kept, is asked
    keep      what came is kept, with how far the log of changes was read when the call began
"""

import asyncio
import hmac
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from msgspec import structs

from klantbeeld.errors import SourceBusy, SourceError, SourceInvalid, SourceRefused, SourceTimeout, SourceUnavailable
from klantbeeld.sdk.connector import Reading
from klantbeeld.sdk.records import Origin, Record
from klantbeeld.settings_sharing import Ages
from klantbeeld.sources.cache_values import (
    Found,
    OfAge,
    Slot,
    fresh,
    if_error,
    kind_of,
    packed,
    unpacked,
    while_revalidate,
)
from klantbeeld.sources.changes import Changes
from klantbeeld.sources.context import CallContext, Priority
from klantbeeld.sources.evictions import Mark
from klantbeeld.sources.flights import AskSource
from klantbeeld.sources.questions import Outcome, Question, SourceState, Subject
from klantbeeld.telemetry.metrics import CallOutcome

TOO_MANY = 429  # requests (RFC 6585, section 4)


class Store(Protocol):
    """Where values lie; it answers that there is nothing rather than fail."""

    async def look(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        """Return what there is of some keys."""
        ...

    async def keep(self, values: Mapping[str, bytes], seconds: float) -> None:
        """Keep values for some seconds."""
        ...

    async def is_first(self, key: str, seconds: float) -> bool:
        """Say whether nobody else said this of a key within some seconds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """What the cached reads of all sources have in common; lives as long as the app.

    `ages_of` gives the ages of a kind of record, `secret` keeps the names of values from being guessed, and `now` is
    the clock of their age, in UTC.
    """

    store: Store
    changes: Changes
    ages_of: Callable[[str], Ages]
    secret: bytes
    now: Callable[[], datetime]


class CachedReads:
    """The cached reads of one source; lives as long as the source.

    `read` asks the source, `proof` names the credentials that go upstream where they are the caller's own, and
    `timeout` is the longest that asking again may take, in seconds.
    """

    def __init__(
        self,
        source: str,
        sharing: Sharing,
        *,
        readings: Mapping[str, Reading],
        read: AskSource,
        timeout: float,
        proof: Callable[[CallContext], Hashable] | None = None,
        count: Callable[[CallOutcome, float], None] = lambda _outcome, _seconds: None,
    ) -> None:
        self._source = source
        self._sharing = sharing
        self._read = read
        self._timeout = timeout
        self._proof = proof
        self._count = count
        self._kinds = {name: reading.mappings[0].record for name, reading in readings.items() if reading.mappings}
        self._ages = {name: sharing.ages_of(kind_of(record)) for name, record in self._kinds.items()}
        self._refreshing: set[asyncio.Task[None]] = set()

    async def ask(self, question: Question, context: CallContext) -> Outcome:
        """Answer from what is kept, or ask the source; what goes wrong is in the outcome."""
        try:
            slots = self._slots(question, context)
        except SourceError:  # nobody to ask for, which the call itself will say
            slots = []
        if not slots:
            return self._noted(await self._read(question, context), question, context)
        found = await self._look(slots, question, context)
        if whole := self._served(question, slots, found, while_revalidate):
            await self._revalidate(question, slots, found, context)
            return self._told(whole, slots, found, context)
        missing = self._missing(question, slots, found)
        mark = self._sharing.changes.evictions.mark
        outcome = await self._read(missing, context)
        if outcome.state is SourceState.OK:
            await self._keep(missing, outcome, [slot for slot in slots if slot.key in missing.subjects], mark)
            return self._noted(self._joined(question, missing, outcome, slots, found), question, context)
        stale = self._served(question, slots, found, if_error) if _may_be_stale(outcome.problem) else None
        if stale is None:
            return self._noted(outcome, question, context)
        return self._told(structs.replace(stale, seconds=outcome.seconds), slots, found, context)

    async def aclose(self) -> None:
        """End what is being asked again."""
        for task in self._refreshing:
            task.cancel()
        await asyncio.gather(*self._refreshing, return_exceptions=True)

    def _slots(self, question: Question, context: CallContext) -> list[Slot]:
        """Return the places of what may be kept of a question."""
        every = [(name, self._ages[name]) for name in question.members if self._ages[name].longest]
        if not every:
            return []
        asked = (
            self._source,
            question.by_record,
            sorted((name, repr(value)) for name, value in question.arguments.items()),
            question.first,
            question.after,
            question.everything,
            context.rights,
            None if self._proof is None else self._proof(context),
        )
        return [
            Slot(
                name,
                key,
                subject,
                self._name(asked, name, question.members[name], key, subject),
                ages,
                self._kinds[name],
            )
            for name, ages in every
            for key, subject in question.subjects.items()
        ]

    def _name(
        self, asked: tuple[object, ...], capability: str, members: frozenset[str], key: str, subject: Subject
    ) -> str:
        """Name a value by all that decided it; repr quotes, so that no two can look alike."""
        whole = repr((asked, capability, sorted(members), key, subject.customer_id, sorted(subject.owners)))
        return hmac.digest(self._sharing.secret, whole.encode(), "sha256").hex()

    async def _look(self, slots: list[Slot], question: Question, context: CallContext) -> Found:
        """Find what is kept and not evicted; nothing where the log of changes cannot tell."""
        changes = self._sharing.changes
        if question.fresh or context.fresh or not await changes.is_current():
            return Found()
        kept = await self._sharing.store.look([slot.name for slot in slots])
        now, found = self._sharing.now(), Found()
        for slot in slots:
            raw = kept.get(slot.name)
            value = unpacked(slot.name, raw, slot.record, now=now) if raw else None
            subject = changes.subject(slot.subject.customer_id)
            if value and changes.evictions.allows(value.mark, self._source, subject):
                found.values[slot.name] = value
        return found

    def _served(self, question: Question, slots: list[Slot], found: Found, age: OfAge) -> Outcome | None:
        """Make the answer of what is kept, if there is all of it, no older than an age."""
        if len(slots) < len(question.members) * len(question.subjects):
            return None
        if not found.are_within(slots, age):
            return None
        pages = {found.values[slot.name].next_page for slot in slots}
        if len(pages) != 1:  # of different times, when the pages ended elsewhere
            return None
        state = SourceState.CACHED if found.are_within(slots, fresh) else SourceState.STALE
        return Outcome(state, self._records(question, slots, found), next_page=pages.pop())

    def _records(self, question: Question, slots: Iterable[Slot], found: Found) -> dict[str, dict[str, list[Record]]]:
        """Return the records of what is kept, labelled with where and when they came from."""
        records: dict[str, dict[str, list[Record]]] = {name: {} for name in question.members}
        for slot in slots:
            value = found.values[slot.name]
            is_stale = value.age >= slot.ages.max_age
            origin = Origin(self._source, slot.subject.customer_id, value.fetched_at, not is_stale, is_stale)
            for record in value.records:
                record.origin = origin
            records[slot.capability][slot.key] = value.records
        return records

    def _missing(self, question: Question, slots: list[Slot], found: Found) -> Question:
        """Return the question for the keys of which something is not kept, or not young enough."""
        if len(question.subjects) == 1 or len(slots) < len(question.members) * len(question.subjects):
            return question
        left = {slot.key for slot in slots if not found.is_within(slot, fresh)}
        return structs.replace(question, subjects={key: one for key, one in question.subjects.items() if key in left})

    def _joined(
        self, question: Question, missing: Question, outcome: Outcome, slots: list[Slot], found: Found
    ) -> Outcome:
        """Put what was asked beside what was kept."""
        if missing is question:
            return outcome
        kept = [slot for slot in slots if slot.key not in missing.subjects]
        records = self._records(question, kept, found)
        for name, by_key in outcome.records.items():
            records[name].update(by_key)
        return structs.replace(outcome, state=SourceState.CACHED, records=records)

    async def _keep(self, question: Question, outcome: Outcome, slots: list[Slot], mark: Mark) -> None:
        """Keep what came of a question; not of one whose pages hang together over several keys."""
        if not outcome.complete or (outcome.next_page is not None and len(question.subjects) > 1):
            return
        now = self._sharing.now()
        by_ages: dict[float, dict[str, bytes]] = {}
        for slot in slots:
            records = outcome.records[slot.capability].get(slot.key, [])
            fetched_at = min((record.origin.fetched_at for record in records if record.origin), default=now)
            value = packed(slot.name, records, fetched_at=fetched_at, mark=mark, next_page=outcome.next_page)
            by_ages.setdefault(slot.ages.longest, {})[slot.name] = value
        for longest, values in by_ages.items():
            await self._sharing.store.keep(values, longest)

    async def _revalidate(self, question: Question, slots: list[Slot], found: Found, context: CallContext) -> None:
        """Ask again, behind the answer, for what is older than its `max_age`; one replica does."""
        old = [slot for slot in slots if not found.is_within(slot, fresh)]
        if not old or not await self._sharing.store.is_first(old[0].name, self._timeout):
            return
        loop = asyncio.get_running_loop()
        behind = structs.replace(
            context, deadline=loop.time() + self._timeout, priority=Priority.BACKGROUND, fresh=True, ageing=None
        )
        task = loop.create_task(self._refresh(self._missing(question, slots, found), slots, behind))
        self._refreshing.add(task)
        task.add_done_callback(self._refreshing.discard)

    async def _refresh(self, question: Question, slots: list[Slot], context: CallContext) -> None:
        mark = self._sharing.changes.evictions.mark
        outcome = await self._read(question, context)
        if outcome.state is SourceState.OK:
            await self._keep(question, outcome, [slot for slot in slots if slot.key in question.subjects], mark)

    def _told(self, outcome: Outcome, slots: list[Slot], found: Found, context: CallContext) -> Outcome:
        """Count an answer that was kept, and say how old it is."""
        self._count("cached" if outcome.state is SourceState.CACHED else "stale", outcome.seconds)
        if context.ageing is not None:
            for slot in slots:
                age = found.values[slot.name].age
                context.ageing.note(age, slot.ages.max_age - age)
        return outcome

    def _noted(self, outcome: Outcome, question: Question, context: CallContext) -> Outcome:
        """Say for how long an answer that was asked may be kept by others: as long as we keep it ourselves."""
        if context.ageing is not None:
            left = min((self._ages[name].max_age for name in question.members), default=0.0)
            if outcome.problem is not None or not left or not question.subjects or question.fresh:
                context.ageing.forbid()
            else:
                context.ageing.note(0.0, left)
        return outcome


def _may_be_stale(problem: SourceError | None) -> bool:
    """Say whether a problem is the source's trouble, and not a refusal of what was asked or of who asks."""
    if isinstance(problem, SourceRefused):
        return problem.status == TOO_MANY or problem.retry_after is not None  # a quota, not our credentials
    return isinstance(problem, SourceTimeout | SourceUnavailable | SourceBusy | SourceInvalid)
