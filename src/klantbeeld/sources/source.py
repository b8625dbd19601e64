"""A source: one configured connection to one system, asked through its connector.

The connector says what to send; here it is sent, decoded, translated, checked against the customer's links and labelled
with where it came from.
"""

import asyncio
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from klantbeeld.errors import (
    SourceConflict,
    SourceError,
    SourceInvalid,
    SourceRefused,
    SourceRejected,
    SourceTimeout,
    SourceUnavailable,
)
from klantbeeld.sdk.acts import Act
from klantbeeld.sdk.calls import Ask, Call
from klantbeeld.sdk.connector import Connector, Reading
from klantbeeld.sdk.mapping import ALWAYS
from klantbeeld.sdk.mapping import Mapping as RecordMapping
from klantbeeld.sdk.records import Origin, Record
from klantbeeld.sdk.replies import Reply
from klantbeeld.sdk.words import Category
from klantbeeld.settings import SourceSettings
from klantbeeld.sources.credentials import Credentials
from klantbeeld.sources.decode import Decoded, decode
from klantbeeld.sources.health import Health
from klantbeeld.sources.questions import Outcome, Question, SourceState, state_of
from klantbeeld.sources.transport import Transport
from klantbeeld.telemetry.metrics import CallOutcome

# The most pages that are read where a question asks for everything.
MOST_PAGES = 20

# The key under which records stand that were not asked for by key: those of a search.
NO_KEY = ""

# What a call is counted as, by what went wrong.
OUTCOMES: Mapping[type[SourceError], CallOutcome] = {
    SourceTimeout: "timeout",
    SourceUnavailable: "unavailable",
    SourceRefused: "refused",
    SourceInvalid: "invalid",
    SourceConflict: "conflict",
    SourceRejected: "rejected",
}

Count = Callable[[CallOutcome, float], None]

WITHOUT_MEMBERS = frozenset(ALWAYS)


def uncounted(_outcome: CallOutcome, _seconds: float) -> None:
    """Count nothing; for a source outside an application."""


@dataclass(frozen=True, slots=True)
class Written:
    """What an owner answered to a write: the id of the record and, where it gives one, the new version."""

    record_id: str
    version: str | None


class Source:
    """Lives as long as the configuration that names it.

    `monotonic` is the clock of deadlines, in seconds; `now` the clock of provenance, in UTC.
    """

    def __init__(
        self,
        name: str,
        settings: SourceSettings,
        *,
        connector: Connector,
        roles: frozenset[str],
        categories: tuple[Category, ...],
        transport: Transport,
        credentials: Credentials,
        monotonic: Callable[[], float],
        now: Callable[[], datetime],
        count: Count = uncounted,
    ) -> None:
        self.name = name
        self.settings = settings
        self.connector = connector
        self.roles = roles
        self.categories = categories
        self.readings = connector.readings()
        self.doings = connector.doings()
        self.health = Health()
        self._transport = transport
        self._credentials = credentials
        self._monotonic = monotonic
        self._now = now
        self._count = count

    async def ask(self, question: Question, deadline: float) -> Outcome:
        """Ask a question; what goes wrong is in the outcome, nothing is raised for it."""
        began = self._monotonic()
        try:
            outcome = await self._read(question, min(deadline, began + self.settings.timeout))
        except SourceError as problem:
            outcome = Outcome(state_of(problem), problem=problem)
        outcome.seconds = self._monotonic() - began
        self._note(outcome.seconds, outcome.problem)
        return outcome

    async def act(self, name: str, act: Act, deadline: float) -> Written:
        """Send a write once; raises SourceError, whose `sent` says whether it may have taken effect."""
        doing = self.doings[name]
        began = self._monotonic()
        problem: SourceError | None = None
        try:
            conversation = getattr(self.connector, name)(act)
            call, reply = await self._converse(conversation, min(deadline, began + self.settings.timeout))
            return _written(doing.mapping, call, reply)
        except SourceError as error:
            problem = error
            raise
        finally:
            self._note(self._monotonic() - began, problem)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    def _note(self, seconds: float, problem: SourceError | None) -> None:
        self.health.note(seconds, problem, self._now())
        self._count("ok" if problem is None else OUTCOMES[type(problem)], seconds)

    async def _read(self, question: Question, deadline: float) -> Outcome:
        plan = _translation(self.readings, question.members)
        records: dict[str, dict[str, list[Record]]] = {capability: {} for capability in question.members}
        position, pages = question.after, 0
        while True:
            decoded = await self._page(question, plan, position, deadline)
            origin = Origin(self.name, "", self._now())
            for capability, record in _translated(plan, decoded.items):
                _place(record, question, origin, records[capability])
            position, pages = decoded.next_page, pages + 1
            if position is None or not question.everything or pages == MOST_PAGES:
                complete = position is None or not question.everything
                return Outcome(SourceState.OK, records, next_page=position, complete=complete)

    async def _page(self, question: Question, plan: "_Translation", position: str | None, deadline: float) -> Decoded:
        ask = Ask(
            keys=question.keys,
            select=plan.select,
            first=plan.reading.page if question.everything else question.first,
            after=position,
            arguments=question.arguments,
        )
        conversation = getattr(self.connector, plan.reading.name)(ask)
        call, reply = await self._converse(conversation, deadline)
        if reply.status in call.absent:
            return Decoded([], None)
        return decode(call, reply.body, plan.select)

    async def _converse(
        self, conversation: Call[Any] | Generator[Call[Any], Reply, Call[Any]], deadline: float
    ) -> tuple[Call[Any], Reply]:
        """Send a call, or carry a dialogue to its last call; returns that call and the reply to it."""
        if isinstance(conversation, Call):
            return conversation, await self._send(conversation, deadline)
        try:
            call = next(conversation)
            while True:
                call = conversation.send(await self._send(call, deadline))
        except StopIteration as end:
            return end.value, await self._send(end.value, deadline)

    async def _send(self, call: Call[Any], deadline: float) -> Reply:
        proven = await self._credentials.apply(call, deadline)
        body, media_type = proven.content()
        headers = [(name.encode(), value.encode()) for name, value in proven.headers]
        if media_type:
            headers.append((b"content-type", media_type.encode()))
        reply = await self._transport.exchange(
            proven.method, proven.target, headers, body, deadline=deadline, repeatable=not proven.sends
        )
        if reply.status in proven.absent:
            return reply
        if problem := self.connector.problem(reply):
            if isinstance(problem, SourceRefused):
                self._credentials.forget_token()
            raise problem
        return reply


@dataclass(frozen=True, slots=True)
class _Translation:
    """How the answer to a question is read: one call's reading, what to decode, and a translator a mapping."""

    reading: Reading
    select: frozenset[str]
    translators: tuple[tuple[str, Callable[[Any], Any]], ...]


def _translation(readings: Mapping[str, Reading], members: Mapping[str, frozenset[str]]) -> _Translation:
    select: set[str] = set()
    translators = []
    for capability, wanted in members.items():
        for mapping in readings[capability].mappings:
            translator = mapping.translator(wanted)
            select |= translator.wire
            translators.append((capability, translator.translate))
    return _Translation(readings[next(iter(members))], frozenset(select), tuple(translators))


def _translated(plan: _Translation, items: Iterable[Any]) -> Iterator[tuple[str, Record]]:
    """Yield the records of wire structs, each with its capability; what a mapping cannot read is SourceInvalid."""
    for item in items:
        for capability, translate in plan.translators:
            try:
                found = list(translate(item))
            except Exception as error:
                kind = type(error).__name__
                raise SourceInvalid(f"a record of {capability} could not be translated: {kind}") from error
            for record in found:
                yield capability, record


def _place(record: Record, question: Question, origin: Origin, found: dict[str, list[Record]]) -> None:
    """Put a record under the key that it answers; a record that belongs to somebody else goes nowhere."""
    subjects = question.subjects
    if not subjects:
        record.origin = origin
        found.setdefault(NO_KEY, []).append(record)
        return
    key = _answered_key(record, question)
    subject = subjects.get(key) if key is not None else None
    if key is None or subject is None or (record.owner is not None and record.owner not in subject.owners):
        return
    record.origin = Origin(origin.source, subject.customer_id, origin.fetched_at)
    found.setdefault(key, []).append(record)


def _answered_key(record: Record, question: Question) -> str | None:
    if len(question.keys) == 1:
        return question.keys[0]
    return record.record_id if question.by_record else record.owner


def _written(mapping: RecordMapping[Any], call: Call[Any], reply: Reply) -> Written:
    translator = mapping.translator(WITHOUT_MEMBERS)
    try:
        decoded = decode(call, reply.body, translator.wire)
        record = next(iter(translator.translate(decoded.items[0])))
    except (SourceInvalid, IndexError, StopIteration) as error:
        # The status said that it was done; what was done cannot be named, so it must not be called applied.
        raise SourceInvalid("the answer to a write does not say what was written") from error
    return Written(record.record_id, record.version)


def loop_clock() -> float:
    """Return the running loop's time: the clock of all deadlines."""
    return asyncio.get_running_loop().time()
