"""Where the trail is written: one transaction a group, by the databases' own drivers.

SQLAlchemy would cost ten times as much for each entry; reading, which is rare, goes through it.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from klantbeeld.access.trail_chain import Group
from klantbeeld.store import Store
from klantbeeld.store.columns import utc_text
from klantbeeld.store.translation import AsStoreError

if TYPE_CHECKING:
    import asyncpg

ROWS = 32  # that one statement writes at most, in SQLite
LOCK_TIMEOUT = 5.0  # seconds; waiting for SQLite's other writers, in a thread of its own


@dataclass(frozen=True, slots=True)
class Statements:
    """What is run for a group, in the words of one database; SQLite's are for as many rows as are filled in.

    A group that is sent again because its commit was not answered meets its own rows, and nobody else's: a writer's id
    is its process's alone.
    """

    entries: str
    customers: str
    head: str


# OR ROLLBACK spares SQLite a journal for the statement alone: with several rows it would keep one, so as to undo the
# statement without the transaction, and write each page twice, beyond 64 KiB into a temporary file.
SQLITE = Statements(
    "INSERT OR ROLLBACK INTO trail (writer, seq, entry, mac) VALUES {rows} ON CONFLICT DO NOTHING",
    "INSERT OR ROLLBACK INTO trail_customers (customer_id, at, writer, seq) VALUES {rows} ON CONFLICT DO NOTHING",
    "INSERT INTO trail_heads (writer, seq, seal) VALUES (?, ?, ?) "
    "ON CONFLICT (writer) DO UPDATE SET seq = excluded.seq, seal = excluded.seal",
)
POSTGRESQL = Statements(
    "INSERT INTO trail (writer, seq, entry, mac) "
    "SELECT $1, * FROM unnest($2::bigint[], $3::bytea[], $4::bytea[]) ON CONFLICT DO NOTHING",
    "INSERT INTO trail_customers (customer_id, at, writer, seq) "
    "SELECT c, t, $1, s FROM unnest($2::uuid[], $3::timestamptz[], $4::bigint[]) AS given (c, t, s) "
    "ON CONFLICT DO NOTHING",
    "INSERT INTO trail_heads (writer, seq, seal) VALUES ($1, $2, $3) "
    "ON CONFLICT (writer) DO UPDATE SET seq = excluded.seq, seal = excluded.seal",
)


class Appender(Protocol):
    """Writes groups of entries."""

    async def append(self, group: Group, /) -> None:
        """Keep a group, all of it or nothing. Raises StoreError."""


@asynccontextmanager
async def open_appender(store: Store) -> AsyncIterator[Appender]:
    """Open the appender for a store; close it before the store. Raises StoreError."""
    if not isinstance(store.reader, sqlite3.Connection):
        yield PostgresqlAppender(store.reader)
        return
    file = Path(store.reader.execute("PRAGMA database_list").fetchone()[2])
    appender = SqliteAppender(await asyncio.to_thread(_open_writer, file))
    try:
        yield appender
    finally:
        await appender.close()


class SqliteAppender:
    """Appends from a thread, over a connection of its own: a commit waits for the disk."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()

    async def append(self, group: Group) -> None:
        """Keep a group, all of it or nothing. Raises StoreError."""
        async with self._turn:
            with AsStoreError("writing the trail"):
                await asyncio.to_thread(self._append, group)

    async def close(self) -> None:
        """Close the connection when the last group is written."""
        async with self._turn:
            await asyncio.to_thread(self._connection.close)

    def _append(self, group: Group) -> None:
        writer, sealed = group.writer, group.entries
        entries = [(writer, one.seq, one.entry, one.mac) for one in sealed]
        customers = [(customer, utc_text(one.at), writer, one.seq) for one in sealed for customer in one.customers]
        run = self._connection.execute
        run("BEGIN IMMEDIATE")
        try:
            for start in range(0, len(entries), ROWS):
                part = entries[start : start + ROWS]
                run(_insert(SQLITE.entries, len(part)), [value for row in part for value in row])
            for start in range(0, len(customers), ROWS):
                named = customers[start : start + ROWS]
                run(_insert(SQLITE.customers, len(named)), [value for row in named for value in row])
            run(SQLITE.head, (writer, sealed[-1].seq, group.seal))
            run("COMMIT")
        except BaseException:
            self._connection.rollback()
            raise


class PostgresqlAppender:
    """Appends over the store's pool, three statements a group however many entries it has."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    async def append(self, group: Group) -> None:
        """Keep a group, all of it or nothing. Raises StoreError."""
        writer, sealed = group.writer, group.entries
        seqs = [one.seq for one in sealed]
        entries, macs = [one.entry for one in sealed], [one.mac for one in sealed]
        touched = [(customer, one) for one in sealed for customer in one.customers]
        customers = [customer for customer, _ in touched]
        moments, places = [one.at for _, one in touched], [one.seq for _, one in touched]
        with AsStoreError("writing the trail"):
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(POSTGRESQL.entries, writer, seqs, entries, macs)
                await connection.execute(POSTGRESQL.customers, writer, customers, moments, places)
                await connection.execute(POSTGRESQL.head, writer, seqs[-1], group.seal)


@cache
def _insert(statement: str, rows: int) -> str:
    """Write a statement for a number of rows of four values.

    It is one step; with one for each row the thread would give the interpreter away, and wait for it, that often.
    """
    return statement.format(rows=", ".join(["(?, ?, ?, ?)"] * rows))


def _open_writer(file: Path) -> sqlite3.Connection:
    with AsStoreError("opening the trail"):
        connection = sqlite3.connect(file, isolation_level=None, timeout=LOCK_TIMEOUT, check_same_thread=False)
        connection.execute("PRAGMA synchronous = FULL")  # a group that was kept survives a power cut
        return connection
