"""Migrations."""

import asyncio
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, insert, text

import klantbeeld.access.tables
import klantbeeld.sources.quota_ledger
import klantbeeld.store.leases
import klantbeeld.store.stored_changes
import klantbeeld.writes.sagas.task_table
import klantbeeld.writes.tables  # noqa: F401  # every module with tables is imported, so that `metadata` has them all
from klantbeeld.errors import StoreError
from klantbeeld.identity.tables import customers
from klantbeeld.settings import StoreSettings
from klantbeeld.store import open_store
from klantbeeld.store.columns import metadata
from klantbeeld.store.migrate import migrate, newest_version
from klantbeeld.store.schema import SCHEMA_VERSION

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
CUSTOMER = "019ab000-0000-7000-8000-000000000001"
MIGRATES = """
import asyncio, sys
from klantbeeld.store.migrate import migrate
print("ready", flush=True)
sys.stdin.readline()
asyncio.run(migrate(sys.argv[1]))
"""
IMPORTS = """
import asyncio, sys
from klantbeeld.settings import StoreSettings
from klantbeeld.store import open_store

async def main():
    async with open_store(StoreSettings(url=sys.argv[1])) as store:
        await store.check()

asyncio.run(main())
print("alembic" in sys.modules)
"""


@pytest.mark.asyncio
async def test_an_empty_database_gets_exactly_the_tables_that_the_code_declares(store_url: str) -> None:
    await migrate(store_url)
    async with open_store(StoreSettings(url=store_url, migrate=False)) as store, store.read() as connection:
        assert await connection.run_sync(_differences) == []


@pytest.mark.asyncio
async def test_migrating_again_changes_nothing(store_url: str) -> None:
    await migrate(store_url)
    async with open_store(StoreSettings(url=store_url)) as store, store.write() as connection:
        await connection.execute(insert(customers).values(id=CUSTOMER, created_at=NOW))
    await migrate(store_url)
    async with open_store(StoreSettings(url=store_url)) as store, store.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM customers"))).scalar_one() == 1


def test_processes_that_start_at_once_all_find_the_tables(store_url: str) -> None:
    command = [sys.executable, "-c", MIGRATES, store_url]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    ended = [(process.communicate(timeout=60)[1], process.returncode) for process in processes]
    assert ended == [("", 0)] * 3


@pytest.mark.asyncio
async def test_a_store_of_a_newer_release_is_refused(store_url: str) -> None:
    await migrate(store_url)
    async with open_store(StoreSettings(url=store_url)) as store, store.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="update"):
        async with open_store(StoreSettings(url=store_url)):
            pass


def test_the_version_that_the_code_needs_is_the_newest_migration() -> None:
    assert newest_version() == SCHEMA_VERSION


def test_alembic_is_not_imported_where_nothing_has_to_be_migrated(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/klantbeeld.sqlite"
    asyncio.run(migrate(url))
    command = [sys.executable, "-c", IMPORTS, url]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.asyncio
async def test_a_migration_that_fails_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "klantbeeld.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE match_keys (in_the_way integer)")
    connection.close()
    with pytest.raises(StoreError):
        await migrate(f"sqlite:///{path}")
    connection = sqlite3.connect(path)
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    connection.close()
    assert tables == [("match_keys",)]


def _differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))
