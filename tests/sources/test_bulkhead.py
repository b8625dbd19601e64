"""The bulkhead: who gets a place, who waits, who is refused, and how many places there are."""

import asyncio
from collections.abc import Awaitable

import pytest

from klantbeeld.errors import BreakerOpen, SourceBusy
from klantbeeld.settings_source import BulkheadSettings
from klantbeeld.sources.bulkhead import Bulkhead
from klantbeeld.sources.context import Priority

pytestmark = pytest.mark.asyncio

AGENT, APP, PARTNER, BACKGROUND = Priority


def full(most: int = 1, **settings: int) -> Bulkhead:
    """A bulkhead whose places are all taken."""
    bulkhead = Bulkhead(BulkheadSettings.model_validate({"least": 1, **settings}), most)
    bulkhead.in_flight = most
    return bulkhead


def later(seconds: float = 60) -> float:
    return asyncio.get_running_loop().time() + seconds


async def turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_who_is_more_important_goes_first_and_then_who_came_first() -> None:
    bulkhead, order = full(), []

    async def call(name: str, priority: Priority) -> None:
        await bulkhead.wait(priority, later())
        order.append(name)
        bulkhead.leave(0.0, None)

    waiting: list[Awaitable[None]] = []
    for name, priority in [("b", BACKGROUND), ("p", PARTNER), ("a1", AGENT), ("c", APP), ("a2", AGENT)]:
        waiting.append(asyncio.create_task(call(name, priority)))
        await turn()
    bulkhead.leave(0.0, None)
    await asyncio.gather(*waiting)
    assert order == ["a1", "a2", "c", "p", "b"]
    assert (bulkhead.in_flight, bulkhead.waiting) == (0, 0)


async def test_who_waits_until_its_deadline_is_refused_and_leaves_nothing() -> None:
    bulkhead = full()
    with pytest.raises(SourceBusy) as raised:
        await bulkhead.wait(AGENT, later(0.005))
    assert (raised.value.sent, bulkhead.waiting, bulkhead.in_flight, bulkhead.shed) == (False, 0, 1, 1)


async def test_a_caller_that_goes_away_while_it_waits_leaves_nothing() -> None:
    bulkhead = full()
    waiting = asyncio.create_task(bulkhead.wait(AGENT, later()))
    await turn()
    waiting.cancel()
    await turn()
    assert (bulkhead.waiting, bulkhead.in_flight) == (0, 1)


async def test_a_caller_that_goes_away_as_its_place_comes_gives_it_back() -> None:
    bulkhead = full()
    waiting = asyncio.create_task(bulkhead.wait(AGENT, later()))
    await turn()
    bulkhead.leave(0.0, None)
    waiting.cancel()
    await turn()
    assert waiting.cancelled()
    assert bulkhead.in_flight == 0


async def test_when_too_many_wait_the_least_important_is_refused() -> None:
    bulkhead = full(waiting=2)
    background = asyncio.create_task(bulkhead.wait(BACKGROUND, later()))
    app = asyncio.create_task(bulkhead.wait(APP, later()))
    await turn()
    with pytest.raises(SourceBusy):
        await bulkhead.wait(BACKGROUND, later())
    agent = asyncio.create_task(bulkhead.wait(AGENT, later()))
    await turn()
    assert isinstance(background.exception(), SourceBusy)
    assert not app.done()
    assert bulkhead.waiting == 2
    assert bulkhead.shed == 2
    for _ in range(2):
        bulkhead.leave(0.0, None)
    await asyncio.gather(app, agent)


async def test_whoever_waits_is_told_when_there_is_nothing_to_wait_for() -> None:
    bulkhead = full()
    waiting = asyncio.create_task(bulkhead.wait(AGENT, later()))
    await turn()
    bulkhead.refuse_waiting(lambda: BreakerOpen("open", retry_after=5))
    with pytest.raises(BreakerOpen):
        await waiting
    assert (bulkhead.waiting, bulkhead.in_flight) == (0, 1)


def a_second(bulkhead: Bulkhead, now: float, seconds: float, calls: int = 50) -> None:
    """Let a second of calls come to an end, each of which took so long."""
    for number in range(calls):
        bulkhead.in_flight += 1
        bulkhead.leave(now + number / calls, seconds)


async def test_a_source_that_slows_down_gets_fewer_calls_at_a_time_and_never_less_than_the_least() -> None:
    bulkhead = Bulkhead(BulkheadSettings(least=4), 32)
    for second in range(5):
        a_second(bulkhead, second, 0.02)
    assert bulkhead.limit == 32
    for second in range(5, 15):
        a_second(bulkhead, second, 1.0)
    slowed = bulkhead.limit
    for second in range(15, 40):
        a_second(bulkhead, second, 1.0)
    assert 4 <= bulkhead.limit <= slowed < 16


async def test_times_within_the_tolerance_change_nothing() -> None:
    bulkhead = Bulkhead(BulkheadSettings(), 32)
    for second in range(20):
        a_second(bulkhead, second, 0.02 if second % 2 else 0.03)
    assert bulkhead.limit == 32


async def test_a_queue_of_our_own_is_not_held_against_the_source() -> None:
    bulkhead = Bulkhead(BulkheadSettings(), 32)
    for second in range(5):
        a_second(bulkhead, second, 0.001)
    for second in range(5, 20):
        a_second(bulkhead, second, 0.08)
    assert bulkhead.limit == 32


async def test_it_grows_again_when_the_source_is_quick_and_somebody_has_to_wait() -> None:
    bulkhead = Bulkhead(BulkheadSettings(), 32)
    a_second(bulkhead, 0, 0.02)
    for second in range(1, 20):
        a_second(bulkhead, second, 1.0)
    low = bulkhead.limit
    for second in range(20, 40):
        a_second(bulkhead, second, 0.02)
    assert bulkhead.limit == low
    for second in range(40, 60):
        bulkhead.in_flight += bulkhead.limit
        waiting = asyncio.create_task(bulkhead.wait(AGENT, later()))
        await turn()
        bulkhead.in_flight -= bulkhead.limit
        a_second(bulkhead, second, 0.02)
        await waiting
        bulkhead.leave(second, None)
    assert bulkhead.limit == 32
    assert bulkhead.in_flight == 0


async def test_calls_whose_time_says_nothing_move_nothing() -> None:
    bulkhead = Bulkhead(BulkheadSettings(), 32)
    for second in range(20):
        for _ in range(50):
            bulkhead.in_flight += 1
            bulkhead.leave(second, None)
    assert bulkhead.limit == 32
