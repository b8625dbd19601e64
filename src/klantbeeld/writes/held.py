"""An operation in somebody's hands: what is done with it is written down, in the order that makes it safe."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct, structs

from klantbeeld.errors import StoreError
from klantbeeld.sdk.acts import Act
from klantbeeld.sdk.roles import ROLES
from klantbeeld.sources.context import CallContext
from klantbeeld.store.transactions import Unit
from klantbeeld.writes.beside import NOTHING, Beside, Event
from klantbeeld.writes.course import Go, Rest, next_of
from klantbeeld.writes.journal import Journal
from klantbeeld.writes.leases import Fenced, Lease, lease_of
from klantbeeld.writes.outcomes import Verdict
from klantbeeld.writes.rows import OperationView, StepRow, ended
from klantbeeld.writes.sealing import Key
from klantbeeld.writes.states import OperationState, StepState
from klantbeeld.writes.telling import Changed, told

LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Clock:
    """`now` is the time of day in UTC, `loop` the running loop's, in seconds."""

    now: Callable[[], datetime]
    loop: Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How long things last, in seconds: a lease, the input of what is not known, the first wait of the worker."""

    lease: float
    keep_input: float
    again: float


class Following(Struct, frozen=True):
    """A step that is ready to be sent after another, with the steps that are kept along; not later than `before`."""

    step: StepRow
    more: Sequence[StepRow]
    before: float


class Along(Struct, frozen=True):
    """A step that only read, as it ended, and what is written with that."""

    step: StepRow
    also: Unit[Any] | None


class Held:
    """One operation under a lease of this process; lives as long as that.

    `key` opens its input; None where that was destroyed. `until` is when the lease ends, in the loop's time: nothing is
    sent after it. `wake_at` is when the worker has to look again, where something knows better than a growing wait, and
    `is_stuck` that looking again will tell nothing. `keeps_lease` while more is to be done whatever its state says.
    `token` lets later reads see what was written. `view` is the operation as it stands here, which may be ahead of what
    the journal has.
    """

    def __init__(
        self,
        view: OperationView,
        key: Key | None,
        *,
        journal: Journal,
        changed: Changed,
        clock: Clock,
        terms: Terms,
        until: float,
    ) -> None:
        self.view = self._kept = view
        self.key = key
        self.until = until
        self.wake_at: datetime | None = None
        self.is_stuck = False
        self.keeps_lease = False
        self.token: str | None = None
        self.clock = clock
        self._journal = journal
        self._changed = changed
        self._terms = terms

    @property
    def id(self) -> str:
        """The operation's id."""
        return self.view.operation.id

    def within(self, context: CallContext) -> CallContext:
        """Return the context for calls: none of them outlasts the lease. Raises Fenced where it is over."""
        if self.clock.loop() >= self.until:
            raise Fenced(self.id)
        return context if context.deadline <= self.until else structs.replace(context, deadline=self.until)

    def payload(self, step: StepRow) -> bytes:
        """Return what a step works with, as JSON; raises StoreError where it was destroyed."""
        if self.key is None or step.sealed is None:
            raise StoreError("the input of the operation is not kept any more")
        return self.key.open(step.sealed, step.seq)

    def seal(self, step: StepRow, payload: bytes) -> StepRow:
        """Return a step that works with something else."""
        if self.key is None:
            raise StoreError("the input of the operation is not kept any more")
        return structs.replace(step, sealed=self.key.seal(payload, step.seq))

    def act(self, step: StepRow) -> Act:
        """Return what a call sends, under the step's own key."""
        kind = ROLES[step.role or ""].acts[step.act]
        act = msgspec.json.decode(self.payload(step), type=kind, strict=False)
        return structs.replace(act, key=step.step_key)

    async def begin(self, step: StepRow, more: Sequence[StepRow] = ()) -> None:
        """Make it durable that a step is about to be sent. Raises Fenced, RecordBusy or StoreError: send nothing."""
        began = self.clock.loop()
        lease = self._renewed()
        await self._journal.begin(self._kept, step, lease, more=more)
        self.until = began + self._terms.lease
        self._kept = _with_lease(self._kept, lease).with_steps(step, *more)
        self.view = _with_lease(self.view, lease).with_steps(step, *more)

    async def conclude(
        self, step: StepRow, verdict: Verdict, events: Sequence[Event] = (), also: Unit[Any] | None = None
    ) -> None:
        """Keep what came of a step, and where that leaves the operation, and have reads see what may have changed.

        Raises Fenced or StoreError.
        """
        kept = self._concluded(step, verdict)
        await self._keep(self.rested(self._undone(kept)), kept, Beside(events=events, also=also))

    async def conclude_both(self, step: StepRow, verdict: Verdict, events: Sequence[Event], along: Along) -> None:
        """Do the same for a step and for one after it that only read, in one transaction.

        Only what came of the first is kept where the second cannot be kept with it, or is not the next any more.
        """
        kept = self._concluded(step, verdict)
        after = self._undone(kept)
        if _is_next(after, along.step):
            with suppress(StoreError):  # what came of the first must not be lost over what belongs to the second
                both = self.rested(after.with_step(along.step))
                await self._keep(both, kept, Beside(events=events, also=along.also))
                return
        await self._keep(self.rested(after), kept, Beside(events=events))

    async def conclude_and_begin(
        self, step: StepRow, verdict: Verdict, events: Sequence[Event], following: Following
    ) -> StepRow | None:
        """Do the same, and begin the step that follows, in one transaction; returns it as it was begun.

        None where it is not the next any more, or its time is over: then only what came of the first is kept.
        """
        kept = self._concluded(step, verdict)
        after = self._undone(kept)
        if not self._is_next(after, following):
            await self._keep(self.rested(after), kept, Beside(events=events))
            return None
        began = self.clock.loop()
        lease = self._renewed()
        view, begun = _with_begun(after, following, lease)
        try:
            await self._keep(view, kept, Beside(events=events, held_at=lease.now))
        except Fenced:  # the lease may only have run out: then nobody has taken it yet
            await self._keep(self.rested(after), kept, Beside(events=events))
            return None
        self.until = began + self._terms.lease
        return begun

    async def begin_next(self, following: Following) -> StepRow | None:
        """Begin a step that follows what is kept already; None where it is not the next, or its time is over.

        Raises Fenced or StoreError.
        """
        if not self._is_next(self.view, following):
            return None
        begun = _stamped(following.step, self.clock.now())
        await self.begin(begun, following.more)
        return begun

    def _is_next(self, view: OperationView, following: Following) -> bool:
        is_next = _is_next(view, following.step) and _has_room(view, following.more)
        return is_next and self.clock.loop() < min(following.before, self.until)

    def _renewed(self) -> Lease:
        return lease_of(self.view.operation.holder, self.clock.now(), self._terms.lease)

    async def keep(self, view: OperationView) -> None:
        """Keep a view, with the state that follows from its steps. Raises Fenced or StoreError."""
        await self._keep(self.rested(view))

    async def _keep(self, after: OperationView, step: StepRow | None = None, beside: Beside | None = None) -> None:
        """Keep a view as it is, and have reads see what a step of it changed, or may have."""
        news = None
        if step is not None and step.state is not StepState.NOT_APPLIED:
            news = self._changed(after.operation, step)
        if news is not None:
            beside = structs.replace(beside or NOTHING, last=news.writing())
        number = await self._journal.finish(self._kept, after, beside)
        self.note_kept(after)
        self.token = await told(news, number) or self.token

    async def put_down(self) -> None:
        """Leave the rest to the worker, at once."""
        now = self.clock.now()
        operation = structs.replace(
            self.view.operation, state=OperationState.UNKNOWN, updated_at=now, leased_until=now, wake_at=now
        )
        after = OperationView(operation, self.view.steps)
        await self._journal.finish(self._kept, after)
        self.note_kept(after)

    async def forget_input(self) -> None:
        """Destroy the input: its term is over. What is not known then waits for a person."""
        now = self.clock.now()
        operation = structs.replace(
            self.view.operation,
            state=OperationState.UNKNOWN,
            parked=True,
            sealed_key=None,
            wake_at=None,
            leased_until=now,
            updated_at=now,
        )
        steps = tuple(structs.replace(step, sealed=None, lock_key=None) for step in self.view.steps)
        after = OperationView(operation, steps)
        await self._journal.finish(self._kept, after)
        self.note_kept(after)
        self.key = None

    def note_kept(self, view: OperationView) -> None:
        """Go on with a view that the journal has now."""
        self.view = self._kept = view

    def is_rested(self) -> bool:
        """Say whether the state that is kept is one in which nobody works on it."""
        return self.view.operation.state is not OperationState.RUNNING

    def _concluded(self, step: StepRow, verdict: Verdict) -> StepRow:
        return concluded(structs.replace(step, lock_key=None) if self.is_stuck else step, verdict)

    def _undone(self, step: StepRow) -> OperationView:
        view = self.view.with_step(step)
        if step.compensates is None or step.state is not StepState.APPLIED:
            return view
        return view.with_step(structs.replace(view.step(step.compensates), state=StepState.COMPENSATED))

    def rested(self, view: OperationView) -> OperationView:
        """Write into the operation where its steps leave it; one that is over loses its input."""
        now = self.clock.now()
        rest = next_of(view)
        if not isinstance(rest, Rest) or (self.keeps_lease and not rest.state.is_final):
            # From here on something may be done: whoever finds it has to go on with it, and not to begin it anew.
            operation = structs.replace(view.operation, state=OperationState.RUNNING, resumable=False, updated_at=now)
            return OperationView(operation, view.steps)
        operation = structs.replace(
            view.operation,
            state=rest.state,
            resumable=rest.resumable,
            parked=self._is_stuck(rest),
            updated_at=now,
            leased_until=now,
            wake_at=self._wake_at(view, rest, now),
        )
        rested = OperationView(operation, view.steps)
        return ended(rested) if rest.state.is_final else rested

    def _is_stuck(self, rest: Rest) -> bool:
        return rest.stuck or (self.is_stuck and rest.state is OperationState.UNKNOWN)

    def _wake_at(self, view: OperationView, rest: Rest, now: datetime) -> datetime | None:
        if rest.state.is_final:
            return None
        if self._is_stuck(rest):
            return self.input_ends(view)
        if self.wake_at is not None or rest.state in {OperationState.WAITING, OperationState.PENDING_APPROVAL}:
            return self.wake_at
        tries = max((step.attempts for step in view.steps), default=0)
        return now + timedelta(seconds=self._terms.again * 2 ** min(tries, MOST_DOUBLINGS))

    def input_ends(self, view: OperationView) -> datetime | None:
        """Say when the input of what is not known is destroyed; None where it was."""
        if view.operation.sealed_key is None:
            return None
        return view.operation.created_at + timedelta(seconds=self._terms.keep_input)


MOST_DOUBLINGS = 5  # 32 times the first wait


def concluded(step: StepRow, verdict: Verdict) -> StepRow:
    """Return a step with what came of it; where that is not known it goes on keeping others from its record."""
    return structs.replace(
        step,
        state=verdict.state,
        lock_key=step.lock_key if verdict.state is StepState.UNKNOWN else None,
        code=verdict.code,
        reason=verdict.reason[:LONGEST_REASON] if verdict.reason else None,
        record_id=verdict.record_id or step.record_id,
        version=verdict.version,
        passing=verdict.passing,
    )


def _is_next(view: OperationView, step: StepRow) -> bool:
    action = next_of(view)
    return isinstance(action, Go) and action.step.seq == step.seq


def _has_room(view: OperationView, more: Sequence[StepRow]) -> bool:
    """Say whether no step took the place of one that was drawn meanwhile, for another one."""
    undone = {step.seq: step.compensates for step in view.steps}
    return all(undone.get(one.seq, one.compensates) == one.compensates for one in more)


def _with_begun(view: OperationView, following: Following, lease: Lease) -> tuple[OperationView, StepRow]:
    """Return an operation with a step that is about to be sent, under a lease that was renewed; and that step."""
    begun = _stamped(following.step, lease.now)
    return _with_lease(view, lease).with_steps(begun, *following.more), begun


def _stamped(step: StepRow, now: datetime) -> StepRow:
    """Return a step that was got ready earlier as one that is sent now; the first time stays, where it was before."""
    return structs.replace(step, first_sent_at=step.first_sent_at if step.attempts > 1 else now, last_sent_at=now)


def _with_lease(view: OperationView, lease: Lease) -> OperationView:
    """Return an operation whose lease was renewed."""
    operation = structs.replace(view.operation, leased_until=lease.until, wake_at=lease.until, updated_at=lease.now)
    return OperationView(operation, view.steps)


def encoded(payload: Any) -> bytes:
    """Write down what a step works with."""
    return msgspec.json.encode(payload)
