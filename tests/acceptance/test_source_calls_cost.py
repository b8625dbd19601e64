"""What the chain of links costs while nothing fails."""

import sys
from pathlib import Path
from types import FrameType

import pytest
from tests.benchmarks.links import AIM, asking
from tests.benchmarks.replay import Step, replies_in
from tests.benchmarks.upstream.bodies import write_bodies

CUSTOMERS = 5
REQUESTS = 20


async def functions_called(step: Step) -> float:
    """Count the functions that a request calls; a busy machine does not change it, as it does a clock."""
    for number in range(CUSTOMERS * 3):  # what is made once is made
        await step(number % CUSTOMERS)
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        for number in range(REQUESTS):
            await step(number % CUSTOMERS)
    finally:
        sys.setprofile(before)
    return count / REQUESTS


@pytest.mark.asyncio
@pytest.mark.feature("4 figures", "Cost of the whole chain on the benchmark's Q1, nothing failing: at most 10 %")
async def test_the_chain_costs_at_most_a_tenth(tmp_path: Path) -> None:
    """Count calls of functions here; `python -m tests.benchmarks.links` measures the same by the clock."""
    write_bodies(tmp_path, CUSTOMERS)
    replies = replies_in(tmp_path)
    with_chain = await functions_called(asking(replies, has_chain=True))
    without = await functions_called(asking(replies, has_chain=False))
    assert without < with_chain <= without * (1 + AIM)
