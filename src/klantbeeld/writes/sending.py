"""Sending: one act to its owner, durable before its first byte, and never over a newer change."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct, structs

from klantbeeld.errors import SourceConflict, SourceError
from klantbeeld.sdk.acts import Act
from klantbeeld.sdk.connector import Doing
from klantbeeld.sdk.words import Guard, WriteSafety
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.source import Source
from klantbeeld.writes.beside import Event
from klantbeeld.writes.evidence import has_version, read_version, record_of
from klantbeeld.writes.following import SOON, Ahead, done_with, is_apart, next_after
from klantbeeld.writes.held import Along, Following, Held, concluded, encoded
from klantbeeld.writes.keys import Keys
from klantbeeld.writes.leases import RecordBusy
from klantbeeld.writes.outcomes import Verdict, verdict_after
from klantbeeld.writes.planning import Done, PlannedStep, Preparer, StepHandler
from klantbeeld.writes.rows import OperationRow, StepRow
from klantbeeld.writes.states import CALL, StepState

T = TypeVar("T")

# How often a write without an expected version is tried at a newer version, when others change the record meanwhile.
MOST_VERSIONS = 4

BUSY_SECONDS = 0.02  # between two looks at a record that another operation is changing

# What the owner, or a lease of ours, compares; a write without an expected version is tied to the present one, so that
# a second arrival of the same write changes nothing.
TIED = frozenset({WriteSafety.IF_MATCH, WriteSafety.NONE})
COMPARED_BY_OWNER = frozenset({Guard.IF_MATCH, Guard.VERSION_FIELD})

EventsOf = Callable[[OperationRow, StepRow, Act], Sequence[Event]]


class Ready(Struct, frozen=True):
    """A step as it will be sent: its row, its act, and the steps that are kept with it."""

    step: StepRow
    act: Act
    more: tuple[StepRow, ...] = ()

    def as_following(self, context: CallContext) -> Following:
        """Return it as what is begun after another step, within the time of a request."""
        return Following(self.step, self.more, context.deadline)


class Sender:
    """Sends steps; lives as long as the app."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        *,
        keys: Keys,
        preparers: Mapping[str, Preparer],
        readers: Mapping[str, StepHandler],
        events_of: EventsOf,
        undo: Callable[[Held, StepRow, PlannedStep], StepRow],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._sources = sources
        self._keys = keys
        self._preparers = preparers
        self._readers = readers
        self._events_of = events_of
        self._undo = undo
        self._sleep = sleep

    async def send(self, held: Held, step: StepRow, context: CallContext) -> None:
        """Prepare a step, make it durable, send it and keep what came of it. Raises Fenced or StoreError."""
        try:
            ready = await self.ready(held, step, held.within(context))
        except SourceError as problem:  # only reading was tried
            problem.sent = False
            await held.conclude(step, verdict_after(problem))
            return
        try:
            await self.when_free(lambda: held.begin(ready.step, ready.more), held, context)
        except RecordBusy:
            await held.conclude(step, Verdict(StepState.NOT_APPLIED, code=RecordBusy.code, passing=True))
            return
        await self.sent(held, ready, context)

    async def ready(self, held: Held, step: StepRow, context: CallContext) -> Ready:
        """Complete a step by reading what it needs: nothing is changed. Raises SourceError."""
        act = held.act(step)
        more: tuple[StepRow, ...] = ()
        seen: str | None = None
        if step.prepare is not None:
            prepared = await self._preparers[step.prepare].prepare(held.view, step, act, context)
            seen = prepared.seen
            if prepared.act is not act:
                act = structs.replace(prepared.act, key=step.step_key)
                step = held.seal(step, encoded(structs.replace(act, key="")))
            if prepared.undo is not None:
                more = (self._undo(held, step, prepared.undo),)
        source, doing = self._owner(step)
        now = held.clock.now()
        ready = structs.replace(
            step,
            state=StepState.SENDING,
            attempts=step.attempts + 1,
            first_sent_at=step.first_sent_at or now,
            last_sent_at=now,
            expected=await self._expected(source, doing, act, context, seen=seen),
            lock_key=self._lock(source, doing, act),
            code=None,
            reason=None,
        )
        return Ready(ready, act, more)

    async def sent(self, held: Held, ready: Ready, context: CallContext) -> None:
        """Send a step whose intent is durable, and keep what came of it. Raises Fenced or StoreError.

        A step after it that is at another system is got ready meanwhile, and sent too once its intent is durable.
        """
        following: Ready | None = ready
        while following is not None:
            following = await self._sent(held, following, context)

    async def _sent(self, held: Held, ready: Ready, context: CallContext) -> Ready | None:
        """Send one step and keep what came of it; returns the one whose intent is durable by then too."""
        after = next_after(held.view, ready.step)
        apart = after if after is not None and is_apart(after, ready.step) else None
        with Ahead(lambda step: self._ready_ahead(held, step, context), apart) as ahead:
            ready, verdict = await self._answered(held, ready, context)
            if not is_applied(verdict):
                await held.conclude(ready.step, verdict)
                return None
            events = self._events_of(held.view.operation, ready.step, ready.act)
            if following := await ahead.soon(self._patience(ready.step)):
                begun = await held.conclude_and_begin(ready.step, verdict, events, following.as_following(context))
                return Ready(begun, following.act, following.more) if begun else None
            await self._conclude(held, ready.step, verdict, events, after)
            following = await ahead.later()
        if following is None:
            return None
        begun = await held.begin_next(following.as_following(context))
        return Ready(begun, following.act, following.more) if begun else None

    async def _conclude(
        self, held: Held, step: StepRow, verdict: Verdict, events: Sequence[Event], after: StepRow | None
    ) -> None:
        """Keep what came of a step, and of one after it that only reads."""
        reader = after if after is not None and after.kind in self._readers else None
        with Ahead(lambda one: self._read(held, one), reader) as ahead:
            soon = await ahead.soon(self._patience(step))
            if soon is not None:
                await held.conclude_both(step, verdict, events, Along(concluded(*done_with(*soon)), soon[1].also))
                return
            await held.conclude(step, verdict, events)
            late = await ahead.later()
        if late is not None:
            await held.conclude(*done_with(*late), also=late[1].also)

    async def _read(self, held: Held, step: StepRow) -> tuple[StepRow, Done] | None:
        """Do a step that only reads; None where that fails: it is then done in its turn."""
        try:
            came = await self._readers[step.kind].take(held.view.operation, step, held.payload(step))
        except Exception:  # noqa: BLE001 - whatever it is must not cost what came of the step before; its turn tells it
            return None
        return (step, came) if isinstance(came, Done) else None

    def _patience(self, step: StepRow) -> float:
        """Return how long what came of a step may wait to be kept, in seconds."""
        _, doing = self._owner(step)
        return SOON if doing.safety is not WriteSafety.NONE else 0.0

    async def _answered(self, held: Held, ready: Ready, context: CallContext) -> tuple[Ready, Verdict]:
        """Send a step until its owner has answered it at the version that is there."""
        verdict = await self._once(held, ready, context)
        while verdict.code == SourceConflict.code and ready.act.expected is None and ready.step.expected is not None:
            # Somebody changed the record between our look and our write, and the caller set no condition.
            if ready.step.attempts >= MOST_VERSIONS or held.clock.loop() >= context.deadline:
                break
            again = await self._at_newer_version(held, ready, context)
            if again is None:
                break
            ready = again
            verdict = await self._once(held, ready, context)
        return ready, verdict

    async def _ready_ahead(self, held: Held, step: StepRow, context: CallContext) -> Ready | None:
        """Complete a step; None where that fails, and where it has to wait for a lock: it is then done in its turn."""
        try:
            ready = await self.ready(held, step, held.within(context))
        except Exception:  # noqa: BLE001 - whatever it is must not cost what came of the step before; its turn tells it
            return None
        return ready if ready.step.lock_key is None else None

    async def when_free(self, claim: Callable[[], Awaitable[T]], held: Held, context: CallContext) -> T:
        """Wait for a record that another operation is changing, until the deadline; raises RecordBusy then."""
        while True:
            try:
                return await claim()
            except RecordBusy:
                if held.clock.loop() + BUSY_SECONDS >= min(context.deadline, held.until):
                    raise
            await self._sleep(BUSY_SECONDS)

    def reads_before(self, planned: PlannedStep) -> bool:
        """Say whether something is read before a step is sent: then a repetition should be noticed before that."""
        if planned.kind != CALL or planned.left_out is not None:
            return False
        source = self._sources.get(planned.source or "")
        doing = source.doings.get(planned.act) if source else None
        if source is None or doing is None:
            return False
        return planned.prepare is not None or (planned.payload.expected is None and is_tied(source, doing))

    async def _at_newer_version(self, held: Held, ready: Ready, context: CallContext) -> Ready | None:
        """Get a refused write ready again, over what is there now; None where that cannot be read.

        What was to be put back is read anew too: the earlier value is not what this sending replaces.
        """
        try:
            again = await self.ready(held, ready.step, held.within(context))
        except SourceError:
            return None
        if not again.more:  # by now there is nothing to put back
            again = Ready(
                again.step, again.act, tuple(structs.replace(one, state=StepState.SKIPPED) for one in ready.more)
            )
        await held.begin(again.step, again.more)
        return again

    async def _once(self, held: Held, ready: Ready, context: CallContext) -> Verdict:
        source, doing = self._owner(ready.step)
        step, act = ready.step, ready.act
        try:
            bounded = held.within(context)
            if step.lock_key is not None and not await _is_at(source, step, act, bounded):
                return Verdict(StepState.NOT_APPLIED, code=SourceConflict.code)
            written = await source.act(step.act, as_sent(step, act, doing), bounded)
        except SourceError as error:
            return verdict_after(error)
        return Verdict(StepState.APPLIED, written.record_id, written.version)

    async def _expected(
        self, source: Source, doing: Doing, act: Act, context: CallContext, *, seen: str | None = None
    ) -> str | None:
        """Return the version that the write is tied to: the caller's, else the present one where that can tie it.

        `seen` is the present one where it was read a moment ago.
        """
        if act.expected is not None:
            return act.expected
        if not is_tied(source, doing):
            return None
        return seen or await read_version(source, doing.name, act, context)

    def _lock(self, source: Source, doing: Doing, act: Act) -> bytes | None:
        """Return the lock under which a version is compared by us; None where the owner compares, or nobody asked."""
        if doing.guard is not Guard.LEASE or act.expected is None:
            return None
        return self._keys.record(source.name, record_of(doing.name, act))

    def _owner(self, step: StepRow) -> tuple[Source, Doing]:
        source = self._sources.get(step.source or "")
        doing = source.doings.get(step.act) if source else None
        if source is None or doing is None:
            raise SourceError("the source that a step was planned for is not configured any more", sent=False)
        return source, doing


def as_sent(step: StepRow, act: Act, doing: Doing) -> Act:
    """Return an act with the version that its owner has to compare."""
    expected = step.expected if doing.guard in COMPARED_BY_OWNER else None
    return act if act.expected == expected else structs.replace(act, expected=expected)


def is_tied(source: Source, doing: Doing) -> bool:
    """Say whether a write without an expected version is tied to the one that is there."""
    return doing.guard is not Guard.NONE and doing.safety in TIED and has_version(source, doing.name)


def is_applied(verdict: Verdict) -> bool:
    """Say whether the owner did it."""
    return verdict.state is StepState.APPLIED


async def _is_at(source: Source, step: StepRow, act: Act, context: CallContext) -> bool:
    """Compare the version while the lock keeps our other writes out; a failure to read it has sent nothing."""
    try:
        return await read_version(source, step.act, act, context) == step.expected
    except SourceError as problem:
        problem.sent = False
        raise
