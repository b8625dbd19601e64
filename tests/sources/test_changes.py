"""What replicas tell each other: evictions, consistency tokens, and subscribers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from klantbeeld.errors import RequestError, StoreError
from klantbeeld.sources.changes import Changes
from klantbeeld.sources.evictions import MOST_SUBJECTS, Evictions
from klantbeeld.sources.subscribers import Change
from klantbeeld.store.change_log import Head, MemoryChangeLog, Notice

pytestmark = pytest.mark.asyncio

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECRET = b"a secret that all replicas have."
ANNA, BRAM = "019ab000-0000-7000-8000-000000000001", "019ab000-0000-7000-8000-000000000002"


class Moody(MemoryChangeLog):
    """A log that can be out of reach."""

    is_down = False

    async def append(self, notice: Notice) -> int:
        self._check()
        return await super().append(notice)

    async def head(self) -> Head:
        self._check()
        return await super().head()

    def _check(self) -> None:
        if self.is_down:
            raise StoreError("down")


@asynccontextmanager
async def replica(log: MemoryChangeLog, *, secret: bytes = SECRET, max_waiting: int = 100) -> AsyncIterator[Changes]:
    changes = Changes(log, secret=secret, now=lambda: NOW, max_waiting=max_waiting)
    await changes.start()
    try:
        yield changes
    finally:
        await changes.stop()


def soon() -> float:
    return asyncio.get_running_loop().time() + 5


def allows(changes: Changes, mark: tuple[bytes, int], customer: str = ANNA, source: str = "crm") -> bool:
    return changes.evictions.allows(mark, source, changes.subject(customer))


async def test_a_write_evicts_on_every_replica_before_it_answers() -> None:
    log = MemoryChangeLog()
    async with replica(log) as one, replica(log) as other:
        before = other.evictions.mark
        await one.changed("crm", [ANNA])

        assert not allows(one, before)
        assert await other.is_current()
        assert not allows(other, before)
        assert allows(other, other.evictions.mark)


async def test_what_is_kept_of_others_stays() -> None:
    async with replica(MemoryChangeLog()) as changes:
        before = changes.evictions.mark
        await changes.changed("crm", [ANNA])

        assert allows(changes, before, BRAM)
        assert allows(changes, before, ANNA, "billing")


async def test_without_a_customer_all_of_a_source_is_evicted() -> None:
    async with replica(MemoryChangeLog()) as changes:
        before = changes.evictions.mark
        await changes.changed("crm", [])

        assert not allows(changes, before, BRAM)
        assert allows(changes, before, BRAM, "billing")


async def test_a_read_that_began_before_the_write_leaves_nothing_that_would_be_served() -> None:
    async with replica(MemoryChangeLog()) as changes:
        began = changes.evictions.mark
        await changes.changed("crm", [ANNA])
        await changes.changed("crm", [BRAM])

        assert not allows(changes, began)


async def test_calls_under_way_to_the_source_are_joined_no_more() -> None:
    log = MemoryChangeLog()
    async with replica(log) as one, replica(log) as other:
        forgotten: list[str] = []
        other.forget_calls = forgotten.append
        await one.changed("crm", [ANNA])
        await other.is_current()

        assert forgotten == ["crm"]


async def test_a_replica_with_another_secret_evicts_the_whole_source() -> None:
    """Hashes under a key that is being replaced cannot be told apart."""
    log = MemoryChangeLog()
    async with replica(log) as one, replica(log, secret=b"the secret that follows after it") as other:
        before = other.evictions.mark
        await one.changed("crm", [ANNA])
        await other.is_current()

        assert not allows(other, before, BRAM)


async def test_a_log_that_cannot_be_read_is_not_taken_for_one_without_changes() -> None:
    log = Moody()
    async with replica(log) as changes:
        log.is_down = True

        assert not await changes.is_current()


async def test_a_write_that_cannot_be_told_is_evicted_where_it_was_made() -> None:
    log = Moody()
    async with replica(log) as changes:
        before = changes.evictions.mark
        log.is_down = True
        with pytest.raises(StoreError):
            await changes.changed("crm", [ANNA])

        assert not allows(changes, before)


async def test_many_who_ask_at_once_share_one_look() -> None:
    class Counting(MemoryChangeLog):
        looks = 0

        async def head(self) -> Head:
            type(self).looks += 1
            return await super().head()

    async with replica(Counting()) as changes:
        await asyncio.sleep(0)
        before = Counting.looks
        assert all(await asyncio.gather(*(changes.is_current() for _ in range(100))))

        assert Counting.looks == before + 1


async def test_a_new_log_makes_all_that_was_kept_worthless() -> None:
    class Replaced(MemoryChangeLog):
        epoch = b"old"

        async def head(self) -> Head:
            return Head(self.epoch, len(self.notices))

    log = Replaced()
    async with replica(log) as changes:
        before = changes.evictions.mark
        log.epoch = b"new"
        await changes.is_current()

        assert not allows(changes, before)
        assert allows(changes, changes.evictions.mark)


async def test_missing_notices_make_all_that_was_kept_worthless() -> None:
    class Forgetful(MemoryChangeLog):
        async def after(self, number: int) -> list[tuple[int, Notice]]:
            return [entry for entry in await super().after(number) if entry[0] > 2]

    log = Forgetful()
    async with replica(log) as changes:
        before = changes.evictions.mark
        for _ in range(3):
            await log.append(Notice(source="crm", key=b"", at=NOW, how="POLL"))
        await changes.is_current()

        assert not allows(changes, before, BRAM, "billing")


async def test_a_replica_that_starts_trusts_what_others_kept_since_the_last_eviction() -> None:
    log = MemoryChangeLog()
    async with replica(log) as one:
        before = one.evictions.mark
        await one.changed("crm", [ANNA])
        after = one.evictions.mark
        async with replica(log) as other:
            assert not allows(other, before)
            assert allows(other, after)


async def test_a_token_makes_another_replica_see_the_write() -> None:
    log = MemoryChangeLog()
    async with replica(log) as one, replica(log) as other:
        before = other.evictions.mark
        token = await one.changed("crm", [ANNA])

        assert await other.seen(token, soon())
        assert not allows(other, before)


async def test_a_token_cannot_be_waited_for_while_the_log_is_out_of_reach() -> None:
    log = Moody()
    async with replica(log) as one:
        other = Changes(log, secret=SECRET, now=lambda: NOW)
        await other.catch_up()
        token = await one.changed("crm", [ANNA])
        log.is_down = True

        assert not await other.seen(token, soon())


@pytest.mark.parametrize("token", ["", "?", "AAAA", "x" * 40, "é"])
async def test_what_is_no_token_is_refused(token: str) -> None:
    async with replica(MemoryChangeLog()) as changes:
        with pytest.raises(RequestError) as caught:
            await changes.seen(token, soon())
        assert caught.value.reason == "CONSISTENCY_TOKEN_INVALID"


async def test_a_token_that_was_changed_is_refused() -> None:
    async with replica(MemoryChangeLog()) as changes:
        token = await changes.changed("crm", [ANNA])
        with pytest.raises(RequestError):
            await changes.seen(token[:-2] + "AA", soon())


async def test_subscribers_hear_of_the_changes_of_their_customer_on_every_replica() -> None:
    log = MemoryChangeLog()
    async with replica(log) as one, replica(log) as other:
        heard = other.of(ANNA)
        await one.changed("billing", [BRAM])
        await one.changed("crm", [ANNA], kinds=["party"], channel="APP")

        change = await asyncio.wait_for(anext(heard), 5)
        assert change == Change("crm", NOW, ("party",), "APP", "WRITE")


async def test_a_slow_subscriber_is_told_once_that_something_changed() -> None:
    log = MemoryChangeLog()
    async with replica(log, max_waiting=3) as changes:
        heard = changes.of(ANNA)
        for _ in range(4):
            await changes.changed("crm", [ANNA], kinds=["party"])

        assert (await anext(heard)).kinds == ()


async def test_a_subscriber_that_closes_is_forgotten_and_ends() -> None:
    async with replica(MemoryChangeLog()) as changes:
        heard = changes.of(ANNA)
        waiting = asyncio.ensure_future(anext(heard))
        await asyncio.sleep(0)
        await heard.aclose()  # type: ignore[attr-defined]  # the iterator of a subscriber can be closed

        with pytest.raises(StopAsyncIteration):
            await waiting
        assert changes._subscribers._by_subject == {}


async def test_notices_hold_no_id_of_a_customer() -> None:
    log = MemoryChangeLog()
    async with replica(log) as changes:
        await changes.changed("crm", [ANNA])

    (notice,) = log.notices
    assert ANNA not in repr(notice)
    assert len(notice.subjects[0]) == 16


async def test_evictions_that_are_too_many_to_remember_evict_more_and_never_less() -> None:
    evictions = Evictions()
    evictions.begin(b"log", 0)
    for number in range(1, MOST_SUBJECTS + 2):
        evictions.evict(number, "crm", (number.to_bytes(4, "big"),))

    assert not evictions.allows((b"log", 0), "crm", b"somebody else")
    assert evictions.allows((b"log", 1), "crm", b"somebody else")
