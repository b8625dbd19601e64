"""Writers without a journal fail the driver: without that, what it says of ours would prove nothing."""

import asyncio

import pytest
from tests.faults.writes.cases import case_at
from tests.faults.writes.pair import Pair, Verdict
from tests.faults.writes.points import Point
from tests.faults.writes.stage import staging
from tests.faults.writes.start import Writer

LATE = (Point.SENT, Point.EXECUTED_ANSWER_LOST, Point.ANSWERED_NOT_JOURNALED, Point.ANSWER_HALF_SENT)
CONTROLS = ("naive", "look")
MOST = 60


@pytest.fixture(scope="module")
def verdicts() -> dict[str, list[Verdict]]:
    return asyncio.run(judged())


async def judged() -> dict[str, list[Verdict]]:
    """Run the controls until each has failed."""

    async def late(pair: Pair, seed: int) -> Verdict:
        return await pair.run(case_at(seed, LATE[seed % len(LATE)], pair.customer))

    async with staging(customers=1_000) as stage:
        runs = [stage.run(late, range(MOST), pairs=2, writer=Writer(name), enough=doubles) for name in CONTROLS]
        return dict(zip(CONTROLS, await asyncio.gather(*runs), strict=True))


@pytest.mark.parametrize("name", CONTROLS)
def test_a_writer_without_a_journal_fails_the_driver(name: str, verdicts: dict[str, list[Verdict]]) -> None:
    assert any(map(doubles, verdicts[name])), "the driver finds nothing wrong with a writer that must be wrong"


def doubles(verdict: Verdict) -> bool:
    return any(" effects in " in violation for violation in verdict.violations)
