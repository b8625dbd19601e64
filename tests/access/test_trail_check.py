"""Reading the trail back, on both databases: which forgeries are found."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import delete, insert, select, update
from tests.access.reads import ANNA, BRAM, KEY, NEVER, SETTINGS, read

from klantbeeld.access.tables import trail as kept
from klantbeeld.access.tables import trail_customers, trail_heads
from klantbeeld.access.trail import Trail
from klantbeeld.access.trail_chain import Chain, Group, Sealed
from klantbeeld.access.trail_check import Flaw, check_trail, entries_of, heads
from klantbeeld.access.trail_tables import Appender, open_appender
from klantbeeld.errors import StoreError
from klantbeeld.settings import StoreSettings, TrailSettings
from klantbeeld.store import Store, open_store

pytestmark = pytest.mark.asyncio(loop_scope="function")


Start = Callable[..., Awaitable[Trail]]


@pytest_asyncio.fixture
async def start(clock: Any) -> AsyncIterator[Start]:
    """Starts trails, and stops them after the test."""
    started: list[Trail] = []

    async def begin(appender: Appender, settings: TrailSettings = SETTINGS, **options: Any) -> Trail:
        trail = Trail(appender, key=KEY, clock=clock, settings=settings, retry_after=NEVER)
        started.append(trail)
        await trail.start(**options)
        return trail

    yield begin
    for trail in started:
        await trail.stop()


@pytest_asyncio.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    async with open_store(StoreSettings(url=store_url)) as opened:
        yield opened


@pytest_asyncio.fixture
async def stored(store: Store) -> AsyncIterator[Appender]:
    async with open_appender(store) as opened:
        yield opened


def group_of(writer: str, *sealed: Sealed) -> Group:
    """Make a group of entries that no chain has bound."""
    group = Group(Chain(KEY, writer), ())
    group._entries = list(sealed)
    return group


async def write(start: Start, stored: Appender, *, entries: int = 5, store: Store | None = None) -> Trail:
    """Write a chain of an opening and `entries` entries, by turns of two customers, over several groups."""
    trail = await start(stored, heads=() if store is None else await heads(store))
    for number in range(entries):
        trail.record(read(ANNA if number % 2 == 0 else BRAM, minute=number))
        if number % 2:
            await trail.settled()
    await trail.settled()
    return trail


async def test_an_untouched_trail_has_no_flaw(start: Start, store: Store, stored: Appender) -> None:
    await write(start, stored)
    found = await check_trail(store, key=KEY)
    assert (found.chains, found.entries, found.flaws) == (1, 6, ())


async def test_an_empty_trail_has_no_flaw(store: Store) -> None:
    found = await check_trail(store, key=KEY)
    assert (found.chains, found.entries, found.flaws) == (0, 0, ())


async def test_replicas_have_chains_of_their_own(start: Start, store: Store, stored: Appender) -> None:
    one = await start(stored)
    other = await start(stored)
    for number in range(6):
        (one if number % 2 else other).record(read())
    await asyncio.gather(one.settled(), other.settled())
    found = await check_trail(store, key=KEY)
    assert (found.chains, found.entries, found.flaws) == (2, 8, ())


async def test_a_group_that_is_sent_twice_is_kept_once(store: Store, stored: Appender) -> None:
    writer = "019ab000-0000-7000-8000-00000000000a"
    group = [Sealed(0, datetime(2027, 1, 15, tzinfo=UTC), b"{}", bytes(32), (ANNA,))]
    await stored.append(group_of(writer, *group))
    await stored.append(group_of(writer, *group))
    assert await count(store) == 1


async def test_a_group_is_kept_whole_or_not_at_all(store: Store, stored: Appender) -> None:
    writer = "019ab000-0000-7000-8000-00000000000a"
    moment = datetime(2027, 1, 15, tzinfo=UTC)
    broken: Any = None  # no entry at all, which the table refuses
    group = [Sealed(0, moment, b"{}", bytes(32), ()), Sealed(1, moment, broken, bytes(32), ())]
    with pytest.raises(StoreError):
        await stored.append(group_of(writer, *group))
    assert await count(store) == 0
    await stored.append(group_of(writer, *group[:1]))
    assert await count(store) == 1


async def test_a_large_backlog_is_written_in_groups_and_whole(start: Start, store: Store, stored: Appender) -> None:
    trail = await start(stored, TrailSettings(delay=NEVER, group=1_000))
    for _ in range(600):
        trail.record(read())
    await trail.settled()
    found = await check_trail(store, key=KEY)
    assert (found.entries, found.flaws) == (601, ())


async def test_the_newest_entries_of_a_customer_are_found(start: Start, store: Store, stored: Appender) -> None:
    await write(start, stored)
    assert [entry.at.minute for entry in await entries_of(store, ANNA)] == [4, 2, 0]
    [newest] = await entries_of(store, BRAM, most=1)
    assert newest == read(BRAM, minute=3)


async def count(store: Store) -> int:
    async with store.read() as connection:
        return len((await connection.execute(select(kept.c.seq))).all())


async def remove(store: Store, writer: str, seq: int) -> None:
    async with store.write() as connection:
        await connection.execute(delete(kept).where(kept.c.writer == writer, kept.c.seq == seq))
        await connection.execute(
            delete(trail_customers).where(trail_customers.c.writer == writer, trail_customers.c.seq == seq)
        )


async def change(store: Store, writer: str, seq: int, **columns: Any) -> None:
    async with store.write() as connection:
        await connection.execute(update(kept).where(kept.c.writer == writer, kept.c.seq == seq).values(**columns))


async def row(store: Store, writer: str, seq: int) -> Any:
    async with store.read() as connection:
        return (await connection.execute(select(kept).where(kept.c.writer == writer, kept.c.seq == seq))).one()


async def flaws(store: Store, key: bytes = KEY) -> set[Flaw]:
    return set((await check_trail(store, key=key)).flaws)


@pytest.mark.parametrize("seq", [0, 1, 3])
async def test_a_removed_entry_is_found(start: Start, store: Store, stored: Appender, seq: int) -> None:
    writer = (await write(start, stored)).writer
    await remove(store, writer, seq)
    assert await flaws(store) == {Flaw("REMOVED", writer, seq)}


async def test_removed_last_entries_are_found(start: Start, store: Store, stored: Appender) -> None:
    writer = (await write(start, stored)).writer
    for seq in (4, 5):
        await remove(store, writer, seq)
    assert await flaws(store) == {Flaw("SHORTENED", writer, 3)}


async def test_an_end_that_is_moved_back_with_the_entries_is_found(
    start: Start, store: Store, stored: Appender
) -> None:
    writer = (await write(start, stored)).writer
    await remove(store, writer, 5)
    former = await row(store, writer, 4)
    async with store.write() as connection:
        await connection.execute(update(trail_heads).values(seq=4, seal=former.mac))
    assert await flaws(store) == {Flaw("SHORTENED", writer, 4)}


async def test_a_removed_end_mark_is_found(start: Start, store: Store, stored: Appender) -> None:
    writer = (await write(start, stored)).writer
    async with store.write() as connection:
        await connection.execute(delete(trail_heads))
    assert await flaws(store) == {Flaw("SHORTENED", writer, 5)}


async def test_an_altered_entry_is_found(start: Start, store: Store, stored: Appender) -> None:
    writer = (await write(start, stored)).writer
    entry = (await row(store, writer, 2)).entry
    await change(store, writer, 2, entry=entry.replace(b"agent-7", b"agent-8"))
    assert await flaws(store) == {Flaw("ALTERED", writer, 2)}


async def test_an_altered_code_is_found(start: Start, store: Store, stored: Appender) -> None:
    writer = (await write(start, stored)).writer
    await change(store, writer, 2, mac=bytes(32))
    assert await flaws(store) == {Flaw("ALTERED", writer, 2), Flaw("ALTERED", writer, 3)}


async def test_a_chain_that_is_rewritten_with_another_key_is_found(
    start: Start, store: Store, stored: Appender
) -> None:
    writer = (await write(start, stored)).writer
    assert Flaw("ALTERED", writer, 0) in await flaws(store, key=bytes(32))


async def test_reordered_entries_are_found(start: Start, store: Store, stored: Appender) -> None:
    writer = (await write(start, stored)).writer
    second, fourth = await row(store, writer, 2), await row(store, writer, 4)
    await change(store, writer, 2, entry=fourth.entry, mac=fourth.mac)
    await change(store, writer, 4, entry=second.entry, mac=second.mac)
    assert {Flaw("ALTERED", writer, 2), Flaw("ALTERED", writer, 4)} <= await flaws(store)


async def test_an_inserted_entry_is_found(start: Start, store: Store, stored: Appender) -> None:
    writer = (await write(start, stored)).writer
    last = await row(store, writer, 5)
    async with store.write() as connection:
        await connection.execute(insert(kept).values(writer=writer, seq=6, entry=last.entry, mac=last.mac))
    assert Flaw("ALTERED", writer, 6) in await flaws(store)


async def test_entries_of_another_writers_chain_are_found(start: Start, store: Store, stored: Appender) -> None:
    one, other = await write(start, stored), await write(start, stored)
    for seq in range(6):
        there = await row(store, other.writer, seq)
        await change(store, one.writer, seq, entry=there.entry, mac=there.mac)
    assert Flaw("ALTERED", one.writer, 0) in await flaws(store)


async def test_a_whole_chain_that_a_later_one_saw_is_missed(start: Start, store: Store, stored: Appender) -> None:
    first = await write(start, stored)
    await first.stop()
    second = await write(start, stored, store=store)
    assert await flaws(store) == set()
    async with store.write() as connection:
        for table in (kept, trail_customers, trail_heads):
            await connection.execute(delete(table).where(table.c.writer == first.writer))
    assert await flaws(store) == {Flaw("CHAIN_REMOVED", first.writer, 5)}
    assert second.writer != first.writer


async def test_a_chain_sees_only_the_ends_that_no_other_has_seen(start: Start, store: Store, stored: Appender) -> None:
    first = await write(start, stored)
    await first.stop()
    second = await write(start, stored, store=store)
    assert [head[:2] for head in await heads(store)] == [(second.writer, 5)]


async def test_an_entry_that_is_hidden_from_its_customer_is_found(start: Start, store: Store, stored: Appender) -> None:
    writer = (await write(start, stored)).writer
    async with store.write() as connection:
        await connection.execute(delete(trail_customers).where(trail_customers.c.seq == 3))
        await connection.execute(update(trail_customers).where(trail_customers.c.seq == 2).values(customer_id=ANNA))
    assert await flaws(store) == {Flaw("UNINDEXED", writer, 3), Flaw("UNINDEXED", writer, 2)}


async def test_garbage_in_place_of_an_entry_is_a_flaw_and_no_failure(
    start: Start, store: Store, stored: Appender
) -> None:
    writer = (await write(start, stored)).writer
    await change(store, writer, 2, entry=b"\xff")
    assert Flaw("ALTERED", writer, 2) in await flaws(store)
