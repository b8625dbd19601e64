"""Following: while one step is being sent the next is got ready, and begins in the transaction that ends the first.

One that only reads is done before that transaction, and ends in it too. That spares a transaction, and the time of what
is read. What came of the first waits for it no longer than SOON, and not at all where nobody could find out again what
came of it; a step that is not ready by then begins, or ends, by itself.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, Self, TypeVar

from msgspec import structs

from klantbeeld.writes.course import Go, next_of
from klantbeeld.writes.held import concluded
from klantbeeld.writes.outcomes import Verdict
from klantbeeld.writes.planning import Done
from klantbeeld.writes.rows import OperationView, StepRow
from klantbeeld.writes.states import StepState

T = TypeVar("T")

SOON = 0.02  # seconds; who dies meanwhile has the first step settled, as one whose answer was lost


class Ahead(Generic[T]):
    """A step that is got ready beside a block, if there is one; what is not ready at its end is not wanted any more."""

    __slots__ = ("_task",)

    def __init__(self, ready: Callable[[StepRow], Coroutine[Any, Any, T | None]], step: StepRow | None) -> None:
        self._task = None if step is None else asyncio.get_running_loop().create_task(ready(step))

    def __enter__(self) -> Self:
        """Be used in the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """End what is under way."""
        if self._task is not None:
            self._task.cancel()

    async def soon(self, seconds: float) -> T | None:
        """Return what is ready within so many seconds; None where nothing is."""
        if self._task is None:
            return None
        if not self._task.done() and seconds:
            await asyncio.wait({self._task}, timeout=seconds)
        return self._task.result() if self._task.done() else None

    async def later(self) -> T | None:
        """Wait for what was not ready soon; None where nothing can be."""
        return await self._task if self._task is not None else None


def next_after(view: OperationView, step: StepRow) -> StepRow | None:
    """Return the step that is to be begun next once this one was applied; None where nothing is."""
    action = next_of(view.with_step(concluded(step, Verdict(StepState.APPLIED))))
    return action.step if isinstance(action, Go) else None


def is_apart(following: StepRow, step: StepRow) -> bool:
    """Say whether what a call reads cannot depend on a step before it.

    It is at another system, and neither of them takes anything back.
    """
    is_elsewhere = following.is_call and following.source != step.source
    return is_elsewhere and step.compensates is None and following.compensates is None


def done_with(step: StepRow, done: Done) -> tuple[StepRow, Verdict]:
    """Return a step that is no call and has been done, with what came of it."""
    state = StepState.APPLIED if done.applied else StepState.NOT_APPLIED
    verdict = Verdict(state, record_id=done.record_id, code=done.code, reason=done.reason)
    return structs.replace(step, attempts=step.attempts + 1), verdict
