"""A kill at each point of a write, once each, beside the writers that must fail: what the owners' logs say of them."""

import asyncio

import pytest
from tests.faults.writes.cases import Aim, points
from tests.faults.writes.owners.faults import Fault
from tests.faults.writes.pair import Pair, Verdict
from tests.faults.writes.points import Point
from tests.faults.writes.stage import staging
from tests.faults.writes.start import Writer
from tests.faults.writes.trials import aimed

LATE = (Point.SENT, Point.ANSWER_HALF_SENT)
CONTROLS = ("naive", "look")
MOST = 12
QUICK = ("version", "key", "reference", "seen")  # kinds of which is known soon what came of them


@pytest.fixture(scope="module")
def verdicts() -> dict[str, list[Verdict]]:
    return asyncio.run(judged())


async def judged() -> dict[str, list[Verdict]]:
    """Run ours through every point, and the controls until each has failed, all at once."""
    async with staging(customers=1_000) as stage:
        ours = stage.run(once, range(len(points())), pairs=4)
        controls = [stage.run(late, range(MOST), pairs=1, writer=Writer(name), enough=doubles) for name in CONTROLS]
        return dict(zip(("ours", *CONTROLS), await asyncio.gather(ours, *controls), strict=True))


async def once(pair: Pair, seed: int) -> Verdict:
    """Kill at a point, while one operation is under way and nothing else is wrong."""
    point = points()[seed]
    kind = QUICK[seed % len(QUICK)]
    aims = {
        Point.IN_RECOVERY: Aim(kind, Point.SENT, second=point),
        Point.BETWEEN_STEPS: Aim("move", point),
        Point.IN_COMPENSATION: Aim("move", point, (Fault.REFUSED,)),
    }
    return await aimed(aims.get(point) or Aim(kind, point))(pair, seed)


async def late(pair: Pair, seed: int) -> Verdict:
    """Kill at a point behind which the owner may have done it, or will."""
    fault = (Fault.LATE, Fault.LOST)[seed % 2]
    return await aimed(Aim("seen", LATE[seed % len(LATE)], (fault,)))(pair, seed)


@pytest.mark.parametrize("point", points(), ids=lambda point: point.words)
def test_a_write_that_is_killed_here_is_done_once_or_said_not_to_be(
    point: Point, verdicts: dict[str, list[Verdict]]
) -> None:
    (verdict,) = (one for one in verdicts["ours"] if one.point == point.words)

    assert verdict.was_hit, "the gateway never came to this point"
    assert verdict.violations == []


@pytest.mark.parametrize("name", CONTROLS)
def test_a_writer_without_a_journal_fails_the_driver(name: str, verdicts: dict[str, list[Verdict]]) -> None:
    assert any(map(doubles, verdicts[name])), "the driver finds nothing wrong with a writer that must be wrong"


def doubles(verdict: Verdict) -> bool:
    """Say whether something was done twice."""
    return any(" effects in " in violation for violation in verdict.violations)
