"""Hedging: when a second call is made, whose answer is taken, and how many there are."""

import asyncio
from typing import Any

import pytest
from tests.sources.ticking import Clock

from klantbeeld.errors import SourceUnavailable
from klantbeeld.settings_source import HedgingSettings
from klantbeeld.sources.hedging import Hedging
from klantbeeld.sources.traffic import Traffic

pytestmark = pytest.mark.asyncio


class Replicas:
    """A source whose calls end when a test says so."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.traffic = Traffic(10)
        self.calls: list[asyncio.Future[str]] = []
        self.waits: list[float | None] = []
        self.hedging = Hedging(HedgingSettings(calls=32), self.traffic, clock=self.clock, wait=self.wait)

    async def attempt(self) -> str:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.calls.append(future)
        return await future

    async def wait(self, tasks: set[asyncio.Task[Any]], seconds: float | None) -> None:
        """Wait as asyncio does; where there is a limit, be there at once."""
        self.waits.append(seconds)
        if seconds is None:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return
        await asyncio.sleep(0)
        if not any(task.done() for task in tasks):
            self.clock.now += seconds

    async def warm_up(self, calls: int = 100, seconds: float = 0.01) -> None:
        async def quick() -> str:
            self.clock.now += seconds
            self.traffic.count(self.clock.now)
            return "quick"

        for _ in range(calls):
            await self.hedging.race(quick)

    async def begin(self) -> asyncio.Task[str]:
        task = asyncio.create_task(self.hedging.race(self.attempt))
        for _ in range(5):
            await asyncio.sleep(0)
        return task


async def test_before_enough_is_known_there_is_no_second_call() -> None:
    replicas = Replicas()
    task = await replicas.begin()
    assert len(replicas.calls) == 1
    replicas.calls[0].set_result("first")
    assert await task == "first"
    assert replicas.hedging.hedged == 0


async def test_a_read_slower_than_almost_all_is_sent_twice_and_the_first_answer_is_taken() -> None:
    replicas = Replicas()
    await replicas.warm_up()
    task = await replicas.begin()
    assert replicas.waits[-2] == pytest.approx(0.01)
    assert len(replicas.calls) == 2
    replicas.calls[1].set_result("second")
    assert await task == "second"
    await asyncio.sleep(0)
    assert replicas.calls[0].cancelled()
    assert replicas.hedging.hedged == 1


async def test_a_call_that_fails_leaves_the_other_to_answer() -> None:
    replicas = Replicas()
    await replicas.warm_up()
    task = await replicas.begin()
    replicas.calls[0].set_exception(SourceUnavailable("first"))
    for _ in range(5):
        await asyncio.sleep(0)
    replicas.calls[1].set_result("second")
    assert await task == "second"


async def test_where_both_fail_the_first_problem_is_told() -> None:
    replicas = Replicas()
    await replicas.warm_up()
    task = await replicas.begin()
    replicas.calls[1].set_exception(SourceUnavailable("second"))
    replicas.calls[0].set_exception(SourceUnavailable("first"))
    with pytest.raises(SourceUnavailable, match="first"):
        await task


async def test_second_calls_are_one_in_fifty() -> None:
    replicas = Replicas()
    await replicas.warm_up(100)
    for _ in range(10):
        task = await replicas.begin()
        replicas.calls[-1].set_result("late")
        await task
    assert replicas.hedging.hedged == 2


async def test_a_caller_that_goes_away_takes_both_calls_along() -> None:
    replicas = Replicas()
    await replicas.warm_up()
    task = await replicas.begin()
    task.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    assert task.cancelled()
    assert [call.cancelled() for call in replicas.calls] == [True, True]
