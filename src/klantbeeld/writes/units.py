"""The journal's units: what each transaction of the journal reads and writes, in plain statements."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache, lru_cache
from itertools import chain, compress
from operator import ne
from typing import Any

from klantbeeld.store.transactions import Unit
from klantbeeld.writes.beside import Beside, Event
from klantbeeld.writes.leases import Fenced, Lease, RecordBusy
from klantbeeld.writes.rows import (
    OPERATION_COLUMNS,
    STEP_COLUMNS,
    OperationView,
    StepRow,
    operation_of,
    step_of,
    values_of,
)

MOST_AT_ONCE = 16  # steps that one statement inserts


def _marks(columns: Sequence[str]) -> str:
    return ", ".join("?" * len(columns))


OPERATION = ", ".join(OPERATION_COLUMNS)
STEP = ", ".join(STEP_COLUMNS)
INSERT_OPERATION = (
    f"INSERT INTO operations ({OPERATION}) VALUES ({_marks(OPERATION_COLUMNS)}) "  # noqa: S608 - our own names
    "ON CONFLICT (scope_key) DO NOTHING RETURNING id"
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


def claim(new: OperationView) -> Unit[OperationView | None]:
    """Insert an operation and its steps, or find the one that has its key."""
    operation = new.operation
    while not (yield INSERT_OPERATION, values_of(operation)):
        found = yield from view(OPERATION_BY_KEY, operation.scope_key)
        if found is not None and not (found.is_final and found.operation.expires_at <= operation.created_at):
            return found
        if found is not None:
            yield from remove(found.operation.id)
    for start in range(0, len(new.steps), MOST_AT_ONCE):
        yield from _insert(*new.steps[start : start + MOST_AT_ONCE])
    return None


def begin(held: OperationView, step: StepRow, lease: Lease, more: Sequence[StepRow]) -> Unit[None]:
    """Renew the lease and mark a step as about to be sent."""
    operation = held.operation
    renewed = yield RENEW, (lease.until, lease.until, lease.now, operation.id, operation.token, lease.now)
    if not renewed:
        raise Fenced(operation.id)
    if step.lock_key is not None and (yield LOCK_IS_FREE, (step.lock_key, operation.id, step.seq)):
        raise RecordBusy(operation.id)
    yield from _change(held, (step, *more))


def finish(before: OperationView, after: OperationView, beside: Beside) -> Unit[int | None]:
    """Write what changed between two views, and what goes beside it."""
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
    yield from _change(before, after.steps)
    for event in beside.events:
        yield INSERT_EVENT, (event.id, now.id, now.updated_at, now.updated_at, 0, event.event)
    if beside.also is not None:
        yield from beside.also
    return (yield from beside.last) if beside.last is not None else None


def take(operation_id: str, lease: Lease) -> Unit[OperationView | None]:
    """Take an operation whose lease is over."""
    values = (lease.holder, lease.until, lease.until, lease.now, False, operation_id, lease.now)
    if not (yield TAKE, values):
        return None
    found: OperationView | None = yield from view(OPERATION_BY_ID, operation_id)
    return found


def listed(statement: str, values: Sequence[Any]) -> Unit[list[OperationView]]:
    """Read the operations of a statement, each with its steps."""
    rows = yield statement, values
    found = []
    for row in rows:
        operation = operation_of(row)
        found.append(OperationView(operation, (yield from _steps(operation.id))))
    return found


def expire(now: datetime, most: int) -> Unit[int]:
    """Remove operations whose time is over."""
    rows = yield EXPIRED, (now, most)
    for (operation_id,) in rows:
        yield from remove(str(operation_id))
    return len(rows)


def undelivered(now: datetime, most: int, again_at: datetime) -> Unit[list[Event]]:
    """Read events that are due, and put them off."""
    rows = yield "SELECT id, event FROM outbox WHERE next_at <= ? ORDER BY next_at, id LIMIT ?", (now, most)
    taken = []
    for event_id, event in rows:
        put_off = "UPDATE outbox SET next_at = ?, attempts = attempts + 1 WHERE id = ? AND next_at <= ? RETURNING id"
        if (yield put_off, (again_at, str(event_id), now)):
            taken.append(Event(str(event_id), event))
    return taken


def _change(kept: OperationView, steps: Iterable[StepRow]) -> Unit[None]:
    """Write what differs from what is kept; steps that change alike, as all do when it is over, in one statement."""
    known = {step.seq: step for step in kept.steps}
    alike: dict[tuple[tuple[str, ...], tuple[Any, ...]], list[int]] = {}
    for step in steps:
        was = known.get(step.seq)
        if was is None:
            yield from _insert(step)
        elif step != was:
            values = values_of(step)
            differs = tuple(map(ne, values_of(was), values))
            change = tuple(compress(STEP_COLUMNS, differs)), tuple(compress(values, differs))
            alike.setdefault(change, []).append(step.seq)
    for (columns, values), seqs in alike.items():
        yield _update_of(columns, len(seqs)), (*values, kept.operation.id, *seqs)


def _insert(*steps: StepRow) -> Unit[None]:
    values = tuple(chain.from_iterable(map(values_of, steps)))
    if len((yield _insert_of(len(steps)), values)) < len(steps):
        raise RecordBusy(steps[0].operation_id)


@cache
def _insert_of(number: int) -> str:
    rows = ", ".join([f"({_marks(STEP_COLUMNS)})"] * number)
    return f"INSERT INTO steps ({STEP}) VALUES {rows} ON CONFLICT DO NOTHING RETURNING seq"  # noqa: S608 - our own names


@lru_cache(maxsize=128)
def _update_of(columns: tuple[str, ...], number: int) -> str:
    settings = ", ".join(f"{name} = ?" for name in columns)
    return f"UPDATE steps SET {settings} WHERE operation_id = ? AND seq IN ({', '.join('?' * number)})"  # noqa: S608 - our own names


def remove(operation_id: str) -> Unit[None]:
    """Remove an operation with its steps."""
    yield "DELETE FROM steps WHERE operation_id = ?", (operation_id,)
    yield "DELETE FROM operations WHERE id = ?", (operation_id,)


def view(statement: str, key: Any) -> Unit[OperationView | None]:
    """Read one operation with its steps, by the key of a statement."""
    rows = yield statement, (key,)
    if not rows:
        return None
    operation = operation_of(rows[0])
    return OperationView(operation, (yield from _steps(operation.id)))


def _steps(operation_id: str) -> Unit[tuple[StepRow, ...]]:
    return tuple(step_of(row) for row in (yield STEPS_OF, (operation_id,)))


def ids(statement: str, values: Sequence[Any]) -> Unit[list[str]]:
    """Run a statement that gives ids."""
    return [str(row[0]) for row in (yield statement, values)]


def count(statement: str, values: Sequence[Any]) -> Unit[int]:
    """Run a statement that counts."""
    ((found,),) = yield statement, values
    return int(found)
