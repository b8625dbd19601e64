"""A source: one configured connection to one system, asked through its connector.

The connector says what to send; here it is sent, decoded, translated, checked against the customer's links and labelled
with where it came from.
"""

import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

from msgspec import structs

from klantbeeld.errors import (
    BreakerOpen,
    SourceBusy,
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
from klantbeeld.sdk.connector import Connector, Doing, Reading
from klantbeeld.sdk.manifest import Remembers
from klantbeeld.sdk.mapping import Mapping as RecordMapping
from klantbeeld.sdk.replies import Reply
from klantbeeld.sdk.words import Category
from klantbeeld.settings import SourceSettings
from klantbeeld.sources.cached import CachedReads, Sharing
from klantbeeld.sources.chain import Chain
from klantbeeld.sources.changes import Changes
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.conversation import Conversation, Written, begun, broken, carried_through, written_by
from klantbeeld.sources.credentials import Credentials
from klantbeeld.sources.decode import Decoded, decode
from klantbeeld.sources.exchange import Exchange
from klantbeeld.sources.flights import AskSource, Flights, Proof
from klantbeeld.sources.health import Health
from klantbeeld.sources.questions import Outcome, Question, SourceState, state_of
from klantbeeld.sources.quota import QuotaLedger
from klantbeeld.sources.translation import Found, Translation, translation_of
from klantbeeld.sources.transport import Transport
from klantbeeld.telemetry.metrics import CallOutcome
from klantbeeld.telemetry.spans import Span

# The most pages that are read where a question asks for everything.
MOST_PAGES = 20

# The most combinations of members whose translation is kept.
MOST_TRANSLATIONS = 2_000

# What a call is counted as, by what went wrong.
OUTCOMES: Mapping[type[SourceError], CallOutcome] = {
    BreakerOpen: "open",
    SourceBusy: "busy",
    SourceTimeout: "timeout",
    SourceUnavailable: "unavailable",
    SourceRefused: "refused",
    SourceInvalid: "invalid",
    SourceConflict: "conflict",
    SourceRejected: "rejected",
}

# After these it was not called, which says nothing new of it.
UNCALLED = (BreakerOpen, SourceBusy)

Count = Callable[[CallOutcome, float], None]

loop_clock = time.monotonic
"""The clock of all deadlines: asyncio's and uvloop's own, read without asking which loop runs."""

utc_clock = partial(datetime.now, UTC)
"""The clock of provenance."""

FORGETS = Remembers()
NOTHING = Decoded([], None)


def uncounted(_outcome: CallOutcome, _seconds: float) -> None:
    """Count nothing; for a source outside an application."""


class Source:
    """Lives as long as the configuration that names it.

    `monotonic` is the clock of deadlines, in seconds; `now` the clock of provenance, in UTC.
    """

    is_quarantined: ClassVar[bool] = False

    def __init__(
        self,
        name: str,
        settings: SourceSettings,
        *,
        connector: Connector,
        roles: frozenset[str],
        categories: tuple[Category, ...],
        remembers: Remembers = FORGETS,
        transport: Transport,
        credentials: Credentials,
        monotonic: Callable[[], float],
        now: Callable[[], datetime],
        count: Count = uncounted,
        ledger: QuotaLedger | None = None,
        changes: Changes | None = None,
        sharing: Sharing | None = None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.connector = connector
        self.roles = roles
        self.categories = categories
        self.remembers = remembers
        self.readings: Mapping[str, Reading] = connector.readings()
        self.doings: Mapping[str, Doing] = connector.doings()
        self.health = Health()
        self.identity = credentials.identity
        self.wants_callers_token = credentials.wants_callers_token
        self.exchange = Exchange(
            name, connector, transport, credentials, monotonic=monotonic, deadline_header=settings.deadline_header
        )
        self.chain = Chain(
            name,
            settings,
            self.exchange.make,
            clock=monotonic,
            ledger=ledger,
            quota_is_callers=credentials.wants_callers_token,
        )
        self._transport = transport
        self._credentials = credentials
        self._monotonic = monotonic
        self._now = now
        self._count = count
        self._translations: dict[tuple[tuple[str, frozenset[str]], ...], Translation] = {}
        self.flights = self._sharing_calls(changes)
        self._cached = self._keeping_answers(sharing)
        self._ask: AskSource = self._cached.ask if self._cached else self._asking_once

    def ask(self, question: Question, context: CallContext) -> Coroutine[Any, Any, Outcome]:
        """Ask a question; what goes wrong is in the outcome, nothing is raised for it.

        Where others ask the same, or it was asked a moment ago, the answer may be theirs: see `flights` and `cached`.
        """
        if context.span is not None:
            return self._ask_traced(question, context, context.span)
        return self._ask(question, context)

    async def _ask_traced(self, question: Question, context: CallContext, parent: Span) -> Outcome:
        span = parent.begin("source", source=self.name, call=",".join(sorted(question.members)))
        outcome = await self._ask(question, structs.replace(context, span=span))
        code = None if outcome.problem is None else outcome.problem.code
        span.end(failed=code is not None, state=outcome.state.value, code=code)
        return outcome

    @property
    def _asking_once(self) -> AskSource:
        return self.flights.ask if self.settings.share_calls else self._answer

    @property
    def _proof(self) -> Proof | None:
        return self.identity if self.wants_callers_token else None

    def _sharing_calls(self, changes: Changes | None) -> Flights:
        return Flights(
            self._answer,
            timeout=self.settings.timeout,
            proof=self._proof,
            is_current=changes.is_current if changes else None,
            count=lambda: self._count("joined", 0.0),
        )

    def _keeping_answers(self, sharing: Sharing | None) -> CachedReads | None:
        if sharing is None:
            return None
        return CachedReads(
            self.name,
            sharing,
            readings=self.readings,
            read=self._asking_once,
            timeout=self.settings.timeout,
            proof=self._proof,
            count=self._count,
        )

    async def _answer(self, question: Question, context: CallContext) -> Outcome:
        """Ask the source itself."""
        began = self._monotonic()
        try:
            outcome = await self._read(question, context)
        except SourceError as problem:
            outcome = Outcome(state_of(problem), problem=_without_frames(problem))
        except Exception as error:  # noqa: BLE001 - a connector that breaks costs its own fields, and no others
            invalid = broken(error, sent=True)
            outcome = Outcome(state_of(invalid), problem=invalid)
        outcome.seconds = self._monotonic() - began
        self._note(outcome.seconds, outcome.problem)
        return outcome

    async def act(self, name: str, act: Act, context: CallContext) -> Written:
        """Send a write once; raises SourceError, whose `sent` says whether it may have taken effect."""
        doing = self.doings[name]
        began = self._monotonic()
        problem: SourceError | None = None
        try:
            call, reply = await carried_through(begun(self.connector, name, act), self.chain, context)
            return self._written(doing.mapping, call, reply)
        except SourceError as error:
            problem = error
            raise
        finally:
            self._note(self._monotonic() - began, problem)

    async def aclose(self) -> None:
        """Close the connections, those to a token endpoint too."""
        if self._cached is not None:
            await self._cached.aclose()
        await self._credentials.aclose()
        await self._transport.aclose()

    def _note(self, seconds: float, problem: SourceError | None) -> None:
        if problem is None or not isinstance(problem, UNCALLED):
            self.health.note(seconds, problem, self._now())
        self._count("ok" if problem is None else OUTCOMES.get(type(problem), "unavailable"), seconds)

    async def _read(self, question: Question, context: CallContext) -> Outcome:
        plan = self._translation(question.members)
        found: Found = {capability: {} for capability in question.members}
        position, pages = question.after, 0
        while True:
            decoded = await self._page(question, plan, position, context)
            plan.collect(decoded.items, question, self.name, self._now(), found)
            position, pages = decoded.next_page, pages + 1
            if position is None or not question.everything or pages == MOST_PAGES:
                complete = position is None or not question.everything
                return Outcome(SourceState.OK, found, next_page=position, complete=complete)

    def _translation(self, members: Mapping[str, frozenset[str]]) -> Translation:
        """Return how the members of some capabilities are read; made once for each combination that plans ask."""
        key = tuple(members.items())
        made = self._translations.get(key)
        if made is None:
            if len(self._translations) >= MOST_TRANSLATIONS:
                self._translations.clear()
            made = self._translations[key] = translation_of(self.readings, members)
        return made

    async def _page(self, question: Question, plan: Translation, position: str | None, context: CallContext) -> Decoded:
        ask = Ask(
            keys=question.keys,
            select=plan.select,
            first=plan.reading.page if question.everything else question.first,
            after=position,
            arguments=question.arguments,
        )
        conversation: Conversation = getattr(self.connector, plan.reading.name)(ask)
        if isinstance(conversation, Call):
            call, reply = conversation, await self.chain.send(conversation, context)
        else:
            call, reply = await carried_through(conversation, self.chain, context)
        decoded = NOTHING
        if reply.status not in call.absent:
            try:
                decoded = decode(call, reply.body, plan.select)
            except SourceError as problem:
                self.chain.spoiled(call, problem)
                raise
        self.chain.delivered(call)
        return decoded

    def _written(self, mapping: RecordMapping[Any], call: Call[Any], reply: Reply) -> Written:
        try:
            written = written_by(mapping, call, reply)
        except SourceError as problem:
            self.chain.spoiled(call, problem)
            raise
        self.chain.delivered(call)
        return written


def _without_frames(problem: SourceError) -> SourceError:
    """Let go of the frames that a problem and its causes came through.

    They hold what was being read, and the outcome that holds the problem: a cycle that would wait for the garbage
    collector with all of the body.
    """
    error: BaseException | None = problem
    while error is not None:
        error.__traceback__, error = None, error.__cause__
    return problem
