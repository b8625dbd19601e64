"""Trials: what is done with a seed. Each is one run on one pair of replicas, and its verdict."""

from tests.faults.writes.cases import case_at, points
from tests.faults.writes.pair import Pair, Verdict
from tests.faults.writes.points import Point

BEFORE_THE_ANSWER = tuple(point for point in Point if Point.BEFORE_THE_JOURNAL <= point <= Point.ANSWERED_NOT_JOURNALED)


async def killed(pair: Pair, seed: int) -> Verdict:
    """Kill at an exact point; each point has its turn."""
    return await pair.run(case_at(seed, points()[seed % len(points())], pair.customer))


async def killed_at_random(pair: Pair, seed: int) -> Verdict:
    """Kill at a moment that nobody chose."""
    return await pair.run(case_at(seed, None, pair.customer))


async def stopped(pair: Pair, seed: int) -> Verdict:
    """Stop at an exact point, for longer than a lease; whoever has taken over meanwhile is then not alone any more."""
    point = BEFORE_THE_ANSWER[seed % len(BEFORE_THE_ANSWER)]
    return await pair.run(case_at(seed, point, pair.customer, stopped=True))
