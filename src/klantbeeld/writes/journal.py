"""The journal: what is to be written is durable here before the first byte of it is sent.

Each method is one durable transaction. Whoever works on an operation holds its lease, and every transaction names the
token under which it was taken: whoever was thought dead and wakes up finds that it has grown, and changes nothing
(`Fenced`). What a lease of ours cannot stop are bytes that are under way already; `settling` knows that.

All methods raise StoreError, and then nothing was written.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from klantbeeld.store.transactions import Transactions, Unit
from klantbeeld.writes import units
from klantbeeld.writes.beside import NOTHING, Beside, Event
from klantbeeld.writes.leases import Lease
from klantbeeld.writes.rows import (
    OperationView,
    StepRow,
)

T = TypeVar("T")


def _ignore(_operation_id: str) -> None:
    """Tell nobody."""


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
        return await self._run(units.claim(new))

    async def begin(self, held: OperationView, step: StepRow, lease: Lease, *, more: Sequence[StepRow] = ()) -> None:
        """Make a step's intent durable before it is sent, and keep the lease for longer; keeps those of `more` too.

        Raises Fenced where the lease ran out or changed hands, RecordBusy as `claim` does.
        """
        await self._run(units.begin(held, step, lease, more))
        self.moved(held.operation.id)

    async def finish(self, before: OperationView, after: OperationView, beside: Beside | None = None) -> int | None:
        """Keep what came of a step, and where that leaves the operation; returns what `beside.last` gave.

        Raises Fenced where the lease changed hands.
        """
        found = await self._run(units.finish(before, after, beside or NOTHING))
        self.moved(after.operation.id)
        return found

    async def take(self, operation_id: str, lease: Lease) -> OperationView | None:
        """Take an operation over; None where somebody holds it, or it is not there."""
        return await self._run(units.take(operation_id, lease))

    async def due(self, now: datetime, *, most: int) -> list[str]:
        """Find operations that want attention, and that nobody holds; the longest waiting first."""
        return await self._look(units.ids(units.DUE, (now, now, most)))

    async def find(self, operation_id: str) -> OperationView | None:
        """Find an operation by its id."""
        return await self._look(units.view(units.OPERATION_BY_ID, operation_id))

    async def find_by_key(self, scope_key: bytes) -> OperationView | None:
        """Find an operation by the key of its caller."""
        return await self._look(units.view(units.OPERATION_BY_KEY, scope_key))

    async def parked(self, *, first: int, after: str | None = None) -> list[OperationView]:
        """List operations that only a person can settle, by id."""
        return await self._look(units.listed(units.PARKED, (after or "00000000-0000-0000-0000-000000000000", first)))

    async def latest(self, *, first: int) -> list[OperationView]:
        """List the latest operations, the newest first."""
        return await self._look(units.listed(units.LATEST, (first,)))

    async def count_parked(self) -> int:
        """Count the operations that only a person can settle."""
        return await self._look(units.count("SELECT count(*) FROM operations WHERE parked", ()))

    async def wake(self, operation_id: str, now: datetime) -> None:
        """Have the worker look at an operation now, if it is not over."""
        statement = (
            "UPDATE operations SET wake_at = ? WHERE id = ? AND state NOT IN ('APPLIED', 'NOT_APPLIED', 'COMPENSATED') "
            "RETURNING id"
        )
        await self._run(units.ids(statement, (now, operation_id)))

    async def expire(self, now: datetime, *, most: int) -> int:
        """Remove operations whose time is over and that have ended; returns how many."""
        return await self._run(units.expire(now, most))

    async def undelivered(self, now: datetime, *, most: int, again_at: datetime) -> list[Event]:
        """Give events that are due, and put their next try off: somebody else does not take them meanwhile."""
        return await self._run(units.undelivered(now, most, again_at))

    async def delivered(self, event_id: str) -> None:
        """Forget an event that was delivered."""
        await self._run(units.ids("DELETE FROM outbox WHERE id = ? RETURNING id", (event_id,)))

    async def _run(self, unit: Unit[T]) -> T:
        return await self._transactions.run(unit, wait=self._wait)

    async def _look(self, unit: Unit[T]) -> T:
        return await self._transactions.look(unit, wait=self._wait)
