"""Trials: what is done with a seed. Each is one run on one pair of replicas, and its verdict."""

import asyncio
import random
from dataclasses import replace

from tests.faults.writes.cases import Aim, case_at, case_of, points
from tests.faults.writes.operations import KINDS
from tests.faults.writes.outages import OUTAGES
from tests.faults.writes.owners.server import SYSTEMS
from tests.faults.writes.pair import Pair, Verdict
from tests.faults.writes.points import Point
from tests.faults.writes.stage import Trial

READS = 100
ATTEMPTS, ANOTHER = 3, 1_000_000  # how often a case is drawn, and how far apart the seeds are
BEFORE_THE_ANSWER = tuple(point for point in Point if Point.BEFORE_THE_JOURNAL <= point <= Point.ANSWERED_NOT_JOURNALED)


async def killed(pair: Pair, seed: int) -> Verdict:
    """Kill at an exact point; each point has its turn. A case that never comes to its point is drawn anew."""
    for attempt in range(ATTEMPTS):
        drawn = seed + attempt * ANOTHER
        verdict = await pair.run(case_at(drawn, points()[seed % len(points())], pair.customer))
        if verdict.was_hit or verdict.violations:
            break
    return replace(verdict, seed=seed)


async def killed_at_random(pair: Pair, seed: int) -> Verdict:
    """Kill at a moment that nobody chose."""
    return await pair.run(case_at(seed, None, pair.customer))


async def stopped(pair: Pair, seed: int) -> Verdict:
    """Stop at an exact point, for longer than a lease; whoever has taken over meanwhile is then not alone any more."""
    point = BEFORE_THE_ANSWER[seed % len(BEFORE_THE_ANSWER)]
    return await pair.run(case_at(seed, point, pair.customer, stopped=True))


async def without_journal(pair: Pair, seed: int) -> Verdict:
    """Take the journal away, and ask: nothing may be sent. Then give it back, and ask on: it is done once."""
    chance = random.Random(seed)
    kinds = OUTAGES[pair.kind]
    name = sorted(kinds)[seed % len(kinds)]
    client = pair.client(seed, chance.choice(tuple(KINDS.values())))
    async with kinds[name](pair):
        for replica in pair.replicas:
            await client.ask(replica)
        await pair.wait_for_owners()
        sent = sum(pair.effects.received[f"{system} {client.operation.mark}"] for system in SYSTEMS)
    violations = [f"{client.operation.mark}: {sent} writes were sent without a journal"] if sent else []
    violations += [
        f"{client.operation.mark}: told {told.status} without a journal" for told in client.told if told.status
    ]
    verdict = await pair.see_through([client])
    return replace(verdict, seed=seed, point=f"journal {name}", violations=[*violations, *verdict.violations])


def aimed(aim: Aim) -> Trial:
    """Make the trial of a case that nobody drew."""

    async def trial(pair: Pair, seed: int) -> Verdict:
        return await pair.run(case_of(aim, seed, pair.customer))

    return trial


async def read_back(pair: Pair, seed: int) -> Verdict:
    """Write through one replica and read through the other, with the token, a hundred times; both have it cached."""
    stale: list[str] = []
    began = asyncio.get_running_loop().time()
    reader = pair.client(seed, KINDS["key"])
    for place in range(READS):
        writing, reading = pair.replicas if place % 2 else reversed(pair.replicas)
        client = pair.again(reader, f"op{seed}r{place}x")
        await client.read(reading)
        told = await client.ask(writing)
        found = await client.read(reading) if told and told.status == "APPLIED" else None
        if found is not True:
            stale.append(f"{client.operation.mark}: {'stale' if found is False else f'not read ({told})'}")
    return Verdict(
        seed=seed,
        point="read back",
        store=pair.kind,
        was_hit=True,
        settled_in=round((asyncio.get_running_loop().time() - began) / READS, 3),
        ended={"APPLIED": READS},
        violations=stale,
    )
