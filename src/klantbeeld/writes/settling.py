"""Settling: a step was, or may have been, sent, and its answer is lost. What came of it is found out, or it waits.

By what the owner offers, a step is sent again where the owner itself refuses a second one (its key within the time for
which the owner remembers it, the version that it was tied to, a reference that can be there once). Where it offers
nothing, the owner is read after the longest time that it may take to execute; before that, absence proves nothing, so
"look, then send again" is never done. What cannot be told stays UNKNOWN, for a person.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from msgspec import structs

from klantbeeld.errors import SourceConflict, SourceError, SourceRejected
from klantbeeld.sdk.acts import Act
from klantbeeld.sdk.connector import Doing
from klantbeeld.sdk.words import WriteSafety
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.source import Source
from klantbeeld.writes.evidence import Sight, look
from klantbeeld.writes.held import Held
from klantbeeld.writes.outcomes import Verdict
from klantbeeld.writes.rows import StepRow
from klantbeeld.writes.sending import EventsOf, as_sent, is_applied
from klantbeeld.writes.states import StepState

# The part of its memory of keys that is not relied on: clocks differ, and an owner may count from another moment.
MEMORY_SHARE = 0.9

NOT_FOUND = "NOT_FOUND_AFTERWARDS"


@dataclass(frozen=True, slots=True)
class Case:
    """One step in doubt, its owner, and what was sent."""

    held: Held
    step: StepRow
    source: Source
    doing: Doing
    act: Act
    context: CallContext


class Settler:
    """Settles steps; lives as long as the app."""

    def __init__(self, sources: Mapping[str, Source], events_of: EventsOf) -> None:
        self._sources = sources
        self._events_of = events_of

    async def settle(self, held: Held, step: StepRow, context: CallContext) -> None:
        """Find out what came of a step, as far as that can be told now. Raises Fenced or StoreError."""
        source = self._sources.get(step.source or "")
        doing = source.doings.get(step.act) if source else None
        if source is None or doing is None or held.key is None or step.sealed is None:
            held.is_stuck = True
            await held.conclude(step, _unknown(step))
            return
        case = Case(held, step, source, doing, held.act(step), context)
        step, verdict = await _found(case)
        events = self._events_of(held.view.operation, step, case.act) if is_applied(verdict) else ()
        await held.conclude(step, verdict, events)


async def _found(case: Case) -> tuple[StepRow, Verdict]:
    if not may_send_again(case.step, case.doing, case.source, case.held.clock.now()):
        return case.step, await _judged(case, None)
    again, answer = await _again(case)
    if isinstance(answer, Verdict):
        return again, answer
    step = structs.replace(again, last_sent_at=case.step.last_sent_at)  # the one whose answer is not known
    return step, await _judged(replace(case, step=step), answer)


async def _again(case: Case) -> tuple[StepRow, Verdict | SourceError]:
    """Send a step again, where the owner refuses a second one; returns its refusal, which is not believed yet."""
    held, step = case.held, case.step
    again = structs.replace(step, state=StepState.SENDING, attempts=step.attempts + 1, last_sent_at=held.clock.now())
    await held.begin(again)
    try:
        sent = as_sent(step, case.act, case.doing)
        written = await case.source.act(step.act, sent, held.within(case.context))
    except SourceError as error:
        if error.sent and isinstance(error, SourceConflict | SourceRejected):
            return again, error
        kept = again if error.sent else structs.replace(again, last_sent_at=step.last_sent_at)
        return kept, Verdict(StepState.UNKNOWN, code=error.code)
    return again, Verdict(StepState.APPLIED, written.record_id, written.version)


async def _judged(case: Case, refusal: SourceError | None) -> Verdict:
    """Judge by what the owner holds: what is there was done; what is not there may still come, for a while."""
    held, step = case.held, case.step
    try:
        seen = await look(
            case.source,
            step.act,
            case.act,
            before=step.expected,
            since=step.first_sent_at or held.view.operation.created_at,
            context=held.within(case.context),
        )
    except SourceError as problem:
        return Verdict(StepState.UNKNOWN, code=problem.code)
    if seen.sight is Sight.PRESENT or (seen.sight is Sight.UNTOLD and is_taken(refusal, case.doing)):
        return Verdict(StepState.APPLIED, seen.record_id)
    over = executed_by(step, case.source)
    if held.clock.now() < over:
        held.wake_at = over
        return _unknown(step, refusal)
    # The owner repeats what it answered to the first where it keeps keys.
    repeats = isinstance(refusal, SourceRejected) and case.doing.safety is WriteSafety.IDEMPOTENCY_KEY
    if seen.sight is Sight.ABSENT or repeats:
        return _not_applied(refusal)
    held.is_stuck = True
    return _unknown(step, refusal)


def may_send_again(step: StepRow, doing: Doing, source: Source, now: datetime) -> bool:
    """Say whether the owner itself would refuse a second arrival of a step that is sent now."""
    if doing.safety is WriteSafety.IDEMPOTENCY_KEY:
        hours = source.remembers.idempotency_key_hours
        if hours is None or step.first_sent_at is None:
            return False
        # What is sent now may be executed late, and the owner has to know the key then still.
        late = timedelta(seconds=source.remembers.longest_execution_seconds)
        return now + late < step.first_sent_at + timedelta(hours=hours) * MEMORY_SHARE
    if doing.safety is WriteSafety.IF_MATCH:
        return step.expected is not None
    return doing.safety is WriteSafety.UNIQUE_REFERENCE


def is_taken(refusal: SourceError | None, doing: Doing) -> bool:
    """Say whether an owner refuses a step because its reference is there already: nobody else can have made that."""
    return isinstance(refusal, SourceConflict) and doing.safety is WriteSafety.UNIQUE_REFERENCE


def executed_by(step: StepRow, source: Source) -> datetime:
    """Return when a step that was sent cannot take effect any more."""
    sent = step.last_sent_at or step.first_sent_at
    assert sent is not None  # noqa: S101 - a step in doubt was begun
    return sent + timedelta(seconds=source.remembers.longest_execution_seconds)


def _unknown(step: StepRow, refusal: SourceError | None = None) -> Verdict:
    return Verdict(StepState.UNKNOWN, code=refusal.code if refusal else step.code or NOT_TOLD)


def _not_applied(refusal: SourceError | None) -> Verdict:
    if refusal is None:
        return Verdict(StepState.NOT_APPLIED, code=NOT_FOUND, passing=True)
    reason = refusal.reason if isinstance(refusal, SourceRejected) else None
    return Verdict(StepState.NOT_APPLIED, code=refusal.code, reason=reason)


NOT_TOLD = "OUTCOME_NOT_KNOWN"
