"""The open store: what a table's owner reads and writes through."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from klantbeeld.settings import StoreSettings
from klantbeeld.store import postgresql, schema, sqlite
from klantbeeld.store.address import PostgresqlAddress, SqliteAddress, address_of
from klantbeeld.store.translation import AsStoreError

if TYPE_CHECKING:
    import asyncpg


class Store:
    """One open store; lives as long as the app.

    `reader` is for the few look-ups that every request makes: a sqlite3 connection that answers in the event loop, or a
    pool of asyncpg. All else goes through `read` and `write`, which are the same for both databases.
    """

    def __init__(self, engine: AsyncEngine, reader: "sqlite3.Connection | asyncpg.Pool[asyncpg.Record]") -> None:
        self.reader = reader
        self._engine = engine
        # SQLite has one writer at a time; queueing here is fairer than its busy waiting.
        self._turn = asyncio.Lock() if self.kind == "sqlite" else nullcontext()

    @property
    def kind(self) -> Literal["sqlite", "postgresql"]:
        """Which database this is."""
        return "sqlite" if isinstance(self.reader, sqlite3.Connection) else "postgresql"

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection for reading. Raises StoreError."""
        with AsStoreError("reading"):
            async with self._engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self, *, lock: str | None = None) -> AsyncIterator[AsyncConnection]:
        """Give a connection in a transaction, committed at the end of the block. Raises StoreError.

        Blocks with the same `lock`, in any replica, run one after the other: what one reads stays true until it has
        written. (In SQLite all blocks do.)
        """
        async with self._turn, self._transaction(lock) as connection:
            yield connection

    async def check(self) -> None:
        """Make sure that the store answers. Raises StoreError."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    @asynccontextmanager
    async def _transaction(self, lock: str | None) -> AsyncIterator[AsyncConnection]:
        with AsStoreError("writing"):
            async with self._engine.connect() as connection:
                await connection.execution_options(**{sqlite.WRITES: True})
                async with connection.begin():
                    if lock is not None and self.kind == "postgresql":
                        await connection.execute(
                            text("SELECT pg_advisory_xact_lock(hashtextextended(:lock, 0))"), {"lock": lock}
                        )
                    yield connection


@asynccontextmanager
async def open_store(settings: StoreSettings) -> AsyncIterator[Store]:
    """Open the store, its tables up to date.

    Raises ConfigurationError for an address that cannot be, StoreError for a store that cannot be reached, or whose
    tables are of another version and `settings.migrate` is off.
    """
    address = address_of(settings.url)
    async with AsyncExitStack() as stack:
        with AsStoreError("being opened"):
            match address:
                case SqliteAddress(path):
                    await asyncio.to_thread(sqlite.prepare_file, path, timeout=settings.timeout)
                    engine = sqlite.open_engine(path, timeout=settings.timeout)
                    stack.push_async_callback(engine.dispose)
                case PostgresqlAddress(dsn):
                    engine = postgresql.open_engine(dsn, timeout=settings.timeout, connections=settings.connections)
                    stack.push_async_callback(engine.dispose)
            await schema.ensure_current(engine, url=settings.url, may_migrate=settings.migrate)
            store = Store(engine, await _open_reader(address, settings, stack))
        yield store


async def _open_reader(
    address: SqliteAddress | PostgresqlAddress, settings: StoreSettings, stack: AsyncExitStack
) -> "sqlite3.Connection | asyncpg.Pool[asyncpg.Record]":
    match address:
        case SqliteAddress(path):
            reader = sqlite.open_reader(path)
            stack.callback(reader.close)
            return reader
        case PostgresqlAddress(dsn):
            # One more than look-ups may take: it listens for changes, for as long as the store is open.
            pool = await postgresql.open_pool(dsn, wait=settings.timeout, connections=settings.connections + 1)
            stack.push_async_callback(pool.close)
            return pool
