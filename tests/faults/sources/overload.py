"""Overload: several times what the gateway can take, in open loop, and it goes on answering what it can.

The capacity is set by waiting: every system takes 50 ms, and the door lets in as many as make the capacity of them.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.figure import Figure
from tests.faults.sources.load import OTHERS, Answered, on_time, share
from tests.faults.sources.stage import Serving, Stage

WAITING = 0.05  # seconds that a system takes
LEVELS = (1, 2, 4, 8)
PEAK_KEPT, REFUSED_WITHIN, RECOVERED_WITHIN, GROWTH = 0.9, 0.02, 5.0, 1.1


def narrow_door(most: int) -> str:
    """Let in so many at once."""
    return f"[gateway.door]\nmost = {most}\nadaptive = false\n"


@dataclass(frozen=True, slots=True)
class Level:
    """What came of one level of load: answers a second, and who was refused."""

    times: int
    goodput: float
    refused: Sequence[Answered]
    lost: int  # neither a whole answer nor a proper refusal
    late: float  # seconds after its time that one request of a hundred was sent: what the driver lacks


async def overload(stage: Stage, here: Serving, *, most: int, seconds: float) -> Figure:
    """Load it with 1, 2, 4 and 8 times what it can take, and then with half."""
    capacity = most / WAITING
    await asyncio.to_thread(stage.sandbox.set_fault, "dataverse", {"mode": "latency", "ms": int(WAITING * 1000)})
    levels = [await _level(here, 1, capacity, seconds)]
    here.forget_peak()
    usual = here.memory()
    levels += [await _level(here, times, capacity, seconds) for times in LEVELS[1:]]
    grown = here.memory("VmHWM") / usual
    recovered = await _recovery(here, capacity)
    await stage.calm()
    best = max(level.goodput for level in levels)
    kept = next(level.goodput for level in levels if level.times == 4) / best
    refusals = [one.seconds for level in levels for one in level.refused]
    p99 = share(refusals, 0.99)
    lost = sum(level.lost for level in levels)
    is_sound = lost == 0 and bool(refusals) and recovered < float("inf")
    curve = ", ".join(f"{level.goodput:.0f}" for level in levels)
    return Figure(
        "overload",
        f"systems of {WAITING * 1000:.0f} ms and a door of {most}, so about {capacity:.0f} requests a second; "
        f"{', '.join(map(str, LEVELS))} x that in open loop, {seconds:g} s each",
        "goodput at 4 x at least 90 % of peak, refusals p99 20 ms, recovery within 5 s, memory + 10 % at most",
        f"goodput {curve} a second, at 4 x {kept:.0%} of peak; refusals p99 {p99 * 1000:.1f} ms, with a driver that is "
        f"p99 {max(level.late for level in levels) * 1000:.1f} ms late; recovered in {recovered:.1f} s; memory "
        f"{grown - 1:+.1%}; {lost} neither answered nor refused",
        is_sound and kept >= PEAK_KEPT and p99 <= REFUSED_WITHIN and recovered <= RECOVERED_WITHIN and grown <= GROWTH,
        is_sound,
    )


async def processor(here: Serving, *, rate: float, seconds: float) -> Figure:
    """Report the curve where it is the processor that is short, with the door of the default settings."""
    levels = [await _level(here, times, rate, seconds) for times in LEVELS]
    curve = ", ".join(f"{level.goodput:.0f}" for level in levels)
    refusals = [one.seconds for level in levels for one in level.refused]
    lost = sum(level.lost for level in levels)
    told = f"refusals p99 {share(refusals, 0.99) * 1000:.0f} ms" if refusals else "no refusals"
    return Figure(
        "overload of the processor",
        f"systems that answer at once, {', '.join(f'{times * rate:g}' for times in LEVELS)} requests a second, "
        f"{seconds:g} s each",
        "the curve is reported",
        f"goodput {curve} a second; {told}; {lost} neither answered nor refused",
        lost == 0,
        lost == 0,
    )


async def _level(here: Serving, times: int, capacity: float, seconds: float) -> Level:
    with on_time():
        answers = await here.load.run(OTHERS, rate=times * capacity, requests=int(times * capacity * seconds))
    took = max(max(one.sent + one.seconds for one in answers) - answers[0].sent, seconds)
    good = [one for one in answers if one.is_whole]
    refused = [one for one in answers if one.status == 503]
    late = share([one.late for one in answers], 0.99)
    return Level(times, len(good) / took, refused, len(answers) - len(good) - len(refused), late)


async def _recovery(here: Serving, capacity: float) -> float:
    """Ask for half of what it can take until nothing is refused for a second; returns when that began."""
    began = time.perf_counter()
    while time.perf_counter() - began < 4 * RECOVERED_WITHIN:
        answers = await here.load.run(OTHERS, rate=capacity / 2, requests=max(int(capacity / 2), 1))
        if all(one.is_whole for one in answers):
            return answers[0].sent - began
    return float("inf")
