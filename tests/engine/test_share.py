"""Unknown documents get a share of the processor, and no more."""

import asyncio
from dataclasses import dataclass, field

import pytest

from klantbeeld.engine.share import Share
from klantbeeld.errors import Overloaded

pytestmark = pytest.mark.asyncio


@dataclass
class Clocks:
    """A processor and a clock that a test moves; sleeping moves the clock."""

    cpu: float = 0.0
    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def share(self, share: float = 0.2, burst: float = 1.0, most_waiting: int = 8) -> Share:
        return Share(
            share=share,
            burst=burst,
            most_waiting=most_waiting,
            cpu=lambda: self.cpu,
            monotonic=lambda: self.now,
            sleep=self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)
        await asyncio.sleep(0)

    async def look(self, share: Share, seconds: float) -> None:
        async with share.turn():
            with share.spending():
                self.cpu += seconds


async def test_what_was_saved_up_may_be_spent_but_only_half_of_the_time() -> None:
    clocks = Clocks()
    share = clocks.share()
    for _ in range(4):
        await clocks.look(share, 0.1)
    assert clocks.slept == pytest.approx([0.0, 0.1, 0.1, 0.1])


async def test_beyond_it_429_says_when_to_come_back() -> None:
    clocks = Clocks()
    share = clocks.share()
    await clocks.look(share, 1.5)
    with pytest.raises(Overloaded) as caught:
        await clocks.look(share, 0.1)
    assert (caught.value.status, caught.value.reason) == (429, "TOO_MANY_NEW_DOCUMENTS")
    assert caught.value.retry_after == 3  # half a second of the processor, a fifth of each second
    assert share.is_spent

    clocks.now += 3
    await clocks.look(share, 0.1)


async def test_however_long_it_lasts_no_more_than_the_share_is_spent() -> None:
    clocks = Clocks()
    share = clocks.share()
    refused = 0
    while clocks.now < 200:
        clocks.now += 0.001
        try:
            await clocks.look(share, 0.05)
        except Overloaded:
            refused += 1
    assert clocks.cpu == pytest.approx(0.2 * clocks.now + 1.0, rel=0.01)
    assert refused > 1_000


async def test_no_more_than_the_burst_is_saved_up() -> None:
    clocks = Clocks()
    share = clocks.share()
    clocks.now += 1_000
    await clocks.look(share, 1.01)
    with pytest.raises(Overloaded):
        await clocks.look(share, 0.1)


async def test_one_is_looked_at_at_a_time_and_no_more_wait_than_may() -> None:
    clocks = Clocks()
    share = clocks.share(most_waiting=2)
    inside = most = 0

    async def look() -> None:
        nonlocal inside, most
        async with share.turn():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    outcomes = await asyncio.gather(*(look() for _ in range(5)), return_exceptions=True)
    assert most == 1
    assert [type(outcome) for outcome in outcomes].count(Overloaded) == 2
    await look()


async def test_what_fails_costs_as_well_and_gives_its_turn_away() -> None:
    clocks = Clocks()
    share = clocks.share()
    with pytest.raises(ValueError, match="bad"):
        await _fail(clocks, share)
    with pytest.raises(Overloaded):
        await clocks.look(share, 0.1)
    clocks.now += 100
    await clocks.look(share, 0.1)


async def _fail(clocks: Clocks, share: Share) -> None:
    async with share.turn():
        with share.spending():
            clocks.cpu += 2
            raise ValueError("bad")
