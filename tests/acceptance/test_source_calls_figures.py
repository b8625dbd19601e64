"""Issue 4, figures: the rows of tests/faults/sources in short, over one set of gateways; `make faults` has the long.

What a slow or busy machine cannot break is asserted here; the times are printed, and held against their aims there. The
restart of replicas is in test_source_calls_around.py, what is cached in test_source_calls_cache_figures.py.
"""

import asyncio
import sys
from contextlib import AsyncExitStack

import pytest
from tests.faults.figure import Figure
from tests.faults.sources.bodies import bodies
from tests.faults.sources.breaker import breaker
from tests.faults.sources.budget import PATIENT, budget
from tests.faults.sources.deadline import deadline
from tests.faults.sources.isolation import CONTROL, SETTINGS, isolation
from tests.faults.sources.overload import narrow_door, overload
from tests.faults.sources.rows import Kind, setting, warm
from tests.faults.sources.soak import soak

MOST = 2
KINDS = (
    Kind("[sources.stripe.breaker]\nopen = 0.3\n"),
    Kind(PATIENT, SETTINGS),
    Kind(sources=SETTINGS, program=CONTROL),
    Kind(narrow_door(MOST)),
)


async def measured() -> dict[str, Figure]:
    """Measure each row for a moment."""
    async with setting() as stage, AsyncExitStack() as stack:
        await stage.deployed()
        starting = [stack.enter_async_context(warm(stage, kind, requests=20)) for kind in KINDS]
        plain, patient, one_pool, narrow = await asyncio.gather(*starting)
        found = [
            await deadline(stage, plain, requests=40, rate=40),
            await breaker(stage, plain, rate=40, settled=3, back=2),
            await budget(stage, plain, patient, rate=100, seconds=1.2),
            await isolation(stage, patient, one_pool, rate=40, seconds=1, rounds=1),
            await overload(stage, narrow, most=MOST, seconds=0.5),
            await bodies(stage, plain, times=1, rate=60),
            await soak(stage, plain, minutes=0.04, rate=20, batch=1),
        ]
    return {one.promise: one for one in found}


@pytest.fixture(scope="module")
def figures() -> dict[str, Figure]:
    return asyncio.run(measured())


def held(figures: dict[str, Figure], promise: str) -> None:
    """Print what was measured, and assert what no machine can break."""
    figure = figures[promise]
    sys.stdout.write(f"{figure.measured} (aim: {figure.aim})\n")
    assert figure.holds_at_any_speed, figure


@pytest.mark.feature("4 figures", "Deadline: while a source hangs for ever, every answer comes with all other fields")
def test_every_answer_comes_while_a_source_hangs(figures: dict[str, Figure]) -> None:
    held(figures, "deadline")


@pytest.mark.feature(
    "4 figures", "Retry budget: a source that is down gets at most a tenth more calls than its callers make"
)
def test_a_source_that_is_down_is_spared(figures: dict[str, Figure]) -> None:
    held(figures, "retry budget")


@pytest.mark.feature(
    "4 figures", "Breaker: it opens while a source hangs, lets only probes through, and closes after recovery"
)
def test_a_source_that_hangs_is_left_alone_until_it_is_back(figures: dict[str, Figure]) -> None:
    held(figures, "breaker")


@pytest.mark.feature(
    "4 figures", "Isolation: a source that hangs fails no query of others, and with one shared pool it does"
)
def test_what_hangs_costs_others_nothing_and_would_with_one_pool(figures: dict[str, Figure]) -> None:
    held(figures, "isolation")


@pytest.mark.feature("4 figures", "Overload: at eight times the capacity every request is answered or properly refused")
def test_everybody_is_answered_or_refused_at_eight_times_the_capacity(figures: dict[str, Figure]) -> None:
    held(figures, "overload")


@pytest.mark.feature("4 figures", "Bodies: truncated, no JSON, wrong types, an error with 200, 10 GB, endless, a drip")
def test_what_a_source_sends_instead_costs_its_own_fields(figures: dict[str, Figure]) -> None:
    held(figures, "bodies")


@pytest.mark.feature(
    "4 figures", "Soak: mixed load and faults of chance leave no stuck request and no unhandled exception"
)
def test_nothing_is_stuck_or_unforeseen_under_faults_of_chance(figures: dict[str, Figure]) -> None:
    held(figures, "soak")
