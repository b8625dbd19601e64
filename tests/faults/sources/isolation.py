"""Isolation: what one source does costs queries that touch only others nothing; with one shared pool it does."""

import asyncio
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.faults.figure import Figure
from tests.faults.sources.deadline import DEADLINE
from tests.faults.sources.load import OTHERS, WHOLE, Answered, Load, share
from tests.faults.sources.stage import Serving, Stage

CONTROL = (sys.executable, Path(__file__).with_name("one_pool.py"))
PLACES = 4  # of each source: few, so that a moderate load fills them
SETTINGS = f"max_connections = {PLACES}"
MOST = {0.5: 1.1, 0.99: 1.5}

SURELY = 3.0  # times the usual: more than what else the machine does explains

Fault = Literal["hang", "slow"]
FAULTS: tuple[Fault, ...] = ("hang", "slow")


async def isolation(
    stage: Stage, here: Serving, control: Serving, *, rate: float, seconds: float, rounds: int
) -> Figure:
    """Compare requests for others beside requests for a source that hangs or is slow, and beside one that does not.

    The breaker stays closed, since the requests have less time than its patience: it is the places that isolate.
    """
    ours = await _beside(stage, here.load, rate=rate, seconds=seconds, rounds=rounds)
    theirs = await _beside(stage, control.load, rate=rate, seconds=seconds, rounds=1)
    return Figure(
        "isolation",
        f"billing hangs or is slow, {rounds} paired rounds of {seconds:g} s, {rate:g} requests a second to it and "
        f"{rate:g} to others only",
        "100 % success, p50 at most 1.1 x, p99 at most 1.5 x; a control with one shared pool fails",
        f"{ours}; the control {theirs}",
        ours.is_isolated and not theirs.is_isolated,
        ours.failed == 0 and (theirs.failed > 0 or theirs.times[0.5] > SURELY),
    )


@dataclass(frozen=True, slots=True)
class Beside:
    """What requests for others were beside a fault: how many failed, and their quantiles, times those without it."""

    asked: int
    failed: int
    times: Mapping[float, float]

    @property
    def is_isolated(self) -> bool:
        """Whether the fault was next to nothing to them."""
        return self.failed == 0 and all(self.times[part] <= most for part, most in MOST.items())

    def __str__(self) -> str:
        return f"{self.failed} of {self.asked:,} failed, p50 {self.times[0.5]:.2f} x, p99 {self.times[0.99]:.2f} x"


async def _beside(stage: Stage, load: Load, *, rate: float, seconds: float, rounds: int) -> Beside:
    ratios: dict[float, list[float]] = {part: [] for part in MOST}
    failed = asked = 0
    for number in range(rounds):
        usual = await _others(load, rate=rate, seconds=seconds)
        await _misbehave(stage, FAULTS[number % len(FAULTS)])
        beside = await _others(load, rate=rate, seconds=seconds)
        await stage.calm()
        failed += sum(not one.is_whole for one in (*usual, *beside))
        asked += len(usual) + len(beside)
        for part, found in ratios.items():
            found.append(_quantile(beside, part) / _quantile(usual, part))
    return Beside(asked, failed, {part: statistics.median(found) for part, found in ratios.items()})


async def _others(load: Load, *, rate: float, seconds: float) -> list[Answered]:
    requests = int(rate * seconds)
    _, others = await asyncio.gather(
        load.run(WHOLE, rate=rate, requests=requests, deadline=DEADLINE),
        load.run(OTHERS, rate=rate, requests=requests),
    )
    return others


async def _misbehave(stage: Stage, fault: Fault) -> None:
    if fault == "hang":
        stage.proxy.act_out("hang")
    else:
        await asyncio.to_thread(stage.sandbox.set_fault, "stripe", {"mode": "latency", "ms": 500})


def _quantile(answers: Sequence[Answered], part: float) -> float:
    return share([one.seconds for one in answers], part)
