"""The log of changes, the same in memory, in both stores and in Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import func, select, text

from klantbeeld.errors import StoreError
from klantbeeld.settings import RedisSettings, StoreSettings
from klantbeeld.store import open_store
from klantbeeld.store.change_log import GROUP, ChangeLog, MemoryChangeLog, Notice
from klantbeeld.store.redis_changes import RedisChangeLog
from klantbeeld.store.redis_server import open_redis
from klantbeeld.store.stored_changes import FORGET_EVERY, Pace, StoredChangeLog, changes
from klantbeeld.store.transactions import open_transactions

pytestmark = pytest.mark.asyncio

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PACE = Pace(keep=3_600, look_every=0.01, look_anyway_every=5)


def notice(source: str = "crm", at: datetime = NOW) -> Notice:
    return Notice(source=source, key=b"key", at=at, how="WRITE", subjects=(b"one",), kinds=("party",), channel="APP")


@asynccontextmanager
async def stored(url: str) -> AsyncIterator[StoredChangeLog]:
    settings = StoreSettings(url=url, timeout=30)
    async with open_store(settings) as store, open_transactions(store) as transactions:
        log = StoredChangeLog(store, transactions, now=lambda: NOW, pace=PACE, wait=30)
        yield log
        await log.aclose()


def in_redis(url: str) -> RedisChangeLog:
    settings = RedisSettings(url=url, timeout=5)
    clients = [open_redis(settings, where="changes.log", patience=patience) for patience in (0, 5)]
    return RedisChangeLog(*clients, look_anyway_every=5)


@pytest.fixture(params=["memory", "sqlite", "postgresql", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give where the log is kept; the PostgreSQL store holds what other tests left."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/klantbeeld.sqlite"
    if request.param == "memory":
        return "memory"
    found: str = request.getfixturevalue("redis_url" if request.param == "redis" else "postgresql_store")
    return found


@pytest_asyncio.fixture
async def logs(place: str) -> AsyncIterator[tuple[ChangeLog, ChangeLog]]:
    """Give the same log as two replicas have it."""
    if place == "memory":
        shared = MemoryChangeLog()
        yield shared, shared
    elif place.startswith("redis"):
        one, other = in_redis(place), in_redis(place)
        yield one, other
        await one.aclose()
        await other.aclose()
    else:
        async with stored(place) as in_store, stored(place) as of_other:
            yield in_store, of_other


async def test_numbers_grow_by_one_and_notices_come_back_as_they_were(logs: tuple[ChangeLog, ChangeLog]) -> None:
    one, other = logs
    begin = (await other.head()).newest

    numbers = [await one.append(notice("crm")), await other.append(notice("billing"))]

    assert numbers == [begin + 1, begin + 2]
    assert await one.after(begin) == [(begin + 1, notice("crm")), (begin + 2, notice("billing"))]
    assert await one.after(begin + 1) == [(begin + 2, notice("billing"))]
    assert await other.after(begin + 2) == []


async def test_replicas_agree_on_where_the_log_stands(logs: tuple[ChangeLog, ChangeLog]) -> None:
    one, other = logs
    await one.append(notice())

    assert await one.head() == await other.head()
    assert (await one.head()).epoch


async def test_what_many_add_at_once_is_numbered_without_a_gap(logs: tuple[ChangeLog, ChangeLog]) -> None:
    begin = (await logs[0].head()).newest

    numbers = await asyncio.gather(*(log.append(notice()) for _ in range(10) for log in logs))

    assert sorted(numbers) == list(range(begin + 1, begin + 21))
    assert [number for number, _ in await logs[1].after(begin)] == sorted(numbers)


async def test_a_replica_that_waits_is_woken_by_what_another_adds(logs: tuple[ChangeLog, ChangeLog]) -> None:
    one, other = logs
    begin = await one.append(notice())
    await asyncio.wait_for(other.wait(begin - 1), 5)  # whatever it takes to begin listening
    waiting = asyncio.create_task(other.wait(begin))

    await one.append(notice())

    await asyncio.wait_for(waiting, 4)
    assert [number for number, _ in await other.after(begin)] == [begin + 1]


async def test_old_notices_are_thrown_away_and_numbers_go_on(tmp_path: Path) -> None:
    async with stored(f"sqlite:///{tmp_path}/klantbeeld.sqlite") as log:
        for _ in range(FORGET_EVERY - 1):
            await log.append(notice(at=NOW - timedelta(seconds=3_601)))
        assert await log.append(notice()) == FORGET_EVERY

        assert [number for number, _ in await log.after(0)] == [FORGET_EVERY]
        async with log._store.read() as connection:
            assert (await connection.execute(select(func.count()).select_from(changes))).scalar_one() == 1


async def test_a_long_log_is_read_in_groups() -> None:
    log = MemoryChangeLog([notice()] * (GROUP + 1))

    assert len(await log.after(0)) == GROUP
    assert [number for number, _ in await log.after(GROUP)] == [GROUP + 1]


async def test_a_server_that_is_not_there_is_a_store_that_failed() -> None:
    log = in_redis("redis://127.0.0.1:1/0")

    with pytest.raises(StoreError):
        await log.append(notice())
    with pytest.raises(StoreError):
        await log.head()
    await log.aclose()


async def test_a_server_that_lost_its_data_has_another_epoch(redis_url: str) -> None:
    log = in_redis(redis_url)
    before = await log.head()
    await log.append(notice())
    await log._client.flushall()

    after = await log.head()

    assert after.newest == 0
    assert after.epoch != before.epoch
    await log.aclose()


async def test_a_connection_that_listens_and_is_lost_is_replaced(postgresql_store: str) -> None:
    end = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid()"
    )
    async with stored(postgresql_store) as log:
        number = await log.append(notice())
        await log.wait(number - 1)
        waiting = asyncio.create_task(log.wait(number))
        await asyncio.sleep(0)
        async with log._store.read() as connection:
            assert (await connection.execute(text(end))).all()
        with pytest.raises(StoreError):
            await asyncio.wait_for(waiting, 4)

        await log.wait(number)  # listening anew, it looks once
        waiting = asyncio.create_task(log.wait(number))
        await asyncio.sleep(0)
        await log.append(notice())
        await asyncio.wait_for(waiting, 4)
