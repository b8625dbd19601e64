"""What the chain of links around each call costs of a Q1 in which nothing fails, with and without it by turns.

    python -m tests.benchmarks.links [--requests 1000] [--rounds 15]

In process and on replayed bodies, as in replay.py, so that what is compared is as small as it can be: beside sockets,
a token and a trail the share would be less. The aim is a tenth at most.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, cast

import uvloop
from tests.benchmarks.alone import HERE, Anybody, plain_engine
from tests.benchmarks.replay import CUSTOMERS, UPSTREAMS, Step, replies_in, run_parts, say, show, transports
from tests.benchmarks.upstream.bodies import write_bodies

from klantbeeld.errors import SourceError
from klantbeeld.gateway.ports import RequestContext
from klantbeeld.gateway.reading import request_of_body
from klantbeeld.identity.ids import CustomerIds
from klantbeeld.sdk.calls import Call
from klantbeeld.sdk.replies import Reply
from klantbeeld.sources.chain import Attempt, Chain
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.source import Source

AIM = 0.1


class NoChain:
    """Makes each exchange, and nothing else; what the chain is compared with."""

    def __init__(self, attempt: Attempt, timeout: float) -> None:
        self._attempt = attempt
        self._timeout = timeout

    def send(self, call: Call[Any], context: CallContext) -> Coroutine[Any, Any, Reply]:
        now = asyncio.get_running_loop().time()
        return cast(
            "Coroutine[Any, Any, Reply]", self._attempt(call, min(context.deadline, now + self._timeout), context)
        )

    def delivered(self, call: Call[Any]) -> None: ...

    def spoiled(self, call: Call[Any], problem: SourceError) -> None: ...


def bare(source: Source) -> None:
    """Take the chain and the sharing of calls away from a source."""
    source.chain = cast("Chain", NoChain(source.exchange.make, source.settings.timeout))
    source._ask = source._answer


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--requests", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=15)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_bodies(Path(folder))
        replies = replies_in(Path(folder))
    found = uvloop.run(measure(replies, asked.requests, asked.rounds))
    show(found)
    shares = [chain / without - 1 for chain, without in zip(found["with the chain"], found["without"], strict=True)]
    say(f"the chain costs {statistics.median(shares):.1%} more ({min(shares):.1%} to {max(shares):.1%}), of {AIM:.0%}")


async def measure(replies: Mapping[str, Mapping[str, Reply]], requests: int, rounds: int) -> dict[str, list[float]]:
    """Run both by turns; returns microseconds of CPU a request."""
    steps = {"with the chain": asking(replies, has_chain=True), "without": asking(replies, has_chain=False)}
    for step in steps.values():
        for number in range(CUSTOMERS):
            await step(number)
    return await run_parts(steps, requests, rounds)


def asking(replies: Mapping[str, Mapping[str, Reply]], *, has_chain: bool) -> Step:
    """Return a step that has an engine of its own answer Q1."""
    new = CustomerIds().new
    customers = {new(): f"C{number:05d}" for number in range(1, CUSTOMERS + 1)}
    engine, sources = plain_engine(customers, upstreams=UPSTREAMS, make_transport=transports(replies))
    if not has_chain:
        for source in sources.values():
            bare(source)
    text = " ".join((HERE / "queries/q1.graphql").read_text().split())
    bodies = [json.dumps({"query": text, "variables": {"id": one}}).encode() for one in customers]
    caller = Anybody()

    async def ask(number: int) -> None:
        context = RequestContext(caller=caller, deadline=asyncio.get_running_loop().time() + 2, language="en")
        await engine.execute(request_of_body(bodies[number % len(bodies)]), context)

    return ask


if __name__ == "__main__":
    main()
