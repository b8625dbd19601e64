"""The log of changes in the store: two small tables, in SQLite and PostgreSQL.

The number is counted in the row of the log, in the transaction that adds the notice. So notices become visible in the
order of their numbers, whichever replica adds them: a sequence of the database would let a later number be seen first.

Replicas hear of a notice by NOTIFY in PostgreSQL; on one SQLite file each process looks at the row of the log at
intervals. Both are only there to be quick: whoever needs to know reads the head.
"""

import asyncio
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table

from klantbeeld.errors import StoreError
from klantbeeld.store.change_log import GROUP, Head, Notice, read, written
from klantbeeld.store.columns import UtcDateTime, metadata
from klantbeeld.store.store import Store
from klantbeeld.store.transactions import Transactions, Unit, numbered
from klantbeeld.store.translation import AsStoreError

EPOCH = 8  # bytes
CHANNEL = "klantbeeld_changes"  # of NOTIFY
HEAD = "SELECT epoch, newest FROM change_logs WHERE id = 1"
AFTER = "SELECT number, notice FROM changes WHERE number > ? ORDER BY number LIMIT ?"
GROW = (
    "INSERT INTO change_logs (id, epoch, newest) VALUES (1, ?, 1) "
    "ON CONFLICT (id) DO UPDATE SET newest = change_logs.newest + 1 RETURNING newest"
)
BEGIN = "INSERT INTO change_logs (id, epoch, newest) VALUES (1, ?, 0) ON CONFLICT (id) DO NOTHING"
INSERT = "INSERT INTO changes (number, at, notice) VALUES (?, ?, ?)"
FORGET = "DELETE FROM changes WHERE at < ?"
NOTIFY = "SELECT pg_notify(?, '')"
FORGET_EVERY = 50  # notices, after which old ones are looked for

change_logs = Table(
    "change_logs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("epoch", LargeBinary(EPOCH), nullable=False),
    Column("newest", BigInteger, nullable=False),
)
changes = Table(
    "changes",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("notice", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long notices are kept, and how often the log is looked at where nobody calls, in seconds."""

    keep: float
    look_every: float
    look_anyway_every: float


class StoredChangeLog:
    """The log in one store; lives as long as the app. `now` is in UTC."""

    def __init__(
        self, store: Store, transactions: Transactions, *, now: Callable[[], datetime], pace: Pace, wait: float = 5.0
    ) -> None:
        self._store = store
        self._transactions = transactions
        self._now = now
        self._pace = pace
        self._patience = wait
        self._listener: _Listener | None = None

    async def append(self, notice: Notice) -> int:
        """Add a notice."""
        return await self._transactions.run(self.appending(notice), wait=self._patience)

    def appending(self, notice: Notice) -> Unit[int]:
        """Count one more in the row of the log, which is locked until the transaction ends, and write the notice."""
        ((number,),) = yield (GROW, [secrets.token_bytes(EPOCH)])
        yield (INSERT, [number, notice.at, written(notice)])
        if number % FORGET_EVERY == 0:
            yield (FORGET, [self._now() - timedelta(seconds=self._pace.keep)])
        if self._store.kind == "postgresql":
            yield (NOTIFY, [CHANNEL])
        return int(number)

    async def after(self, number: int) -> Sequence[tuple[int, Notice]]:
        """Read what follows a number."""
        return [(found, read(notice)) for found, notice in await self._look(AFTER, number, GROUP)]

    async def head(self) -> Head:
        """Tell where the log stands; it may be on the way of a request."""
        found = await self._look(HEAD)
        if not found:
            await self._transactions.run(_begun(), wait=self._patience)
            return await self.head()
        ((epoch, newest),) = found
        return Head(bytes(epoch), newest)

    async def wait(self, number: int) -> None:
        """Wait until there may be something after a number."""
        if self._store.kind == "sqlite":
            while (await self.head()).newest <= number:  # noqa: ASYNC110 - another process sets no event of ours
                await asyncio.sleep(self._pace.look_every)
            return
        listener = self._listener or await self._listen()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pace.look_anyway_every):
                await listener.called.wait()
        listener.called.clear()
        if listener.is_lost:
            self._listener = None
            await listener.aclose()
            raise StoreError("the store failed while listening for changes")

    async def aclose(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            await self._listener.aclose()

    async def _look(self, statement: str, *values: Any) -> Sequence[Any]:
        """Look something up by the database's own driver, as SQLAlchemy costs thirty times as much."""
        reader = self._store.reader
        with AsStoreError("reading"):
            if isinstance(reader, sqlite3.Connection):
                return reader.execute(statement, values).fetchall()
            found: Sequence[Any] = await reader.fetch(numbered(statement), *values)
            return found

    async def _listen(self) -> "_Listener":
        with AsStoreError("listening for changes"):
            self._listener = await _Listener.on(self._store.reader)
        return self._listener


def _begun() -> Unit[None]:
    """Make the row of the log, unless another replica does."""
    yield (BEGIN, [secrets.token_bytes(EPOCH)])


class _Listener:
    """A connection of the pool that LISTENs; it goes back when it is closed."""

    def __init__(self, pool: Any, connection: Any) -> None:
        self.called = asyncio.Event()
        self.called.set()  # what came before the listening began is read first
        self.is_lost = False
        self._pool = pool
        self._connection = connection

    @classmethod
    async def on(cls, pool: Any) -> "_Listener":
        """Begin to listen on a connection of a pool of asyncpg."""
        connection = await pool.acquire()
        listener = cls(pool, connection)
        connection.add_termination_listener(listener._lose)
        await connection.add_listener(CHANNEL, listener._call)
        return listener

    def _call(self, *_: object) -> None:
        self.called.set()

    def _lose(self, *_: object) -> None:
        self.is_lost = True
        self.called.set()

    async def aclose(self) -> None:
        """Give the connection back."""
        if not self.is_lost:
            self._connection.remove_termination_listener(self._lose)
            await self._connection.remove_listener(CHANNEL, self._call)
        await self._pool.release(self._connection)
