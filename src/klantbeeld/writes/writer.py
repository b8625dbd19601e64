"""The writer: what a mutation wants is done once at its owners, or not, or is said not to be known.

A request walks: the key is claimed and the intent made durable, in one transaction with its first step; the step is
sent; what came of it is kept; caches are told; the answer leaves. Whoever comes back with the same key finds what came
of it, or carries it on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog
from msgspec import structs

from klantbeeld.errors import KeyRefused, Overloaded, RequestError, SourceError, StoreError
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.source import Source
from klantbeeld.writes.course import Go, next_of
from klantbeeld.writes.drawing import Drawing
from klantbeeld.writes.held import Clock, Held, Terms, concluded
from klantbeeld.writes.intents import Intent, order_of
from klantbeeld.writes.journal import Journal
from klantbeeld.writes.keys import Keys
from klantbeeld.writes.leases import Fenced, Lease, RecordBusy, lease_of
from klantbeeld.writes.looking import reading_anew
from klantbeeld.writes.outcomes import Verdict, WriteOutcome, outcome_of, verdict_after
from klantbeeld.writes.planning import Order
from klantbeeld.writes.resolving import settled_by_hand
from klantbeeld.writes.rows import OperationView, StepRow
from klantbeeld.writes.sealing import Sealer
from klantbeeld.writes.sending import Ready, Sender
from klantbeeld.writes.states import DOUBTFUL, OperationState, StepState
from klantbeeld.writes.telling import Changed
from klantbeeld.writes.walker import Walker, revived, woken

log = structlog.get_logger(__name__)

RETRY_AFTER = 1  # seconds after which an operation in progress may be asked again


def as_asked(order: Order) -> Order:
    """Leave an order as its mutation asks."""
    return order


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterParts:
    """What a writer is made of; lives as long as the app.

    `holder` is this process's own id. `declared` names the owner of an act where a role has several. `arrange` adds to
    an order what belongs to it besides what its mutation asks.
    """

    sources: Mapping[str, Source]
    journal: Journal
    walker: Walker
    sender: Sender
    keys: Keys
    sealer: Sealer
    drawing: Drawing
    clock: Clock
    changed: Changed
    terms: Terms
    holder: str
    declared: Mapping[str, str] = field(default_factory=dict)
    arrange: Callable[[Order], Order] = as_asked


class Writer:
    """Writes over the sources of one configuration; lives as long as that."""

    def __init__(self, parts: WriterParts) -> None:
        self._parts = parts
        self._journal = parts.journal
        self._walker = parts.walker

    async def write(self, intent: Intent, context: CallContext) -> WriteOutcome:
        """Carry out an intent for one owner; raises Unanswered where none can take it, and else as `carry_out`."""
        return await self.carry_out(order_of(intent, self._parts.sources, self._parts.declared), context)

    async def carry_out(self, order: Order, context: CallContext) -> WriteOutcome:
        """Carry out an order, or say what came of it when it was asked before.

        Raises KeyRefused for a key that came with another input, Overloaded for an operation in progress (409) and for
        a journal that cannot be written (503); nothing was sent then.
        """
        order, context = self._parts.arrange(order), reading_anew(context)
        try:
            known = await self._known(order)
            if known is None:
                return await self._new(order, context)
        except StoreError as error:
            raise _no_journal() from error
        return await self._again(order, known, context)

    async def view(self, operation_id: str) -> OperationView | None:
        """Find an operation. Raises StoreError."""
        return await self._journal.find(operation_id)

    async def parked(self, *, first: int, after: str | None = None) -> list[OperationView]:
        """List operations that only a person can settle. Raises StoreError."""
        return await self._journal.parked(first=first, after=after)

    def is_caller(self, caller: str, view: OperationView) -> bool:
        """Say whether it was this caller who asked for an operation."""
        return self._parts.keys.is_caller(caller, view.operation.caller)

    async def wake(self, operation_id: str) -> None:
        """Have the worker look at an operation at once. Raises StoreError."""
        await self._journal.wake(operation_id, self._parts.clock.now())

    async def signal(
        self, operation_id: str, seq: int, context: CallContext, *, applied: bool, code: str | None = None
    ) -> OperationView:
        """End a step that waits, and go on; does nothing where it does not wait any more.

        Raises RequestError with OPERATION_UNKNOWN, Overloaded as `carry_out`.
        """
        held = await self._taken(operation_id)
        if held.view.step(seq).state is StepState.WAITING:
            state = StepState.APPLIED if applied else StepState.NOT_APPLIED
            await held.conclude(held.view.step(seq), Verdict(state, code=code))
        await self._walk_on(held, context)
        return held.view

    async def resolve(self, operation_id: str, seq: int, context: CallContext, *, applied: bool) -> OperationView:
        """Settle a step by a person's word, and go on. Raises RequestError, Overloaded as `signal`.

        With OPERATION_NOT_PARKED for an operation of which something else is known than that it is not known.
        """
        view = await self._journal.find(operation_id)
        if view is None:
            raise RequestError("there is no such operation", code="OPERATION_UNKNOWN")
        step, verdict = settled_by_hand(view, seq, applied=applied)
        held = await self._taken(operation_id)
        await self._walker.settled_by_hand(held, held.view.step(step.seq), verdict)
        await self._walk_on(held, context)
        return held.view

    async def go_on(self, operation_id: str, context: CallContext) -> OperationView | None:
        """Go on with an operation that is due; None where somebody else does. Raises StoreError."""
        parts = self._parts
        taken = await self._journal.take(operation_id, self._lease())
        if taken is None:
            return None
        held = self._held(taken)
        try:
            ends = held.input_ends(taken)
            if is_doubtful(taken) and ends is not None and ends <= parts.clock.now():
                await held.forget_input()
                return held.view
            held.view = woken(taken)
            await self._walker.take_up(held, context)
        except Fenced:
            return None
        return held.view

    async def _known(self, order: Order) -> OperationView | None:
        """Find an operation by its key where the claim itself would not: before reading, or under a former secret."""
        scopes = self._parts.drawing.scopes(order)
        for scope in scopes[1:]:
            if known := await self._journal.find_by_key(scope):
                return known
        first = order.steps[0] if order.steps else None
        if scopes and first is not None and self._parts.sender.reads_before(first):
            return await self._journal.find_by_key(scopes[0])
        return None

    async def _new(self, order: Order, context: CallContext) -> WriteOutcome:
        """Claim the key and make the intent durable, with the first step; then send it. Raises StoreError: not sent."""
        began = self._parts.clock.loop()
        drawn, key = self._parts.drawing.operation(order, self._lease())
        held = self._held(drawn, until=began + self._parts.terms.lease)
        held.key = key
        ready: Ready | None = None
        action = next_of(drawn)
        if isinstance(action, Go) and action.step.is_call:
            ready = await self._ready(held, action.step, context)
        known = await self._claimed(held, ready, context)
        if known is not None:
            return await self._again(order, known, context)
        return await self._sent(held, ready, context)

    async def _ready(self, held: Held, step: StepRow, context: CallContext) -> Ready | None:
        """Complete the first step; where that fails it is known before anything is sent."""
        try:
            return await self._parts.sender.ready(held, step, held.within(context))
        except SourceError as problem:
            problem.sent = False
            held.view = held.view.with_step(concluded(step, verdict_after(problem)))
            return None

    async def _claimed(self, held: Held, ready: Ready | None, context: CallContext) -> OperationView | None:
        """Claim; returns the operation to which the key belongs already."""
        view = held.view
        if ready is not None:
            view = view.with_steps(ready.step, *ready.more)
            try:
                known = await self._parts.sender.when_free(lambda: self._journal.claim(view), held, context)
            except RecordBusy:
                busy = Verdict(StepState.NOT_APPLIED, code=RecordBusy.code, passing=True)
                view = view.with_step(concluded(ready.step, busy))
            else:
                held.note_kept(view)
                return known
        held.note_kept(held.rested(view))
        return await self._journal.claim(held.view)

    async def _sent(self, held: Held, ready: Ready | None, context: CallContext) -> WriteOutcome:
        """Send the first step of what was claimed, and go on. From here on nobody may say that nothing was done."""
        try:
            if ready is not None and ready.step.state is StepState.SENDING and not held.is_rested():
                await self._walker.sent(held, ready, context)
        except Fenced:
            return await self._as_kept(held)
        except StoreError as error:
            return _not_kept(held, error)
        return await self._walk_on(held, context)

    async def _walk_on(self, held: Held, context: CallContext) -> WriteOutcome:
        try:
            if not held.is_rested():
                await self._walker.walk(held, context)
        except Fenced:
            return await self._as_kept(held)
        except StoreError as error:
            return _not_kept(held, error)
        return outcome_of(held.view, token=held.token)

    async def _as_kept(self, held: Held) -> WriteOutcome:
        """Say what the journal says: somebody else has taken the operation over."""
        try:
            view = await self._journal.find(held.id)
        except StoreError as error:
            return _not_kept(held, error)
        return outcome_of(view or held.view)

    async def _again(self, order: Order, known: OperationView, context: CallContext) -> WriteOutcome:
        """Answer a repetition: as before, or by going on with what was left."""
        operation = known.operation
        if not self._parts.keys.is_fingerprint(order.asked, operation.fingerprint):
            raise KeyRefused("the key came with another input before", code="IDEMPOTENCY_KEY_REUSED", status=422)
        if (operation.state.is_final and not operation.resumable) or operation.state in WAITS:
            return outcome_of(known, token=await self._walker.seen_again(known))
        if operation.leased_until > self._parts.clock.now():
            raise _in_progress()
        held = await self._taken(operation.id)
        if not held.view.operation.resumable:  # by what was taken: another repetition may have resumed it meanwhile
            return await self._taken_up(held, context)
        try:
            await held.keep(self._parts.drawing.redrawn(held, revived(held.view), order))
        except Fenced as error:
            raise _in_progress() from error
        except StoreError as error:
            raise _no_journal() from error
        return await self._walk_on(held, context)

    async def _taken_up(self, held: Held, context: CallContext) -> WriteOutcome:
        held.view = woken(held.view)
        try:
            await self._walker.take_up(held, context)
        except Fenced:
            return await self._as_kept(held)
        except StoreError as error:
            return _not_kept(held, error)
        return outcome_of(held.view, token=held.token)

    async def _taken(self, operation_id: str) -> Held:
        """Take an operation; raises RequestError or Overloaded where that cannot be."""
        try:
            taken = await self._journal.take(operation_id, self._lease())
            if taken is None and await self._journal.find(operation_id) is None:
                raise RequestError("there is no such operation", code="OPERATION_UNKNOWN", status=404)
        except StoreError as error:
            raise _no_journal() from error
        if taken is None:
            raise _in_progress()
        return self._held(taken)

    def _held(self, view: OperationView, *, until: float | None = None) -> Held:
        parts = self._parts
        kept = view.operation.sealed_key
        return Held(
            view,
            parts.sealer.open_key(view.operation.id, kept) if kept is not None and until is None else None,
            journal=parts.journal,
            changed=parts.changed,
            clock=parts.clock,
            terms=parts.terms,
            until=until if until is not None else parts.clock.loop() + parts.terms.lease,
        )

    def _lease(self) -> Lease:
        return lease_of(self._parts.holder, self._parts.clock.now(), self._parts.terms.lease)


def is_doubtful(view: OperationView) -> bool:
    """Say whether nobody knows what came of a step; one that waits for a person keeps its input as long as that."""
    return any(step.state in DOUBTFUL for step in view.steps)


WAITS = frozenset({OperationState.WAITING, OperationState.PENDING_APPROVAL})


def _not_kept(held: Held, error: StoreError) -> WriteOutcome:
    """Say that what came of it could not be written down: then nobody may be told what it was."""
    log.warning("journal_not_written", error=error)
    operation = structs.replace(held.view.operation, state=OperationState.UNKNOWN)
    steps = tuple(
        structs.replace(step, state=StepState.UNKNOWN, code="JOURNAL_UNAVAILABLE") if step.state in OPEN else step
        for step in held.view.steps
    )
    return outcome_of(OperationView(operation, steps))


OPEN = frozenset({StepState.PENDING, StepState.SENDING, StepState.UNKNOWN})


def _no_journal() -> Overloaded:
    return Overloaded("the journal cannot be written", retry_after=RETRY_AFTER, code="JOURNAL_UNAVAILABLE", status=503)


def _in_progress() -> Overloaded:
    return Overloaded("the operation is under way", retry_after=RETRY_AFTER, code="OPERATION_IN_PROGRESS", status=409)
