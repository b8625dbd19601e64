"""Tasks: what people are asked to decide about operations that wait for them.

Who began an operation, who claimed a task and who decided it are kept as keyed hashes, enough to hold that they are
two (four eyes) and to say "you". Every method raises StoreError.
"""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from klantbeeld.errors import RequestError
from klantbeeld.store.transactions import Transactions, Unit

T = TypeVar("T")


class TaskState(StrEnum):
    """Where a task stands: open to all who may decide, claimed by one of them, or decided."""

    OPEN = "OPEN"
    CLAIMED = "CLAIMED"
    DONE = "DONE"


class Decision(StrEnum):
    """What a person decided."""

    APPROVED = "APPROVED"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task as it is kept; `scope` is what a person needs to decide it, people are keyed hashes."""

    id: str
    operation_id: str
    seq: int
    title_nl: str
    title_en: str
    scope: str
    escalates_to: str | None = None
    customer_id: str | None = None
    starter: bytes
    awaited: bool = True
    state: TaskState = TaskState.OPEN
    created_at: datetime
    due_at: datetime
    escalates_at: datetime | None = None
    escalated_at: datetime | None = None
    handed_at: datetime | None = None
    claimed_by: bytes | None = None
    claimed_at: datetime | None = None
    outcome: Decision | None = None
    completed_by: bytes | None = None
    completed_at: datetime | None = None


# How long whoever decided has to carry the operation on, before somebody else does.
GRACE = timedelta(seconds=2)

COLUMNS = tuple(field.name for field in fields(Task))
ALL = ", ".join(COLUMNS)
MARKS = ", ".join("?" * len(COLUMNS))
INSERT = (
    f"INSERT INTO tasks ({ALL}) VALUES ({MARKS}) "  # noqa: S608 - our own names
    "ON CONFLICT (operation_id, seq) DO NOTHING"
)
BY_STEP = f"SELECT {ALL} FROM tasks WHERE operation_id = ? AND seq = ?"  # noqa: S608 - our own names
BY_ID = f"SELECT {ALL} FROM tasks WHERE id = ?"  # noqa: S608 - our own names
CLAIM = (
    "UPDATE tasks SET state = 'CLAIMED', claimed_by = ?, claimed_at = ? WHERE id = ? AND state = 'OPEN' RETURNING id"
)
COMPLETE = (
    "UPDATE tasks SET state = 'DONE', outcome = ?, completed_by = ?, completed_at = ? "
    "WHERE id = ? AND state <> 'DONE' RETURNING id"
)
ESCALATE = (
    "UPDATE tasks SET escalated_at = ?, scope = coalesce(escalates_to, scope), state = 'OPEN', claimed_by = NULL, "
    "claimed_at = NULL WHERE id = ? AND state <> 'DONE' AND escalated_at IS NULL"
)
WAKE = "UPDATE operations SET wake_at = ? WHERE id = ? AND state NOT IN ('APPLIED', 'NOT_APPLIED', 'COMPENSATED')"
HAND_OVER = "UPDATE tasks SET handed_at = ? WHERE id = ? AND handed_at IS NULL"
FORGET = "DELETE FROM tasks WHERE state = 'DONE' AND completed_at < ?"
HASHES = frozenset({"starter", "claimed_by", "completed_by"})


class Tasks:
    """The stored tasks; lives as long as the store. `wait` is the longest wait for a turn, in seconds."""

    def __init__(self, transactions: Transactions, *, wait: float) -> None:
        self._transactions = transactions
        self._wait = wait

    async def ensure(self, task: Task) -> Task:
        """Keep a task, or return the one that its step has already."""
        return await self._run(_ensure(task))

    async def escalate(self, task: Task, now: datetime) -> None:
        """Hand a task to those above; whoever had claimed it loses it."""
        await self._run(_changed(ESCALATE, (now, task.id)))

    async def hand_over(self, task: Task, now: datetime) -> None:
        """Note that an engine has taken a task."""
        await self._run(_changed(HAND_OVER, (now, task.id)))

    async def find(self, task_id: str) -> Task | None:
        """Find a task by its id."""
        return await self._run(_one(BY_ID, (task_id,)))

    async def of_step(self, operation_id: str, seq: int) -> Task | None:
        """Find the task of a step."""
        return await self._run(_one(BY_STEP, (operation_id, seq)))

    async def listed(
        self, scopes: Collection[str], *, states: Collection[TaskState], first: int, skip: int
    ) -> list[Task]:
        """List tasks that somebody with these scopes may decide, the oldest first."""
        if not scopes or not states:
            return []
        return await self._run(_listed(sorted(scopes), sorted(states), first, skip))

    async def claim(self, task: Task, person: bytes, now: datetime) -> Task:
        """Claim a task; raises RequestError: TASK_TAKEN where another did, TASK_DONE where it is decided."""
        return await self._run(_claim(task.id, person, now))

    async def complete(self, task: Task, decision: Decision, person: bytes, now: datetime) -> Task:
        """Decide a task, and have its operation looked at; the same decision again by the same person changes nothing.

        Raises RequestError: FOUR_EYES for whoever began the operation, TASK_TAKEN for what another claimed, TASK_DONE
        for what was decided otherwise.
        """
        return await self._run(_complete(task.id, decision, person, now))

    async def forget(self, before: datetime) -> None:
        """Remove what was decided before a moment."""
        await self._run(_changed(FORGET, (before,)))

    async def _run(self, unit: Unit[T]) -> T:
        return await self._transactions.run(unit, wait=self._wait)


def _ensure(task: Task) -> Unit[Task]:
    yield INSERT, tuple(getattr(task, name) for name in COLUMNS)
    return _task((yield BY_STEP, (task.operation_id, task.seq))[0])


def _claim(task_id: str, person: bytes, now: datetime) -> Unit[Task]:
    found = yield from _still(task_id, person)
    if found.state is TaskState.DONE:
        raise RequestError("the task is decided", code="TASK_DONE", status=409)
    if found.state is TaskState.OPEN and not (yield CLAIM, (person, now, task_id)):
        raise RequestError("another person has claimed the task", code="TASK_TAKEN", status=409)
    return (yield from _still(task_id, person))


def _complete(task_id: str, decision: Decision, person: bytes, now: datetime) -> Unit[Task]:
    found = yield from _still(task_id, person)
    if found.starter == person:
        raise RequestError("whoever began an operation does not decide it", code="FOUR_EYES", status=403)
    if found.state is TaskState.DONE:
        if (found.outcome, found.completed_by) != (decision, person):
            raise RequestError("the task was decided otherwise", code="TASK_DONE", status=409)
        return found
    if not (yield COMPLETE, (decision, person, now, task_id)):
        raise RequestError("the task was decided otherwise", code="TASK_DONE", status=409)
    yield WAKE, (now + GRACE, found.operation_id)
    return (yield from _still(task_id, person))


def _still(task_id: str, person: bytes) -> Unit[Task]:
    """Return a task that nobody else has claimed."""
    found: Task | None = yield from _one(BY_ID, (task_id,))
    if found is None:
        raise RequestError("there is no such task", code="TASK_UNKNOWN", status=404)
    if found.state is TaskState.CLAIMED and found.claimed_by != person:
        raise RequestError("another person has claimed the task", code="TASK_TAKEN", status=409)
    return found


def _listed(scopes: list[str], states: list[TaskState], first: int, skip: int) -> Unit[list[Task]]:
    marks = (", ".join("?" * len(scopes)), ", ".join("?" * len(states)))
    statement = (
        f"SELECT {ALL} FROM tasks WHERE scope IN ({marks[0]}) AND state IN ({marks[1]}) "  # noqa: S608 - our own names
        "ORDER BY id LIMIT ? OFFSET ?"
    )
    return [_task(row) for row in (yield statement, (*scopes, *states, first, skip))]


def _one(statement: str, values: tuple[Any, ...]) -> Unit[Task | None]:
    rows = yield statement, values
    return _task(rows[0]) if rows else None


def _changed(statement: str, values: tuple[Any, ...]) -> Unit[None]:
    yield statement, values


def _task(row: tuple[Any, ...]) -> Task:
    return Task(**{name: _read(name, value) for name, value in zip(COLUMNS, row, strict=True)})


def _read(name: str, value: Any) -> Any:
    """Read a column: the two databases give ids, moments and truth values in types of their own."""
    if value is None:
        return None
    if name.endswith("_at"):
        moment: datetime = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC)
    if name in HASHES:
        return bytes(value)
    return READERS.get(name, lambda each: each)(value)


READERS = {"id": str, "operation_id": str, "customer_id": str, "awaited": bool, "state": TaskState, "outcome": Decision}
