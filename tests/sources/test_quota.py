"""The quota: what a source allows, shared by replicas and divided by priority."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from tests.sources.ticking import Clock

from klantbeeld.errors import SourceBusy, StoreError
from klantbeeld.settings_source import QuotaSettings
from klantbeeld.sources.context import Priority
from klantbeeld.sources.quota import Grant, MemoryLedger, Quota, QuotaLedger

pytestmark = pytest.mark.asyncio

AGENT, APP, PARTNER, BACKGROUND = Priority
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def quota_of(clock: Clock, ledger: QuotaLedger | None = None, **settings: Any) -> Quota:
    began = clock.now
    return Quota(
        "crm",
        QuotaSettings.model_validate(settings),
        ledger=ledger or MemoryLedger(),
        clock=clock,
        now=lambda: NOON + timedelta(seconds=clock.now - began),
        sleep=clock.sleep,
    )


async def taken(quota: Quota, priority: Priority, most: int, clock: Clock) -> int:
    """Take calls until one is refused; returns how many there were."""
    for number in range(most):
        try:
            await quota.take(priority, clock.now)
        except SourceBusy:
            return number
    return most


async def test_without_a_quota_nobody_has_to_ask() -> None:
    quota = quota_of(Clock())
    assert (quota.is_free, quota.left, list(quota.stopped)) == (True, None, [])


async def test_a_pause_holds_everybody_back_until_it_is_over() -> None:
    clock = Clock()
    quota = quota_of(clock)
    quota.pause(7)
    assert not quota.is_free
    assert list(quota.stopped) == [BACKGROUND, PARTNER, APP, AGENT]
    for priority in Priority:
        with pytest.raises(SourceBusy) as raised:
            await quota.take(priority, clock.now + 60)
        assert (raised.value.sent, raised.value.retry_after) == (False, 7)
    clock.now += 7
    await quota.take(AGENT, clock.now + 60)
    assert (quota.is_free, list(quota.stopped), quota.refused) == (True, [], 4)


async def test_a_pause_is_bounded_and_a_shorter_one_does_not_end_it() -> None:
    clock = Clock()
    quota = quota_of(clock, longest_pause=60)
    quota.pause(86_400)
    quota.pause(1)
    assert quota.paused_until == clock.now + 60


async def test_a_rate_lets_a_burst_through_and_then_one_at_a_time() -> None:
    clock = Clock()
    quota = quota_of(clock, per_second=10, background_stops=0)
    assert await taken(quota, AGENT, 100, clock) == 10
    began = clock.now
    for _ in range(20):
        await quota.take(AGENT, clock.now + 5)
    assert clock.now - began == pytest.approx(2.0)


async def test_a_call_whose_turn_comes_after_its_deadline_is_refused_at_once() -> None:
    clock = Clock()
    quota = quota_of(clock, per_second=1)
    await quota.take(AGENT, clock.now + 5)
    with pytest.raises(SourceBusy) as raised:
        await quota.take(AGENT, clock.now + 0.5)
    assert raised.value.retry_after == pytest.approx(1)
    assert clock.slept == []


async def test_of_a_rate_background_work_may_use_three_quarters() -> None:
    clock = Clock()
    quota = quota_of(clock, per_second=100)
    assert await taken(quota, BACKGROUND, 1_000, clock) == 75
    assert await taken(quota, PARTNER, 1_000, clock) == 15
    assert await taken(quota, APP, 1_000, clock) == 5
    assert await taken(quota, AGENT, 1_000, clock) == 5


async def test_a_rate_is_divided_by_the_replicas_that_are_up() -> None:
    clock = Clock()
    quota = quota_of(clock, per_second=100)
    quota.replicas = 4
    began = clock.now
    await taken(quota, AGENT, 1_000, clock)
    for _ in range(50):
        await quota.take(AGENT, clock.now + 5)
    assert clock.now - began == pytest.approx(2.0)


async def test_of_a_day_the_less_important_stop_first() -> None:
    clock = Clock()
    quota = quota_of(clock, per_day=1_000)
    assert await taken(quota, BACKGROUND, 2_000, clock) == 750
    assert list(quota.stopped) == [BACKGROUND]
    assert quota.left == pytest.approx(0.25)
    assert await taken(quota, PARTNER, 2_000, clock) == 150
    assert await taken(quota, APP, 2_000, clock) == 50
    assert await taken(quota, AGENT, 2_000, clock) == 50
    assert list(quota.stopped) == [BACKGROUND, PARTNER, APP, AGENT]
    with pytest.raises(SourceBusy) as raised:
        await quota.take(AGENT, clock.now)
    assert raised.value.retry_after == 43_200


async def test_the_next_day_has_a_budget_of_its_own() -> None:
    clock = Clock()
    quota = quota_of(clock, per_day=100)
    await taken(quota, AGENT, 1_000, clock)
    clock.now += 43_200
    assert list(quota.stopped) == []
    assert await taken(quota, AGENT, 1_000, clock) == 100


async def test_replicas_share_the_day_and_never_exceed_it() -> None:
    clock, ledger = Clock(), MemoryLedger()
    replicas = [quota_of(clock, ledger, per_day=1_000, chunk=0.01) for _ in range(3)]
    used = 0
    while True:
        before = used
        for replica in replicas:
            used += await taken(replica, AGENT, 7, clock)
        if used == before:
            break
    assert used == 1_000


async def test_calls_that_come_together_take_one_chunk() -> None:
    clock = Clock()

    class Slow(MemoryLedger):
        asked = 0

        async def take(self, source: str, day: date, *, amount: int, most: int) -> Grant:
            self.asked += 1
            await asyncio.sleep(0)
            return await super().take(source, day, amount=amount, most=most)

    ledger = Slow()
    quota = quota_of(clock, ledger, per_day=10_000)
    await asyncio.gather(*(quota.take(AGENT, clock.now) for _ in range(10)))
    assert ledger.asked == 1


async def test_a_ledger_that_cannot_be_read_gives_nothing() -> None:
    class Broken(MemoryLedger):
        async def take(self, source: str, day: date, *, amount: int, most: int) -> Grant:
            raise StoreError("down")

    clock = Clock()
    with pytest.raises(SourceBusy):
        await quota_of(clock, Broken(), per_day=10).take(AGENT, clock.now)


FLOORS: Mapping[Priority, int] = {BACKGROUND: 750, PARTNER: 900, APP: 950, AGENT: 1_000}


@pytest.mark.parametrize("priority", Priority)
async def test_each_priority_has_its_floor(priority: Priority) -> None:
    clock = Clock()
    assert await taken(quota_of(clock, per_day=1_000), priority, 2_000, clock) == FLOORS[priority]
