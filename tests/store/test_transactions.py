"""Transactions: durable, whole or not at all, and the same over both databases."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from klantbeeld.errors import RequestError, StoreError
from klantbeeld.settings import StoreSettings
from klantbeeld.store import open_store
from klantbeeld.store.transactions import Transactions, Unit, numbered, open_transactions

MOMENT = datetime(2026, 11, 26, 9, tzinfo=UTC)
CUSTOMER = "019ab000-0000-7000-8000-00000000000{}"

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Transactions]:
    async with open_store(StoreSettings(url=url)) as store, open_transactions(store) as transactions:
        yield transactions


def keep(number: int, *, fails: bool = False) -> Unit[int]:
    yield "INSERT INTO customers (id, created_at) VALUES (?, ?)", (CUSTOMER.format(number), MOMENT)
    if fails:
        raise RequestError("made up")
    ((count,),) = yield "SELECT count(*) FROM customers", ()
    return int(count)


def count() -> Unit[int]:
    ((found,),) = yield "SELECT count(*) FROM customers", ()
    return int(found)


async def test_a_unit_is_kept_whole(migrated_url: str) -> None:
    async with opened(migrated_url) as transactions:
        assert await transactions.run(keep(1), wait=5) == 1
    async with opened(migrated_url) as transactions:
        assert await transactions.run(count(), wait=5) == 1


async def test_a_unit_that_raises_leaves_nothing_and_costs_the_others_nothing(migrated_url: str) -> None:
    async with opened(migrated_url) as transactions:
        units = [keep(1), keep(2, fails=True), keep(3)]
        ended = await asyncio.gather(*(transactions.run(unit, wait=5) for unit in units), return_exceptions=True)
        assert [type(one) for one in ended] == [int, RequestError, int]
        assert await transactions.run(count(), wait=5) == 2


async def test_a_statement_that_is_refused_is_a_store_error(migrated_url: str) -> None:
    async with opened(migrated_url) as transactions:
        await transactions.run(keep(1), wait=5)
        with pytest.raises(StoreError):
            await transactions.run(keep(1), wait=5)
        assert await transactions.run(count(), wait=5) == 1


async def test_a_unit_that_did_not_get_its_turn_is_never_run(tmp_path: Path, sqlite_template: Path) -> None:
    file = shutil.copy(sqlite_template, tmp_path / "klantbeeld.sqlite")
    async with opened(f"sqlite:///{file}") as transactions:
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError):
            await transactions.run(keep(1), wait=0.05)
        other.execute("ROLLBACK")
        other.close()
        assert await transactions.run(count(), wait=5) == 0


async def test_what_was_begun_is_written_when_it_is_closed(tmp_path: Path, sqlite_template: Path) -> None:
    file = shutil.copy(sqlite_template, tmp_path / "klantbeeld.sqlite")
    async with opened(f"sqlite:///{file}") as transactions:
        waiting = [asyncio.ensure_future(transactions.run(keep(number), wait=5)) for number in range(5)]
        await asyncio.sleep(0)
    assert sorted(await asyncio.gather(*waiting)) == [1, 2, 3, 4, 5]


async def test_places_are_numbered_for_postgresql() -> None:
    assert numbered("UPDATE t SET a = ? WHERE b = ?") == "UPDATE t SET a = $1 WHERE b = $2"
