"""Cost of the whole chain: the benchmark's Q1 with and without it by turns, as tests/benchmarks/links.py measures."""

import asyncio
import statistics
import tempfile
from pathlib import Path

from tests.benchmarks.links import AIM, measure
from tests.benchmarks.replay import replies_in
from tests.benchmarks.upstream.bodies import write_bodies
from tests.faults.figure import Figure


async def chain_cost(*, requests: int, rounds: int) -> Figure:
    """Measure it in a thread of its own: it needs a loop of its own."""
    return await asyncio.to_thread(_measured, requests, rounds)


def _measured(requests: int, rounds: int) -> Figure:
    with tempfile.TemporaryDirectory() as folder:
        write_bodies(Path(folder))
        replies = replies_in(Path(folder))
    found = asyncio.run(measure(replies, requests, rounds))
    shares = [chain / without - 1 for chain, without in zip(found["with the chain"], found["without"], strict=True)]
    cost = statistics.median(shares)
    return Figure(
        "cost of the chain",
        f"the benchmark's Q1 on replayed answers, {rounds} paired rounds of {requests:,} requests, in process",
        "at most 10 % of CPU",
        f"{cost:+.1%} ({min(shares):+.1%} to {max(shares):+.1%})",
        cost <= AIM,
    )
