"""Where the trail is written: one transaction a group, by the databases' own drivers.

SQLAlchemy would cost ten times as much for each entry; reading, which is rare, goes through it.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from klantbeeld.store import Store
from klantbeeld.store.columns import utc_text
from klantbeeld.store.translation import as_store_error

if TYPE_CHECKING:
    import asyncpg

LOCK_TIMEOUT = 5.0  # seconds; waiting for SQLite's other writers, in a thread of its own


@dataclass(frozen=True, slots=True)
class Statements:
    """What is run for a group, in the words of one database.

    A group that is sent again because its commit was not answered meets its own rows, and nobody else's: a writer's id
    is its process's alone.
    """

    entries: str
    customers: str
    head: str


SQLITE = Statements(
    "INSERT INTO trail (writer, seq, entry, mac) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
    "INSERT INTO trail_customers (customer_id, at, writer, seq) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
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


@dataclass(frozen=True, slots=True)
class Sealed:
    """An entry as it is kept: its place in its writer's chain, its bytes, and the code that binds it to the former."""

    seq: int
    at: datetime
    entry: bytes
    mac: bytes
    customers: tuple[str, ...]


class Appender(Protocol):
    """Writes groups of entries."""

    async def append(self, writer: str, group: Sequence[Sealed], *, seal: bytes) -> None:
        """Keep a group, all of it or nothing; `seal` is of its last entry. Raises StoreError."""


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

    async def append(self, writer: str, group: Sequence[Sealed], *, seal: bytes) -> None:
        """Keep a group, all of it or nothing. Raises StoreError."""
        entries = [(writer, sealed.seq, sealed.entry, sealed.mac) for sealed in group]
        customers = [
            (customer, utc_text(sealed.at), writer, sealed.seq) for sealed in group for customer in sealed.customers
        ]
        async with self._turn:
            with as_store_error("writing the trail"):
                await asyncio.to_thread(self._append, entries, customers, (writer, group[-1].seq, seal))

    async def close(self) -> None:
        """Close the connection when the last group is written."""
        async with self._turn:
            await asyncio.to_thread(self._connection.close)

    def _append(
        self,
        entries: list[tuple[str, int, bytes, bytes]],
        customers: list[tuple[str, str, str, int]],
        head: tuple[str, int, bytes],
    ) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany(SQLITE.entries, entries)
            self._connection.executemany(SQLITE.customers, customers)
            self._connection.execute(SQLITE.head, head)
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.rollback()
            raise


class PostgresqlAppender:
    """Appends over the store's pool, three statements a group however many entries it has."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    async def append(self, writer: str, group: Sequence[Sealed], *, seal: bytes) -> None:
        """Keep a group, all of it or nothing. Raises StoreError."""
        seqs = [sealed.seq for sealed in group]
        entries, macs = [sealed.entry for sealed in group], [sealed.mac for sealed in group]
        touched = [(customer, sealed) for sealed in group for customer in sealed.customers]
        customers = [customer for customer, _ in touched]
        moments, places = [sealed.at for _, sealed in touched], [sealed.seq for _, sealed in touched]
        with as_store_error("writing the trail"):
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(POSTGRESQL.entries, writer, seqs, entries, macs)
                await connection.execute(POSTGRESQL.customers, writer, customers, moments, places)
                await connection.execute(POSTGRESQL.head, writer, seqs[-1], seal)


def _open_writer(file: Path) -> sqlite3.Connection:
    with as_store_error("opening the trail"):
        connection = sqlite3.connect(file, isolation_level=None, timeout=LOCK_TIMEOUT, check_same_thread=False)
        connection.execute("PRAGMA synchronous = FULL")  # a group that was kept survives a power cut
        return connection
