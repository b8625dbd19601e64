"""Who comes in where not everybody can."""

import asyncio
from collections.abc import Mapping

import pytest

from klantbeeld.errors import Overloaded
from klantbeeld.gateway.door import BUSY, Door
from klantbeeld.settings import DoorSettings

pytestmark = pytest.mark.asyncio

AGENT, APP, PARTNER, UNKNOWN = ({b"authorization": b"%d" % level} for level in range(4))
LONG = 3_600.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def door(clock: Clock | None = None, **settings: float) -> Door:
    given = DoorSettings.model_validate({"most": 1, "waiting": 2, "wait": LONG, **settings})
    return Door(given, lambda authorization: int(authorization or b"3"), clock=clock or Clock())


async def wait(opened: Door, *headers: Mapping[bytes, bytes]) -> list[asyncio.Task[None]]:
    """Let some ask for a place, one after the other."""
    tasks = []
    for one in headers:
        tasks.append(asyncio.ensure_future(opened.enter(one)))
        await asyncio.sleep(0)
    return tasks


async def test_whoever_finds_a_place_comes_in_at_once() -> None:
    opened = door()
    await opened.enter({})
    assert opened.inside == 1
    opened.leave()
    assert opened.inside == 0


async def test_a_place_goes_to_the_most_important_who_waits() -> None:
    opened = door()
    await opened.enter(APP)
    partner, agent = await wait(opened, PARTNER, AGENT)
    opened.leave()
    await agent
    assert not partner.done()
    opened.leave()
    await partner


async def test_among_equals_whoever_came_first_is_first() -> None:
    opened = door()
    await opened.enter(APP)
    first, second = await wait(opened, APP, APP)
    opened.leave()
    await first
    assert not second.done()
    second.cancel()


async def test_where_the_queue_is_full_the_least_important_is_refused() -> None:
    opened = door()
    await opened.enter(AGENT)
    app, unknown = await wait(opened, APP, UNKNOWN)
    partner, second = await wait(opened, PARTNER, PARTNER)
    for refused in (unknown, second):
        with pytest.raises(Overloaded) as raised:
            await refused
        assert (raised.value.status, raised.value.retry_after) == (503, 1)
    assert not app.done()
    assert not partner.done()
    assert opened.refused == 2
    for task in (app, partner):
        task.cancel()


async def test_nobody_waits_longer_than_the_settings_say() -> None:
    opened = door(wait=0.001)
    await opened.enter(AGENT)
    with pytest.raises(Overloaded):
        await opened.enter(AGENT)
    opened.leave()
    await opened.enter(AGENT)


async def test_a_client_that_goes_leaves_neither_a_place_nor_the_queue_taken() -> None:
    opened = door()
    await opened.enter(AGENT)
    gone, there = await wait(opened, AGENT, APP)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    opened.leave()
    await there
    opened.leave()
    assert opened.inside == 0


async def test_a_place_that_was_given_to_a_client_that_goes_is_given_on() -> None:
    opened = door()
    await opened.enter(AGENT)
    gone, there = await wait(opened, AGENT, APP)
    opened.leave()  # the place is the first one's, who has not heard of it
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    await there
    assert opened.inside == 1


async def test_it_is_overrun_when_it_refused_for_long_without_a_pause() -> None:
    clock = Clock()
    opened = door(clock, waiting=0, unready_after=5.0, pause=1.0)
    await opened.enter(AGENT)
    told = []
    for moment in (0.0, 0.9, 1.8, 2.7, 3.6, 4.5, 5.4, 6.3, 9.0, 9.5):
        clock.now = moment
        if moment < 7 or moment == 9.5:
            with pytest.raises(Overloaded):
                await opened.enter(AGENT)
        told.append(opened.is_overrun)
    assert told == [False] * 6 + [True, True, False, False]


async def test_while_it_refuses_the_capacity_goes_to_the_most_important() -> None:
    clock = Clock()
    opened = door(clock, most=10, waiting=0)
    came = dict.fromkeys(("agent", "partner"), 0)
    for _ in range(30):  # windows
        clock.now += 0.1
        for who, headers in (("partner", PARTNER), ("agent", AGENT)):
            for _ in range(10):
                try:
                    await opened.enter(headers)
                except Overloaded:
                    continue
                came[who] += 1
        while opened.inside:
            opened.leave()
        opened.share_out()
    assert came["agent"] > 200
    assert came["partner"] < 120


async def test_after_a_pause_without_a_refusal_everybody_is_alike_again() -> None:
    clock = Clock()
    opened = door(clock, waiting=0, pause=1.0)
    await opened.enter(AGENT)
    with pytest.raises(Overloaded):
        await opened.enter(PARTNER)
    opened.leave()
    clock.now = 1.5
    opened.share_out()
    await opened.enter(PARTNER)


async def test_a_loop_that_keeps_coming_late_lets_fewer_in_and_one_in_time_more_again() -> None:
    opened = door(most=100, least=10, lag=0.05)
    for _ in range(60):
        await opened.enter(AGENT)
    for _ in range(BUSY):
        opened.adapt(0.2)
    assert opened.limit == 54
    for _ in range(40):
        opened.adapt(0.2)
    assert opened.limit == 10
    opened.adapt(0.0)
    assert opened.limit == 11
    for _ in range(80):
        opened.adapt(0.0)
    assert opened.limit == 100


async def test_a_loop_that_comes_late_now_and_then_refuses_nobody() -> None:
    opened = door(most=100, least=10, lag=0.05)
    await opened.enter(AGENT)
    for _ in range(20):
        for _ in range(BUSY - 1):
            opened.adapt(0.2)
        opened.adapt(0.0)
    assert opened.limit == 100


async def test_stopping_refuses_those_who_wait() -> None:
    opened = door()
    opened.start()
    await opened.enter(AGENT)
    (waiting,) = await wait(opened, AGENT)
    opened.stop()
    with pytest.raises(Overloaded):
        await waiting
