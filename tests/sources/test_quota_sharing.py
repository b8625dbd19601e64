"""Quotas that replicas share through the store."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime, timedelta

import pytest
import pytest_asyncio
from tests.sources.ticking import Clock

from klantbeeld.errors import SourceBusy, StoreError
from klantbeeld.settings import StoreSettings
from klantbeeld.settings_source import QuotaSettings
from klantbeeld.sources.context import Priority
from klantbeeld.sources.quota import Grant, Quota
from klantbeeld.sources.quota_ledger import Shared, StoredLedger
from klantbeeld.sources.quota_sharing import QuotaSharing
from klantbeeld.store import Store, open_store

pytestmark = pytest.mark.asyncio

DAY = date(2026, 11, 26)
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
TTL = timedelta(seconds=10)


@pytest_asyncio.fixture
async def store(migrated_url: str) -> AsyncIterator[Store]:
    async with open_store(StoreSettings(url=migrated_url)) as store:
        yield store


async def test_a_day_is_given_out_once(store: Store) -> None:
    ledger = StoredLedger(store)
    grants = [await ledger.take("crm", DAY, amount=40, most=100) for _ in range(4)]
    assert grants == [Grant(40, 60), Grant(40, 20), Grant(20, 0), Grant(0, 0)]


async def test_sources_and_days_are_apart(store: Store) -> None:
    ledger = StoredLedger(store)
    await ledger.take("crm", DAY, amount=100, most=100)
    assert await ledger.take("billing", DAY, amount=1, most=100) == Grant(1, 99)
    assert await ledger.take("crm", DAY + timedelta(days=1), amount=1, most=100) == Grant(1, 99)


async def test_replicas_that_ask_together_do_not_get_more_than_there_is(store: Store) -> None:
    ledgers = [StoredLedger(store) for _ in range(4)]
    grants = await asyncio.gather(
        *(ledger.take("crm", DAY, amount=7, most=100) for ledger in ledgers for _ in range(10)), return_exceptions=True
    )
    given = [grant.given for grant in grants if isinstance(grant, Grant)]
    assert sum(given) == 100


async def test_replicas_hear_of_each_others_pauses_until_they_are_over(store: Store) -> None:
    ledger = StoredLedger(store)
    until = NOON + timedelta(seconds=30)
    await ledger.share("one", {"crm": until}, now=NOON, ttl=None)
    await ledger.share("two", {"crm": NOON + timedelta(seconds=5)}, now=NOON, ttl=None)
    assert (await ledger.share("two", {}, now=NOON, ttl=None)).pauses == {"crm": until}
    assert (await ledger.share("two", {}, now=until, ttl=None)).pauses == {}


async def test_replicas_count_each_other_while_they_are_up(store: Store) -> None:
    ledger = StoredLedger(store)
    await ledger.share("one", {}, now=NOON, ttl=TTL)
    assert (await ledger.share("two", {}, now=NOON + TTL / 2, ttl=TTL)).replicas == 2
    assert (await ledger.share("two", {}, now=NOON + TTL, ttl=TTL)).replicas == 1
    await ledger.leave("two")
    assert (await ledger.share("one", {}, now=NOON + TTL, ttl=TTL)).replicas == 1


class Memory:
    """What replicas share, in memory."""

    def __init__(self) -> None:
        self.up: set[str] = set()
        self.pauses: dict[str, datetime] = {}
        self.is_down = False
        self.told = asyncio.Event()

    async def share(
        self, replica: str, pauses: Mapping[str, datetime], *, now: datetime, ttl: timedelta | None
    ) -> Shared:
        if self.is_down:
            raise StoreError("down")
        if ttl:
            self.up.add(replica)
        self.pauses |= pauses
        if pauses:
            self.told.set()
        return Shared(len(self.up), dict(self.pauses))

    async def leave(self, replica: str) -> None:
        self.up.discard(replica)


class Ledger:
    async def take(self, source: str, day: date, *, amount: int, most: int) -> Grant:
        raise AssertionError


def a_replica(name: str, memory: Memory, *, per_second: float | None = 100) -> tuple[QuotaSharing, Quota, Clock]:
    """A replica with a monotonic clock of its own."""
    clock = Clock(now=float(len(name)) * 10_000)
    quota = Quota("crm", QuotaSettings(per_second=per_second), ledger=Ledger(), clock=clock, sleep=clock.sleep)
    sharing = QuotaSharing({"crm": quota}, memory, replica=name, every=2, now=lambda: NOON, clock=clock)
    return sharing, quota, clock


async def test_a_pause_that_one_replica_heard_of_holds_the_other_back() -> None:
    memory = Memory()
    (one, quota, _), (two, other, clock) = a_replica("one", memory), a_replica("other", memory)
    quota.pause(20)
    await one.round()
    await two.round()
    with pytest.raises(SourceBusy) as raised:
        await other.take(Priority.AGENT, clock.now + 60)
    assert raised.value.retry_after == pytest.approx(20)


async def test_a_rate_is_divided_by_those_that_are_up() -> None:
    memory = Memory()
    replicas = [a_replica("o" * number, memory) for number in range(1, 4)]
    for sharing, _, _ in replicas * 2:
        await sharing.round()
    assert [quota.replicas for _, quota, _ in replicas] == [3, 3, 3]
    await replicas[0][0].leave()
    await replicas[1][0].round()
    assert replicas[1][1].replicas == 2


async def test_without_a_rate_nobody_is_counted() -> None:
    memory = Memory()
    sharing, quota, _ = a_replica("one", memory, per_second=None)
    await sharing.round()
    assert (memory.up, quota.replicas) == (set(), 1)


async def test_while_the_store_is_down_everybody_is_alone() -> None:
    memory = Memory()
    sharing, quota, _ = a_replica("one", memory)
    memory.is_down = True
    await sharing.round()
    assert quota.replicas == 1


async def test_a_pause_is_told_at_once() -> None:
    memory = Memory()
    sharing, quota, _ = a_replica("one", memory)
    running = asyncio.create_task(sharing.run())
    await asyncio.sleep(0)
    quota.pause(20)
    await memory.told.wait()
    running.cancel()
    assert list(memory.pauses) == ["crm"]
