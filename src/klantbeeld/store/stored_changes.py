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

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

from klantbeeld.errors import StoreError
from klantbeeld.store.change_log import GROUP, Head, Notice, read, written
from klantbeeld.store.columns import UtcDateTime, metadata
from klantbeeld.store.store import Store
from klantbeeld.store.translation import as_store_error

ONE = 1  # the id of the only row of change_logs
EPOCH = 8  # bytes
CHANNEL = "klantbeeld_changes"  # of NOTIFY
HEAD = "SELECT epoch, newest FROM change_logs WHERE id = 1"
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

    def __init__(self, store: Store, *, now: Callable[[], datetime], pace: Pace) -> None:
        self._store = store
        self._now = now
        self._pace = pace
        self._listener: _Listener | None = None

    async def append(self, notice: Notice) -> int:
        """Add a notice."""
        async with self._store.write() as connection:
            number: int = (await connection.execute(self._grown())).scalar_one()
            await connection.execute(changes.insert().values(number=number, at=notice.at, notice=written(notice)))
            if number % FORGET_EVERY == 0:
                old = self._now() - timedelta(seconds=self._pace.keep)
                await connection.execute(delete(changes).where(changes.c.at < old))
            if self._store.kind == "postgresql":
                await connection.execute(select(func.pg_notify(CHANNEL, "")))
        return number

    async def after(self, number: int) -> Sequence[tuple[int, Notice]]:
        """Read what follows a number."""
        statement = select(changes.c.number, changes.c.notice).where(changes.c.number > number)
        async with self._store.read() as connection:
            found = (await connection.execute(statement.order_by(changes.c.number).limit(GROUP))).all()
        return [(row.number, read(row.notice)) for row in found]

    async def head(self) -> Head:
        """Tell where the log stands; a look-up, as it may be on the way of a request."""
        with as_store_error("reading"):
            if isinstance(self._store.reader, sqlite3.Connection):
                row: Any = self._store.reader.execute(HEAD).fetchone()
            else:
                row = await self._store.reader.fetchrow(HEAD)
        if row is None:
            await self._begin()
            return await self.head()
        return Head(bytes(row[0]), row[1])

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

    async def _begin(self) -> None:
        """Make the row of the log, unless another replica does."""
        async with self._store.write() as connection:
            await connection.execute(self._row(newest=0).on_conflict_do_nothing(index_elements=["id"]))

    def _grown(self) -> ReturningInsert[Any]:
        """Count one more in the row of the log, which is locked until the transaction ends; make it if need be."""
        grown = {"newest": change_logs.c.newest + 1}
        counted = self._row(newest=1).on_conflict_do_update(index_elements=["id"], set_=grown)
        return counted.returning(change_logs.c.newest)

    def _row(self, *, newest: int) -> "postgresql.Insert | sqlite.Insert":
        insert = (postgresql.insert if self._store.kind == "postgresql" else sqlite.insert)(change_logs)
        return insert.values(id=ONE, epoch=secrets.token_bytes(EPOCH), newest=newest)

    async def _listen(self) -> "_Listener":
        with as_store_error("listening for changes"):
            self._listener = await _Listener.on(self._store.reader)
        return self._listener


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
