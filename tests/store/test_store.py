"""The open store."""

import asyncio
import sqlite3
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text

from klantbeeld.errors import ConfigurationError, StoreError
from klantbeeld.settings import StoreSettings
from klantbeeld.store import Store, open_store
from klantbeeld.store.columns import UtcDateTime

MOMENT = datetime(2026, 11, 23, 9, 30, 0, 120, tzinfo=timezone(timedelta(hours=1)))

moments = Table("moments", MetaData(), Column("id", Integer, primary_key=True), Column("at", UtcDateTime))


@pytest.mark.asyncio
async def test_a_new_store_answers(store_url: str) -> None:
    async with open_store(StoreSettings(url=store_url)) as store:
        await store.check()


@pytest.mark.asyncio
async def test_what_was_written_is_there_when_the_store_is_opened_again(store_url: str) -> None:
    async with open_store(StoreSettings(url=store_url)) as store, store.write() as connection:
        await connection.execute(text("CREATE TABLE kept (id integer)"))
        await connection.execute(text("INSERT INTO kept VALUES (7)"))
    async with open_store(StoreSettings(url=store_url)) as store, store.read() as connection:
        assert (await connection.execute(text("SELECT id FROM kept"))).scalars().all() == [7]


@pytest.mark.asyncio
async def test_a_write_that_fails_leaves_nothing(store_url: str) -> None:
    async with open_store(StoreSettings(url=store_url)) as store:
        await _make_moments(store)
        with pytest.raises(RuntimeError):
            await _write_and_fail(store)
        async with store.read() as connection:
            assert (await connection.execute(select(moments))).all() == []


@pytest.mark.asyncio
async def test_a_moment_comes_back_in_utc(store_url: str) -> None:
    async with open_store(StoreSettings(url=store_url)) as store:
        await _make_moments(store)
        async with store.write() as connection:
            await connection.execute(insert(moments).values(id=1, at=MOMENT))
            await connection.execute(insert(moments).values(id=2, at=None))
        async with store.read() as connection:
            found = (await connection.execute(select(moments.c.at).order_by(moments.c.id))).scalars().all()
    assert found == [MOMENT, None]
    assert found[0].tzinfo is UTC


@pytest.mark.asyncio
async def test_moments_compare_by_time(store_url: str) -> None:
    async with open_store(StoreSettings(url=store_url)) as store:
        await _make_moments(store)
        times = [MOMENT, MOMENT + timedelta(microseconds=1), MOMENT.astimezone(UTC) + timedelta(seconds=1)]
        async with store.write() as connection:
            await connection.execute(insert(moments), [{"id": n, "at": at} for n, at in enumerate(times)])
        async with store.read() as connection:
            later = select(moments.c.id).where(moments.c.at > MOMENT).order_by(moments.c.at)
            assert (await connection.execute(later)).scalars().all() == [1, 2]


@pytest.mark.asyncio
async def test_writes_under_one_lock_run_one_after_the_other_in_all_replicas(store_url: str) -> None:
    settings = StoreSettings(url=store_url, timeout=30)
    async with open_store(settings) as one, open_store(settings) as other:
        await _make_moments(one)
        await asyncio.gather(*(_add_one_to_the_count(store) for store in (one, other) for _ in range(10)))
        async with one.read() as connection:
            assert (await connection.execute(select(moments.c.id))).scalars().all() == [20]


@pytest.mark.asyncio
async def test_a_statement_that_is_refused_is_a_store_error_without_the_values(store_url: str) -> None:
    async with open_store(StoreSettings(url=store_url)) as store:
        with pytest.raises(StoreError) as caught:
            async with store.write() as connection:
                await connection.execute(text("INSERT INTO nowhere VALUES (:value)"), {"value": "canary-7319"})
    assert "canary-7319" not in str(caught.value)
    assert "canary-7319" not in str(caught.value.__cause__)


@pytest.mark.asyncio
async def test_a_store_of_another_version_is_not_opened_without_leave_to_migrate(store_url: str) -> None:
    with pytest.raises(StoreError, match="migrate it first"):
        async with open_store(StoreSettings(url=store_url, migrate=False)):
            pass


@pytest.mark.asyncio
async def test_the_file_and_its_folder_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "var" / "klantbeeld.sqlite"
    async with open_store(StoreSettings(url=f"sqlite:///{path}")) as store:
        async with store.write() as connection:
            await connection.execute(text("CREATE TABLE any_table (id integer)"))
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in (path.parent, *path.parent.iterdir())}
    assert modes == {
        "var": 0o700,
        "klantbeeld.sqlite": 0o600,
        "klantbeeld.sqlite-shm": 0o600,
        "klantbeeld.sqlite-wal": 0o600,
    }


@pytest.mark.asyncio
async def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "klantbeeld.sqlite"
    path.touch(mode=0o644)
    async with open_store(StoreSettings(url=f"sqlite:///{path}")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.asyncio
async def test_a_folder_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o755)
    async with open_store(StoreSettings(url=f"sqlite:///{folder}/klantbeeld.sqlite")):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o755


@pytest.mark.asyncio
async def test_a_file_that_is_no_database_is_a_store_error(tmp_path: Path) -> None:
    path = tmp_path / "klantbeeld.sqlite"
    path.write_bytes(b"not a database, whatever its name may say" * 40)
    with pytest.raises(StoreError):
        async with open_store(StoreSettings(url=f"sqlite:///{path}", timeout=0.1)):
            pass


@pytest.mark.asyncio
async def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        async with open_store(StoreSettings(url=f"sqlite:///{tmp_path}/file/klantbeeld.sqlite")):
            pass


@pytest.mark.asyncio
async def test_a_server_that_is_not_there_is_a_store_error_without_its_password(unused_tcp_port: int) -> None:
    url = f"postgresql://somebody:canary-7319@127.0.0.1:{unused_tcp_port}/nowhere"
    with pytest.raises(StoreError) as caught:
        async with open_store(StoreSettings(url=url)):
            pass
    assert "canary-7319" not in f"{caught.value} {caught.value.__cause__}"


@pytest.mark.asyncio
@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "nothing"])
async def test_an_address_that_cannot_be_a_store_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"store\.url"):
        async with open_store(StoreSettings(url=url)):
            pass


@pytest.mark.asyncio
async def test_the_reader_of_sqlite_sees_the_next_commit_and_cannot_write(tmp_path: Path) -> None:
    async with open_store(StoreSettings(url=f"sqlite:///{tmp_path}/klantbeeld.sqlite")) as store:
        await _make_moments(store)
        assert isinstance(store.reader, sqlite3.Connection)
        before = store.reader.execute("SELECT count(*) FROM moments").fetchall()
        async with store.write() as connection:
            await connection.execute(insert(moments).values(id=1))
        after = store.reader.execute("SELECT count(*) FROM moments").fetchall()
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            store.reader.execute("DELETE FROM moments")
    assert (before, after) == ([(0,)], [(1,)])


async def _make_moments(store: Store) -> None:
    async with store.write() as connection:
        await connection.run_sync(moments.create)


async def _write_and_fail(store: Store) -> None:
    async with store.write() as connection:
        await connection.execute(insert(moments).values(id=1))
        raise RuntimeError


async def _add_one_to_the_count(store: Store) -> None:
    """Read, then write: loses counts unless others wait."""
    async with store.write(lock="count") as connection:
        found = (await connection.execute(select(moments.c.id))).scalar_one_or_none()
        if found is None:
            await connection.execute(insert(moments).values(id=1))
        else:
            await connection.execute(moments.update().values(id=found + 1))
