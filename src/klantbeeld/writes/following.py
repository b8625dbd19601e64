"""Following: while one step is being sent the next is got ready, and begins in the transaction that ends the first.

That spares a transaction, and the time of what is read. What came of the first waits for it no longer than SOON, and
not at all where nobody could find out again what came of it; a step that is not ready by then begins by itself.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from klantbeeld.writes.course import Go, next_of
from klantbeeld.writes.held import concluded
from klantbeeld.writes.outcomes import Verdict
from klantbeeld.writes.rows import OperationView, StepRow
from klantbeeld.writes.states import StepState

T = TypeVar("T")

SOON = 0.02  # seconds; who dies meanwhile has the first step settled, as one whose answer was lost


@dataclass(frozen=True, slots=True)
class Ahead(Generic[T]):
    """What is being got ready; None where nothing can be."""

    task: "asyncio.Task[T | None] | None" = None

    async def soon(self, seconds: float) -> T | None:
        """Return what is ready within so many seconds; None where nothing is."""
        if self.task is None:
            return None
        if not self.task.done() and seconds:
            await asyncio.wait({self.task}, timeout=seconds)
        return self.task.result() if self.task.done() else None

    async def later(self) -> T | None:
        """Wait for what was not ready soon; None where it was, and where it cannot be."""
        return await self.task if self.task is not None and not self.task.done() else None


@asynccontextmanager
async def getting_ready(
    ready: Callable[[StepRow], Awaitable[T | None]], step: StepRow | None
) -> AsyncIterator[Ahead[T]]:
    """Get a step ready beside the block; what is not ready at its end is not wanted any more."""
    if step is None:
        yield Ahead()
        return
    task = asyncio.ensure_future(_task(ready, step))
    try:
        yield Ahead(task)
    finally:
        task.cancel()


async def _task(ready: Callable[[StepRow], Awaitable[T | None]], step: StepRow) -> T | None:
    return await ready(step)


def follower(view: OperationView, step: StepRow) -> StepRow | None:
    """Return the call that is next once a step was applied, if what it reads cannot depend on that step.

    It is at another system, and neither of them takes anything back.
    """
    action = next_of(view.with_step(concluded(step, Verdict(StepState.APPLIED))))
    if not isinstance(action, Go) or not action.step.is_call:
        return None
    is_apart = action.step.source != step.source
    return action.step if is_apart and step.compensates is None and action.step.compensates is None else None
