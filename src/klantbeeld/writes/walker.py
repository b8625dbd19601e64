"""The walker: carries an operation on, step by step, from wherever it stands, until it is over or has to wait."""

from collections.abc import Callable, Mapping

from msgspec import structs

from klantbeeld.errors import SourceError, StoreError
from klantbeeld.sources.context import CallContext
from klantbeeld.writes.course import Go, next_of
from klantbeeld.writes.following import done_with
from klantbeeld.writes.held import Held
from klantbeeld.writes.outcomes import Verdict, verdict_after
from klantbeeld.writes.planning import Done, StepHandler, Waiting
from klantbeeld.writes.rows import OperationView, StepRow
from klantbeeld.writes.sending import Ready, Sender
from klantbeeld.writes.settling import Settler
from klantbeeld.writes.states import DOUBTFUL, Policy, StepState
from klantbeeld.writes.telling import Changed, told


class Walker:
    """Walks operations; lives as long as the app."""

    def __init__(
        self, sender: Sender, settler: Settler, *, handlers: Mapping[str, StepHandler], changed: Changed
    ) -> None:
        self._sender = sender
        self._settler = settler
        self._handlers = handlers
        self._changed = changed

    async def take_up(self, held: Held, context: CallContext) -> None:
        """Go on with an operation that was left: first settle what is in doubt. Raises Fenced or StoreError.

        Whoever left it may have died after a step was kept and before caches were told, so they are told of all of it.
        """
        held.token = await self.seen_again(held.view) or held.token
        doubtful = [step for step in held.view.steps if step.state in DOUBTFUL]
        for place, step in enumerate(doubtful, 1):
            held.keeps_lease = place < len(doubtful)
            await self._settler.settle(held, step, context)
        if not held.is_rested():
            await self.walk(held, context)

    async def walk(self, held: Held, context: CallContext) -> None:
        """Do what is to be done next, and next, until nothing is, or the time is over. Raises Fenced or StoreError."""
        while isinstance(action := next_of(held.view), Go):
            if held.clock.loop() >= min(context.deadline, held.until):
                await held.put_down()
                return
            await self._do(held, action.step, context)
        if not held.is_rested():
            await held.keep(held.view)

    async def sent(self, held: Held, ready: Ready, context: CallContext) -> None:
        """Send a step whose intent is durable already. Raises Fenced or StoreError."""
        await self._sender.sent(held, ready, context)

    async def settled_by_hand(self, held: Held, step: StepRow, verdict: Verdict) -> None:
        """Keep what a person says of a step. Raises Fenced or StoreError."""
        await held.conclude(step, verdict)

    async def seen_again(self, view: OperationView) -> str | None:
        """Make sure that reads see an operation whose answer is repeated: the first may have died over that."""
        token = None
        for step in view.steps:
            if step.is_call and step.attempts and step.state is not StepState.NOT_APPLIED:
                token = await told(self._changed(view.operation, step)) or token
        return token

    async def _do(self, held: Held, step: StepRow, context: CallContext) -> None:
        if step.is_call:
            await self._sender.send(held, step, context)
        else:
            await self._handle(held, step)

    async def _handle(self, held: Held, step: StepRow) -> None:
        """Do a step that is no call. It is repeated after a crash, which its handler has to allow."""
        handler = self._handlers.get(step.kind)
        if handler is None:
            raise StoreError("the journal has a step of a kind that nobody handles here")
        try:
            came = await handler.take(held.view.operation, step, held.payload(step))
        except SourceError as problem:  # it reads, and changes nothing at a source
            problem.sent = False
            await held.conclude(structs.replace(step, attempts=step.attempts + 1), verdict_after(problem))
            return
        if isinstance(came, Waiting):
            held.wake_at = came.wake_at
            waits = structs.replace(
                step,
                state=StepState.WAITING,
                attempts=step.attempts + 1,
                first_sent_at=step.first_sent_at or held.clock.now(),  # what it waits for is counted from here
            )
            await held.keep(held.view.with_step(waits))
            return
        await self._done(held, step, came)

    async def _done(self, held: Held, step: StepRow, done: Done) -> None:
        if done.customer_id is not None:
            operation = structs.replace(held.view.operation, customer_id=done.customer_id)
            held.view = OperationView(operation, held.view.steps)
        await held.conclude(*done_with(step, done), also=done.also)


def woken(view: OperationView) -> OperationView:
    """Return an operation with those steps to be begun that waited, or whose turn it is to be tried again."""
    is_forward = view.operation.policy is Policy.FORWARD
    return _begun_again(
        view,
        lambda step: (
            step.state is StepState.WAITING or (may_pass(step) and (is_forward or step.compensates is not None))
        ),
    )


def revived(view: OperationView) -> OperationView:
    """Return an operation of which nothing was done, with those steps to be begun that another try may do."""
    return _begun_again(view, lambda step: may_pass(step) or step.state is StepState.SKIPPED)


def may_pass(step: StepRow) -> bool:
    """Say whether a step was not applied by what may be over by now."""
    return step.state is StepState.NOT_APPLIED and step.passing


def _begun_again(view: OperationView, chosen: Callable[[StepRow], bool]) -> OperationView:
    steps = tuple(
        structs.replace(step, state=StepState.PENDING, code=None, reason=None, passing=False) if chosen(step) else step
        for step in view.steps
    )
    return OperationView(view.operation, steps)
