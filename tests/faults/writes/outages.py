"""Outages of the journal: it cannot be reached, is locked by somebody else, or its disk is full."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from typing import Protocol

import asyncpg
from tests.faults.writes.deployment import file_of
from tests.faults.writes.pair import Pair
from tests.postgresql import beside, name_of


class Outage(Protocol):
    """Takes a pair's journal away for as long as the block."""

    def __call__(self, pair: Pair, /) -> AbstractAsyncContextManager[None]:
        """Take it away."""


@asynccontextmanager
async def full(pair: Pair) -> AsyncIterator[None]:
    """Fill the disk under a SQLite file."""
    assert pair.disk is not None
    pair.disk.fill(full=True)
    try:
        yield
    finally:
        pair.disk.fill(full=False)


@asynccontextmanager
async def locked(pair: Pair) -> AsyncIterator[None]:
    """Hold the write lock of a SQLite file, as a backup or another tool may."""
    with closing(
        sqlite3.connect(file_of(pair.store), isolation_level=None, timeout=10, check_same_thread=False)
    ) as other:
        await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")


@asynccontextmanager
async def unreachable(pair: Pair) -> AsyncIterator[None]:
    """Let a PostgreSQL database take no connections, and end those that there are."""
    name = name_of(pair.store)
    server = await asyncpg.connect(beside(pair.store, "postgres"))
    try:
        await server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        try:
            yield
        finally:
            await server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    finally:
        await server.close()


@asynccontextmanager
async def locked_table(pair: Pair) -> AsyncIterator[None]:
    """Hold the lock of the journal's table in PostgreSQL."""
    other = await asyncpg.connect(pair.store)
    try:
        transaction = other.transaction()
        await transaction.start()
        await other.execute("LOCK TABLE operations IN ACCESS EXCLUSIVE MODE")
        try:
            yield
        finally:
            await transaction.rollback()
    finally:
        await other.close()


OUTAGES: Mapping[str, Mapping[str, Outage]] = {
    "sqlite": {"disk full": full, "locked": locked},
    "postgresql": {"down": unreachable, "locked": locked_table},
}
