"""The journal: what is to be written is durable here before the first byte of it is sent.

Each method is one durable transaction. Whoever works on an operation holds its lease, and every transaction names the
token under which it was taken: whoever was thought dead and wakes up finds that it has grown, and changes nothing
(`Fenced`). What a lease of ours cannot stop are bytes that are under way already; `settling` knows that.

All methods raise StoreError, and then nothing was written.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from klantbeeld.store.transactions import Transactions, Unit
from klantbeeld.writes.rows import (
    OPERATION_COLUMNS,
    STEP_COLUMNS,
    OperationRow,
    OperationView,
    StepRow,
    operation_of,
    step_of,
    values_of,
)
from klantbeeld.writes.states import StepState

T = TypeVar("T")


def _marks(columns: Sequence[str]) -> str:
    return ", ".join("?" * len(columns))


OPERATION = ", ".join(OPERATION_COLUMNS)
STEP = ", ".join(STEP_COLUMNS)
INSERT_OPERATION = (
    f"INSERT INTO operations ({OPERATION}) VALUES ({_marks(OPERATION_COLUMNS)}) "  # noqa: S608 - our own names
    "ON CONFLICT (scope_key) DO NOTHING RETURNING id"
)
INSERT_STEP = (
    f"INSERT INTO steps ({STEP}) VALUES ({_marks(STEP_COLUMNS)}) "  # noqa: S608 - our own names
    "ON CONFLICT DO NOTHING RETURNING seq"
)
CHANGED_STEP = STEP_COLUMNS[2:]
UPDATE_STEP = (
    f"UPDATE steps SET {', '.join(f'{name} = ?' for name in CHANGED_STEP)} "  # noqa: S608 - our own names
    "WHERE operation_id = ? AND seq = ?"
)
OPERATION_BY_ID = f"SELECT {OPERATION} FROM operations WHERE id = ?"  # noqa: S608 - our own names
OPERATION_BY_KEY = f"SELECT {OPERATION} FROM operations WHERE scope_key = ?"  # noqa: S608 - our own names
STEPS_OF = f"SELECT {STEP} FROM steps WHERE operation_id = ? ORDER BY seq"  # noqa: S608 - our own names
LOCK_IS_FREE = "SELECT 1 FROM steps WHERE lock_key = ? AND NOT (operation_id = ? AND seq = ?)"
RENEW = (
    "UPDATE operations SET leased_until = ?, wake_at = ?, updated_at = ? "
    "WHERE id = ? AND token = ? AND leased_until > ? RETURNING id"
)
FINISH = (
    "UPDATE operations SET state = ?, resumable = ?, parked = ?, customer_id = ?, updated_at = ?, leased_until = ?, "
    "wake_at = ?, sealed_key = ? WHERE id = ? AND token = ? RETURNING id"
)
FINISH_HELD = FINISH.replace("RETURNING", "AND leased_until > ? RETURNING")
TAKE = (
    "UPDATE operations SET holder = ?, token = token + 1, leased_until = ?, wake_at = ?, updated_at = ?, "
    "state = 'RUNNING', parked = ? WHERE id = ? AND leased_until <= ? RETURNING id"
)
INSERT_EVENT = "INSERT INTO outbox (id, operation_id, created_at, next_at, attempts, event) VALUES (?, ?, ?, ?, ?, ?)"
DUE = "SELECT id FROM operations WHERE wake_at <= ? AND leased_until <= ? ORDER BY wake_at LIMIT ?"
PARKED = f"SELECT {OPERATION} FROM operations WHERE parked AND id > ? ORDER BY id LIMIT ?"  # noqa: S608 - our own names
LATEST = f"SELECT {OPERATION} FROM operations ORDER BY id DESC LIMIT ?"  # noqa: S608 - our own names
EXPIRED = (
    "SELECT id FROM operations WHERE expires_at <= ? AND state IN ('APPLIED', 'NOT_APPLIED', 'COMPENSATED') LIMIT ?"
)


class Fenced(Exception):
    """Somebody else has taken the operation over: this holder sends and writes nothing more of it.

    It does not leave this room, and neither does `RecordBusy`.
    """


class RecordBusy(Exception):
    """Another operation is changing this record, where only a lease of ours keeps changes apart."""

    code = "RECORD_BUSY"


def _ignore(_operation_id: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who takes an operation, from when and for how long; `holder` is the process's own id."""

    holder: str
    now: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """An event to be delivered: its id, and the CloudEvent as JSON."""

    id: str
    event: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What is kept in the transaction that keeps what came of a step.

    `also` belongs to the step itself. `last` may take a lock that others wait for, so it comes last. `held_at` is given
    where another step begins with it: the lease has to hold at that moment.
    """

    events: Sequence[Event] = ()
    also: Unit[Any] | None = None
    last: Unit[int] | None = None
    held_at: datetime | None = None


NOTHING = Beside()


class Journal:
    """Lives as long as the store. `wait` is the longest that a transaction waits for its turn, in seconds.

    `moved` hears of every operation that was changed here.
    """

    def __init__(self, transactions: Transactions, *, wait: float) -> None:
        self._transactions = transactions
        self._wait = wait
        self.moved: Callable[[str], None] = _ignore

    async def claim(self, new: OperationView) -> OperationView | None:
        """Keep a new operation with its steps, or return the one that its key belongs to already.

        Raises RecordBusy where another operation holds the lock of a step.
        """
        return await self._run(_claim(new))

    async def begin(self, held: OperationView, step: StepRow, lease: Lease, *, more: Sequence[StepRow] = ()) -> None:
        """Make a step's intent durable before it is sent, and keep the lease for longer; adds the steps of `more`.

        Raises Fenced where the lease ran out or changed hands, RecordBusy as `claim` does.
        """
        await self._run(_begin(held.operation, step, lease, more))
        self.moved(held.operation.id)

    async def finish(self, before: OperationView, after: OperationView, beside: Beside | None = None) -> int | None:
        """Keep what came of a step, and where that leaves the operation; returns what `beside.last` gave.

        Raises Fenced where the lease changed hands.
        """
        found = await self._run(_finish(before, after, beside or NOTHING))
        self.moved(after.operation.id)
        return found

    async def take(self, operation_id: str, lease: Lease) -> OperationView | None:
        """Take an operation over; None where somebody holds it, or it is not there."""
        return await self._run(_take(operation_id, lease))

    async def due(self, now: datetime, *, most: int) -> list[str]:
        """Find operations that want attention, and that nobody holds; the longest waiting first."""
        return await self._look(_ids(DUE, (now, now, most)))

    async def find(self, operation_id: str) -> OperationView | None:
        """Find an operation by its id."""
        return await self._look(_view(OPERATION_BY_ID, operation_id))

    async def find_by_key(self, scope_key: bytes) -> OperationView | None:
        """Find an operation by the key of its caller."""
        return await self._look(_view(OPERATION_BY_KEY, scope_key))

    async def parked(self, *, first: int, after: str | None = None) -> list[OperationView]:
        """List operations that only a person can settle, by id."""
        return await self._look(_listed(PARKED, (after or "00000000-0000-0000-0000-000000000000", first)))

    async def latest(self, *, first: int) -> list[OperationView]:
        """List the latest operations, the newest first."""
        return await self._look(_listed(LATEST, (first,)))

    async def count_parked(self) -> int:
        """Count the operations that only a person can settle."""
        return await self._look(_count("SELECT count(*) FROM operations WHERE parked", ()))

    async def wake(self, operation_id: str, now: datetime) -> None:
        """Have the worker look at an operation now, if it is not over."""
        statement = (
            "UPDATE operations SET wake_at = ? WHERE id = ? AND state NOT IN ('APPLIED', 'NOT_APPLIED', 'COMPENSATED') "
            "RETURNING id"
        )
        await self._run(_ids(statement, (now, operation_id)))

    async def expire(self, now: datetime, *, most: int) -> int:
        """Remove operations whose time is over and that have ended; returns how many."""
        return await self._run(_expire(now, most))

    async def undelivered(self, now: datetime, *, most: int, again_at: datetime) -> list[Event]:
        """Give events that are due, and put their next try off: somebody else does not take them meanwhile."""
        return await self._run(_undelivered(now, most, again_at))

    async def delivered(self, event_id: str) -> None:
        """Forget an event that was delivered."""
        await self._run(_ids("DELETE FROM outbox WHERE id = ? RETURNING id", (event_id,)))

    async def _run(self, unit: Unit[T]) -> T:
        return await self._transactions.run(unit, wait=self._wait)

    async def _look(self, unit: Unit[T]) -> T:
        return await self._transactions.look(unit, wait=self._wait)


def ended(view: OperationView) -> OperationView:
    """Return an operation that is over as it is kept: without its input, and with nothing left to be begun."""
    steps = tuple(
        replace(
            step,
            sealed=None,
            lock_key=None,
            state=StepState.SKIPPED if step.state is StepState.PENDING else step.state,
        )
        for step in view.steps
    )
    return OperationView(replace(view.operation, sealed_key=None, wake_at=None, parked=False), steps)


def _claim(new: OperationView) -> Unit[OperationView | None]:
    operation = new.operation
    while not (yield INSERT_OPERATION, values_of(operation)):
        found = yield from _view(OPERATION_BY_KEY, operation.scope_key)
        if found is not None and not (found.is_final and found.operation.expires_at <= operation.created_at):
            return found
        if found is not None:
            yield from _remove(found.operation.id)
    for step in new.steps:
        yield from _insert_step(step)
    return None


def _begin(operation: OperationRow, step: StepRow, lease: Lease, more: Sequence[StepRow]) -> Unit[None]:
    renewed = yield RENEW, (lease.until, lease.until, lease.now, operation.id, operation.token, lease.now)
    if not renewed:
        raise Fenced(operation.id)
    if step.lock_key is not None and (yield LOCK_IS_FREE, (step.lock_key, operation.id, step.seq)):
        raise RecordBusy(operation.id)
    yield from _update_step(step)
    for one in more:
        yield from _insert_step(one)


def _finish(before: OperationView, after: OperationView, beside: Beside) -> Unit[int | None]:
    now = after.operation
    values = (
        now.state,
        now.resumable,
        now.parked,
        now.customer_id,
        now.updated_at,
        now.leased_until,
        now.wake_at,
        now.sealed_key,
        now.id,
        before.operation.token,
    )
    if beside.held_at is None:
        kept = yield FINISH, values
    else:
        kept = yield FINISH_HELD, (*values, beside.held_at)
    if not kept:
        raise Fenced(now.id)
    known = {step.seq: step for step in before.steps}
    for step in after.steps:
        if step.seq not in known:
            yield from _insert_step(step)
        elif step != known[step.seq]:
            yield from _update_step(step)
    for event in beside.events:
        yield INSERT_EVENT, (event.id, now.id, now.updated_at, now.updated_at, 0, event.event)
    if beside.also is not None:
        yield from beside.also
    return (yield from beside.last) if beside.last is not None else None


def _take(operation_id: str, lease: Lease) -> Unit[OperationView | None]:
    values = (lease.holder, lease.until, lease.until, lease.now, False, operation_id, lease.now)
    if not (yield TAKE, values):
        return None
    found: OperationView | None = yield from _view(OPERATION_BY_ID, operation_id)
    return found


def _listed(statement: str, values: Sequence[Any]) -> Unit[list[OperationView]]:
    rows = yield statement, values
    found = []
    for row in rows:
        operation = operation_of(row)
        found.append(OperationView(operation, (yield from _steps(operation.id))))
    return found


def _expire(now: datetime, most: int) -> Unit[int]:
    rows = yield EXPIRED, (now, most)
    for (operation_id,) in rows:
        yield from _remove(str(operation_id))
    return len(rows)


def _undelivered(now: datetime, most: int, again_at: datetime) -> Unit[list[Event]]:
    rows = yield "SELECT id, event FROM outbox WHERE next_at <= ? ORDER BY next_at, id LIMIT ?", (now, most)
    taken = []
    for event_id, event in rows:
        put_off = "UPDATE outbox SET next_at = ?, attempts = attempts + 1 WHERE id = ? AND next_at <= ? RETURNING id"
        if (yield put_off, (again_at, str(event_id), now)):
            taken.append(Event(str(event_id), event))
    return taken


def _insert_step(step: StepRow) -> Unit[None]:
    if not (yield INSERT_STEP, values_of(step)):
        raise RecordBusy(step.operation_id)


def _update_step(step: StepRow) -> Unit[None]:
    yield UPDATE_STEP, (*values_of(step)[2:], step.operation_id, step.seq)


def _remove(operation_id: str) -> Unit[None]:
    yield "DELETE FROM steps WHERE operation_id = ?", (operation_id,)
    yield "DELETE FROM operations WHERE id = ?", (operation_id,)


def _view(statement: str, key: Any) -> Unit[OperationView | None]:
    rows = yield statement, (key,)
    if not rows:
        return None
    operation = operation_of(rows[0])
    return OperationView(operation, (yield from _steps(operation.id)))


def _steps(operation_id: str) -> Unit[tuple[StepRow, ...]]:
    return tuple(step_of(row) for row in (yield STEPS_OF, (operation_id,)))


def _ids(statement: str, values: Sequence[Any]) -> Unit[list[str]]:
    return [str(row[0]) for row in (yield statement, values)]


def _count(statement: str, values: Sequence[Any]) -> Unit[int]:
    ((found,),) = yield statement, values
    return int(found)


def lease_of(holder: str, now: datetime, seconds: float) -> Lease:
    """Make a lease that begins now."""
    return Lease(holder, now, now + timedelta(seconds=seconds))
