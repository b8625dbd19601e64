"""Many kills, stops and outages: a part of what `make faults` runs, from the same seeds."""

import asyncio

import pytest
from tests.faults.writes.groups import GROUPS
from tests.faults.writes.pair import Verdict
from tests.faults.writes.stage import staging

PARTS = {
    "kills-1": 130,
    "kills-2": 70,
    "random-1": 30,
    "random-2": 20,
    "stopped-1": 20,
    "journal-1": 12,
    "journal-2": 8,
    "reads-1": 3,
    "reads-2": 2,
}


@pytest.mark.faults
@pytest.mark.parametrize("name", PARTS)
def test_no_write_is_lost_or_done_twice(name: str) -> None:
    verdicts = asyncio.run(part_of(name, PARTS[name]))

    assert [verdict for verdict in verdicts if verdict.violations] == []
    assert [verdict for verdict in verdicts if not verdict.was_hit] == []


async def part_of(name: str, runs: int) -> list[Verdict]:
    """Run the first seeds of a group."""
    group = GROUPS[name]
    async with staging(customers=4 * runs, store=group.store) as stage:
        return await stage.run(group.trial, group.seeds[:runs], pairs=group.pairs)
