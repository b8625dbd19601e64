"""Short durable transactions that are written once for both databases.

A unit of work is a generator: it yields statements, is sent their rows, and returns what it found out. It does no I/O,
so SQLite runs it in a thread of its own and PostgreSQL over the pool, and what it does is the same. A unit that raises
leaves nothing.

SQLite waits for the disk at every commit. Units that wait while it does share the next one, each behind a savepoint of
its own: that costs one wait for all of them.
"""

import asyncio
import queue
import re
import sqlite3
import threading
from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from klantbeeld.errors import StoreError
from klantbeeld.store.sqlite import CACHE, CHECKPOINT, write_moments_as_text
from klantbeeld.store.store import Store
from klantbeeld.store.translation import AsStoreError, is_foreign

if TYPE_CHECKING:
    import asyncpg

T = TypeVar("T")

# One statement with `?` for each value, and the values: of Python's own types, moments with their zone.
Statement = tuple[str, Sequence[Any]]
Rows = list[tuple[Any, ...]]
Unit = Generator[Statement, Rows, T]

MOST_TOGETHER = 64  # units that share a commit
LOCK_TIMEOUT = 5.0  # seconds that the thread waits for other writers of the file; whoever asked need not wait so long

PLACE = re.compile(r"\?")


class Transactions(Protocol):
    """Runs units, each durable when it returns; lives as long as the store."""

    async def run(self, unit: Unit[T], *, wait: float) -> T:
        """Carry a unit out within `wait` seconds; raises StoreError, and nothing of it was written then.

        Raises what the unit raises. PostgreSQL may lose the answer to a commit: then, and only then, a StoreError
        leaves open whether it was written.
        """

    async def look(self, unit: Unit[T], *, wait: float) -> T:
        """Carry out a unit that only reads, and waits for nobody who writes; raises StoreError."""


@asynccontextmanager
async def open_transactions(store: Store) -> AsyncIterator[Transactions]:
    """Open what runs units over a store; close it before the store. Raises StoreError."""
    if not isinstance(store.reader, sqlite3.Connection):
        yield PostgresqlTransactions(store.reader)
        return
    file = Path(store.reader.execute("PRAGMA database_list").fetchone()[2])
    transactions = SqliteTransactions(await asyncio.to_thread(_open_writer, file), store.reader)
    try:
        yield transactions
    finally:
        await asyncio.to_thread(transactions.close)


@dataclass(slots=True, eq=False)
class _Job:
    """A unit that waits for its turn, and the future of whoever waits for it.

    Whoever is first decides: the thread that it is run, or whoever waits that it never is.
    """

    unit: Unit[Any]
    done: "asyncio.Future[Any]"
    decided: threading.Lock = field(default_factory=threading.Lock)
    result: Any = None
    error: Exception | None = None

    def decide(self) -> bool:
        """Take the decision; False where it was taken before."""
        return self.decided.acquire(blocking=False)

    def settle(self) -> None:
        """Tell whoever waits, if anybody does still."""
        if self.done.done():
            return
        if self.error is None:
            self.done.set_result(self.result)
        else:
            self.done.set_exception(self.error)


class SqliteTransactions:
    """Runs units in one thread over one connection, and commits those that wait together.

    `reader` answers in the event loop.
    """

    def __init__(self, connection: sqlite3.Connection, reader: sqlite3.Connection) -> None:
        self._connection = connection
        self._reader = reader
        self._waiting: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="klantbeeld-transactions", daemon=True)
        self._thread.start()

    async def run(self, unit: Unit[T], *, wait: float) -> T:
        """Carry a unit out; raises StoreError when it did not get its turn in time, and then it never will."""
        loop = asyncio.get_running_loop()
        job = _Job(unit, loop.create_future())
        self._waiting.put(job)
        patience = loop.call_later(wait, _give_up, job)
        try:
            result: T = await job.done
        except asyncio.CancelledError:
            job.decide()
            raise
        finally:
            patience.cancel()
        return result

    async def look(self, unit: Unit[T], *, wait: float) -> T:  # noqa: ARG002 - it waits for nobody
        """Carry out a unit that only reads, in the event loop: that takes microseconds."""
        with AsStoreError("reading"):
            return drive(self._reader, unit)

    def close(self) -> None:
        """End the thread when all that waits is written, and close the connection."""
        self._waiting.put(None)
        self._thread.join()
        self._connection.close()

    def _work(self) -> None:
        while (job := self._waiting.get()) is not None:
            group = [job]
            is_last = False
            while len(group) < MOST_TOGETHER and not self._waiting.empty():
                following = self._waiting.get()
                if following is None:
                    is_last = True
                    break
                group.append(following)
            self._run_together(group)
            if is_last:
                return

    def _run_together(self, group: list[_Job]) -> None:
        execute = self._connection.execute
        try:
            with AsStoreError("taking its write lock"):
                execute("BEGIN IMMEDIATE")
        except StoreError as error:
            _fail([job for job in group if job.decide()], error)
            return
        # From here on nobody can withdraw a unit: it is either left out now, or it is written.
        begun = [job for job in group if job.decide()]
        try:
            with AsStoreError("writing a transaction"):
                for job in begun:
                    self._run_one(job, is_alone=len(begun) == 1)
                execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it
            self._roll_back()
            _fail(begun, error if isinstance(error, Exception) else StoreError("the store's thread was stopped"))
            return
        _tell(begun)

    def _run_one(self, job: _Job, *, is_alone: bool) -> None:
        """Run a unit behind a savepoint, unless it is alone; what it raises itself costs nobody else anything."""
        execute = self._connection.execute
        if not is_alone:
            execute("SAVEPOINT unit")
        try:
            job.result = drive(self._connection, job.unit)
        except Exception as error:
            if isinstance(error, sqlite3.OperationalError):  # the disk, not this unit
                raise
            if is_alone:
                self._begin_again()
            else:
                execute("ROLLBACK TO unit")
            job.error = StoreError("the store refused a statement") if is_foreign(error) else error
        if not is_alone:
            execute("RELEASE unit")

    def _begin_again(self) -> None:
        """Undo what was done in a transaction of one unit; an empty one is committed then."""
        self._connection.execute("ROLLBACK")
        self._connection.execute("BEGIN")

    def _roll_back(self) -> None:
        try:
            self._connection.rollback()
        except sqlite3.Error:  # the disk is gone: the file has what was committed
            return


def drive(connection: sqlite3.Connection, unit: Unit[T]) -> T:
    """Carry a unit out over a connection, within whatever transaction is open there."""
    rows: Rows | None = None
    while True:
        try:
            statement, values = unit.send(rows) if rows is not None else next(unit)
        except StopIteration as end:
            result: T = end.value
            return result
        rows = connection.execute(statement, values).fetchall()


class PostgresqlTransactions:
    """Runs each unit in a transaction of its own over the store's pool."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    async def run(self, unit: Unit[T], *, wait: float) -> T:
        """Carry a unit out; raises StoreError when it did not end in time."""
        with AsStoreError("writing a transaction"):
            async with asyncio.timeout(wait), self._pool.acquire() as connection, connection.transaction():
                return await _fetch(connection, unit)

    async def look(self, unit: Unit[T], *, wait: float) -> T:
        """Carry out a unit that only reads, without a transaction around it."""
        with AsStoreError("reading"):
            async with asyncio.timeout(wait), self._pool.acquire() as connection:
                return await _fetch(connection, unit)


async def _fetch(connection: Any, unit: Unit[T]) -> T:
    rows: Rows | None = None
    while True:
        try:
            statement, values = unit.send(rows) if rows is not None else next(unit)
        except StopIteration as end:
            result: T = end.value
            return result
        rows = [tuple(row) for row in await connection.fetch(numbered(statement), *values)]


@lru_cache(maxsize=256)
def numbered(statement: str) -> str:
    """Write a statement's places as PostgreSQL wants them: $1, $2."""
    numbers = iter(range(1, statement.count("?") + 1))
    return PLACE.sub(lambda _: f"${next(numbers)}", statement)


def _give_up(job: _Job) -> None:
    """Withdraw a unit whose time is over; one that is being written is near its end."""
    if job.decide():
        job.error = StoreError("the store did not take a transaction in time")
        job.settle()


def _fail(jobs: Sequence[_Job], error: Exception) -> None:
    for job in jobs:
        job.unit.close()
        job.error = error
    _tell(jobs)


def _tell(jobs: Sequence[_Job]) -> None:
    """Tell those who wait, in their loop; units of one loop cost one wake-up together."""
    for loop, group in groupby(jobs, key=lambda job: job.done.get_loop()):
        with suppress(RuntimeError):  # it was closed, and nobody waits any more
            loop.call_soon_threadsafe(_settle, list(group))


def _settle(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        job.settle()


def _open_writer(file: Path) -> sqlite3.Connection:
    write_moments_as_text()
    with AsStoreError("opening it for transactions"):
        connection = sqlite3.connect(file, isolation_level=None, timeout=LOCK_TIMEOUT, check_same_thread=False)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")  # what was committed survives a power cut
        connection.execute(f"PRAGMA cache_size = -{CACHE}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
        connection.execute("PRAGMA secure_delete = ON")  # what was deleted is overwritten
        return connection
