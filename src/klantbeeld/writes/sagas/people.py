"""Steps that people do: a task is made, and the operation waits until somebody decided it."""

from collections.abc import Callable
from datetime import datetime, timedelta

from klantbeeld.writes.planning import Done, Waiting
from klantbeeld.writes.rows import OperationRow, StepRow
from klantbeeld.writes.sagas.events import Teller
from klantbeeld.writes.sagas.payloads import Approval, opened
from klantbeeld.writes.sagas.tasks import Decision, Task, Tasks, TaskState

REFUSED = "APPROVAL_REFUSED"  # the code of a step that a person refused
ESCALATED = "task-escalated"  # what those who listen are told


class People:
    """The handler of steps that people do; lives as long as the app. `keep` is how long what was decided is kept."""

    def __init__(
        self, tasks: Tasks, tell: Teller, *, now: Callable[[], datetime], new_id: Callable[[], str], keep: timedelta
    ) -> None:
        self._tasks = tasks
        self._tell = tell
        self._now = now
        self._new_id = new_id
        self._keep = keep

    async def take(self, operation: OperationRow, step: StepRow, payload: bytes, /) -> Done | Waiting:
        """Make the task, or see what came of it; what nobody decided in time goes to those above."""
        asked = opened(payload, Approval)
        task = await self._tasks.ensure(self._new(operation, step, asked))
        if not step.attempts:  # a new task makes room: whatever was decided long ago goes
            await self._tasks.forget(self._now() - self._keep)
        if not asked.awaited:
            await self._tell.tell(operation, step, "task-made")
            return Done(applied=True)
        if task.state is TaskState.DONE:
            approved = task.outcome is Decision.APPROVED
            return Done(applied=approved, code=None if approved else REFUSED)
        if task.escalates_at and task.escalated_at is None and task.escalates_at <= self._now():
            await self._tell.tell(operation, step, ESCALATED)
            await self._tasks.escalate(task, self._now())
            return Waiting(approval=True)
        return Waiting(wake_at=None if task.escalated_at else task.escalates_at, approval=True)

    def _new(self, operation: OperationRow, step: StepRow, asked: Approval) -> Task:
        now = self._now()
        return Task(
            id=self._new_id(),
            operation_id=operation.id,
            seq=step.seq,
            title_nl=asked.title_nl,
            title_en=asked.title_en,
            scope=asked.scope,
            escalates_to=asked.escalates_to,
            customer_id=operation.customer_id,
            starter=asked.starter,
            awaited=asked.awaited,
            created_at=now,
            due_at=now + timedelta(seconds=asked.due),
            escalates_at=now + timedelta(seconds=asked.escalates) if asked.escalates else None,
        )
