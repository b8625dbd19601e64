"""A source: one configured connection to one system, asked through its connector.

The connector says what to send; here it is sent, decoded, translated, checked against the customer's links and labelled
with where it came from.
"""

import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar

import structlog

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
from klantbeeld.sdk.mapping import ALWAYS
from klantbeeld.sdk.mapping import Mapping as RecordMapping
from klantbeeld.sdk.replies import Reply
from klantbeeld.sdk.words import Category
from klantbeeld.settings import SourceSettings
from klantbeeld.sources.cached import CachedReads, Sharing
from klantbeeld.sources.chain import Chain
from klantbeeld.sources.changes import Changes
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.credentials import Credentials
from klantbeeld.sources.decode import Decoded, decode
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

Count = Callable[[CallOutcome, float], None]
Conversation = Call[Any] | Generator[Call[Any], Reply, Call[Any]]

log = structlog.get_logger(__name__)

loop_clock = time.monotonic
"""The clock of all deadlines: asyncio's and uvloop's own, read without asking which loop runs."""

WITHOUT_MEMBERS = frozenset(ALWAYS)
FORGETS = Remembers()
NOTHING = Decoded([], None)


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
        self.chain = Chain(
            name,
            settings,
            self._exchange,
            clock=monotonic,
            ledger=ledger,
            quota_is_callers=credentials.wants_callers_token,
        )
        self._transport = transport
        self._credentials = credentials
        self._monotonic = monotonic
        self._now = now
        self._count = count
        self._deadline_header = settings.deadline_header.encode() if settings.deadline_header else None
        self._translations: dict[tuple[tuple[str, frozenset[str]], ...], Translation] = {}
        self.flights = self._sharing_calls(changes)
        self._cached = self._keeping_answers(sharing)
        self._ask: AskSource = self._cached.ask if self._cached else self._asking_once

    def ask(self, question: Question, context: CallContext) -> Awaitable[Outcome]:
        """Ask a question; what goes wrong is in the outcome, nothing is raised for it.

        Where others ask the same, or it was asked a moment ago, the answer may be theirs: see `flights` and `cached`.
        """
        if context.span is not None:
            return self._ask_traced(question, context, context.span)
        return self._ask(question, context)

    async def _ask_traced(self, question: Question, context: CallContext, parent: Span) -> Outcome:
        span = parent.begin("source", source=self.name, call=",".join(sorted(question.members)))
        outcome = await self._ask(question, replace(context, span=span))
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
            broken = _broken(error, sent=True)
            outcome = Outcome(state_of(broken), problem=broken)
        outcome.seconds = self._monotonic() - began
        self._note(outcome.seconds, outcome.problem)
        return outcome

    async def act(self, name: str, act: Act, context: CallContext) -> Written:
        """Send a write once; raises SourceError, whose `sent` says whether it may have taken effect."""
        doing = self.doings[name]
        began = self._monotonic()
        problem: SourceError | None = None
        try:
            conversation = self._begin(name, act)
            call, reply = await self._converse(conversation, context)
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
        if not isinstance(problem, BreakerOpen | SourceBusy):  # then it was not called, and that says nothing new of it
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
            call, reply = await self._converse(conversation, context)
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

    def _begin(self, name: str, act: Act) -> Conversation:
        try:
            conversation: Conversation = getattr(self.connector, name)(act)
        except SourceError as problem:
            problem.sent = False
            raise
        except Exception as error:
            raise _broken(error, sent=False) from error
        return conversation

    async def _converse(self, conversation: Conversation, context: CallContext) -> tuple[Call[Any], Reply]:
        """Send a call, or carry a dialogue to its last call; returns that call and the reply to it.

        An error speaks for the dialogue as a whole: it is `sent` if anything was that changes something, and once the
        source did part of it no refusal proves that nothing was done.
        """
        reply: Reply | None = None
        began = sending = False
        try:
            while True:
                sending = False
                call, is_last = _next_call(conversation, reply)
                sending = call.sends
                reply = await self.chain.send(call, context)
                if is_last:
                    return call, reply
                self.chain.delivered(call)
                began = began or sending
        except SourceError as problem:
            if began and isinstance(problem, SourceConflict | SourceRejected | SourceRefused):
                raise SourceInvalid(f"a later step of a write: {problem.detail}") from problem
            problem.sent = began or (sending and problem.sent)
            raise
        except Exception as error:
            raise _broken(error, sent=began or sending) from error

    async def _exchange(self, call: Call[Any], deadline: float, context: CallContext) -> Reply:
        """Make one exchange, as the chain's attempt."""
        if context.span is not None:
            return await self._exchange_traced(call, deadline, context, context.span)
        proven, credentials = call, self._credentials
        if credentials.are_in_headers:
            headers = credentials.at_hand()
            if headers is None:
                headers = await credentials.headers(deadline, context)
            if call.headers:
                headers = (*encoded(tuple(call.headers)), *headers)
        else:
            proven = await credentials.apply(call, deadline, context)
            headers = encoded(tuple(proven.headers))
        body = b""
        if proven.form is not None or proven.json is not None:
            body, media_type = proven.content()
            headers = (*headers, (b"content-type", (media_type or "").encode()))
        if self._deadline_header is not None:
            left = max(int((deadline - self._monotonic()) * 1000), 0)
            headers = (*headers, (self._deadline_header, str(left).encode()))
        reply = await self._transport.exchange(proven.method, proven.target, headers, body, deadline=deadline)
        if reply.status in proven.absent:
            return reply
        if problem := self.connector.problem(reply):
            problem.status = reply.status
            if isinstance(problem, SourceRefused):
                self._credentials.forget_token(context)
            raise problem
        return reply

    async def _exchange_traced(self, call: Call[Any], deadline: float, context: CallContext, parent: Span) -> Reply:
        """Make one exchange as a span, which the source hears of (W3C trace context)."""
        number = 1 + sum(one.name == "attempt" and one.parent_id == parent.span_id for one in parent.every)
        span = parent.begin("attempt", source=self.name, method=call.method, attempt=number)
        told = call.with_headers(("traceparent", span.traceparent()))
        try:
            reply = await self._exchange(told, deadline, replace(context, span=None))
        except SourceError as problem:
            span.end(failed=True, status=problem.status, code=problem.code)
            raise
        span.end(status=reply.status)
        return reply


def _next_call(conversation: Conversation, reply: Reply | None) -> tuple[Call[Any], bool]:
    """Return what is to be sent after a reply, and whether it is the last."""
    if isinstance(conversation, Call):
        return conversation, True
    try:
        return (next(conversation) if reply is None else conversation.send(reply)), False
    except StopIteration as end:
        return end.value, True


def _without_frames(problem: SourceError) -> SourceError:
    """Let go of the frames that a problem and its causes came through.

    They hold what was being read, and the outcome that holds the problem: a cycle that would wait for the garbage
    collector with all of the body.
    """
    error: BaseException | None = problem
    while error is not None:
        error.__traceback__, error = None, error.__cause__
    return problem


def _broken(error: Exception, *, sent: bool) -> SourceInvalid:
    """Make of a connector's fault what it costs; the log is told which and where."""
    log.error("internal_error", error=error)
    return SourceInvalid(f"the connector failed: {type(error).__name__}", sent=sent)


def written_by(mapping: RecordMapping[Any], call: Call[Any], reply: Reply) -> Written:
    """Read what an owner answered to a write. Raises SourceInvalid, or the owner's refusal in the body."""
    translator = mapping.translator(WITHOUT_MEMBERS)
    try:
        decoded = decode(call, reply.body, translator.wire)
        (record, *_) = translator.translate(decoded.items[:1], None)
    except Exception as error:
        if isinstance(error, SourceError) and not isinstance(error, SourceInvalid):
            raise  # the owner's refusal, in the body
        # The status said that it was done; what was done cannot be named, so it must not be called applied.
        raise SourceInvalid("the answer to a write does not say what was written") from error
    return Written(record.record_id, record.version)


@lru_cache(maxsize=1024)
def encoded(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[bytes, bytes], ...]:
    """Return header lines as bytes; a connector's are the same from call to call. Raises SourceInvalid, not sent."""
    try:
        return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers)
    except UnicodeEncodeError as error:
        raise SourceInvalid("a header of the request has characters that cannot be sent", sent=False) from error
