"""What known documents notice of somebody who sends ten thousand distinct ones.

    python -m tests.benchmarks.unknown                       200 a second, and then 1,000 a second
    python -m tests.benchmarks.unknown --documents 2000      quicker, and rougher

The endpoint and the engine run in this process, over upstreams that answer from memory after 5 ms, on a loop whose time
is the processor's (simulated.py). Somebody asks known documents at a steady pace, first alone, then while somebody else
sends documents that nobody sent before, each as long as a unified view. Latency counts from when a request was due, so
that waiting is not left out. Prints a table for docs/performance.md.
"""

import argparse
import asyncio
import gc
import itertools
import json
import random
import statistics
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.benchmarks import simulated
from tests.benchmarks.alone import HERE, Anybody, plain_engine
from tests.benchmarks.replay import UPSTREAMS, Replay, replies_in, say
from tests.benchmarks.upstream.bodies import write_bodies

from klantbeeld.gateway.endpoint import GraphQLEndpoint
from klantbeeld.gateway.limits import parser
from klantbeeld.identity.ids import CustomerIds
from klantbeeld.sdk.replies import Reply
from klantbeeld.settings import GatewaySettings
from klantbeeld.sources import opening

CUSTOMERS = 200
UPSTREAM_SECONDS = 0.005
WARM_UP_SECONDS = 2.0
MOST_RATIO, MOST_MORE_MS = 1.3, 15.0
KNOWN = ("q1", "q2")
NEW = (
    "party { customerNumber givenName familyName fullName status customerSince language }",
    "contactMedia { kind value address { street city postcode country } }",
    "attributes { name value category }",
    "invoices(first: 20) { nodes { id number state total { amount currency } issuedOn dueOn due { amount } } }",
    "complaints(first: 5) { nodes { id subject state priority filedAt solvedAt } }",
    "consents { channel status changedAt evidence }",
    "campaigns { id name sentAt opened }",
)

Ask = Callable[[bytes], Awaitable[int]]


@dataclass(slots=True)
class Heard:
    """What came back: seconds of each answer, and how often each status."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def milliseconds(self, percent: int) -> float:
        """Return a percentile."""
        return 1000 * statistics.quantiles(self.seconds, n=100, method="inclusive")[percent - 1]


class Slow(Replay):
    """Answers from memory, after a while."""

    async def exchange(self, *given: Any, **more: Any) -> Reply:
        await asyncio.sleep(UPSTREAM_SECONDS)
        return await super().exchange(*given, **more)


def main() -> None:
    """Measure, and print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--documents", type=int, default=10_000)
    options.add_argument("--known-per-second", type=float, default=100)
    options.add_argument("--new-per-second", type=float, default=200)
    asked = options.parse_args()
    simulated.run(measure(replies(), asked))


def replies() -> dict[str, dict[str, Reply]]:
    """Return what each upstream answers."""
    with tempfile.TemporaryDirectory() as folder:
        write_bodies(Path(folder), CUSTOMERS)
        return replies_in(Path(folder))


def over_memory(found: Mapping[str, Mapping[str, Reply]]) -> tuple[Ask, list[str]]:
    """Make an endpoint over upstreams in memory; returns how to ask it, and the ids of its customers."""
    new = CustomerIds().new
    customers = {new(): f"C{number:05d}" for number in range(1, CUSTOMERS + 1)}
    sources = list(found)
    with patch.object(opening, "loop_clock", loop_time):  # sources tell time by the system's clock, which a loop has
        engine, _ = plain_engine(
            customers,
            upstreams=UPSTREAMS,
            make_transport=lambda address, _settings: Slow(found[sources[int(address[-1]) - 1]]),
        )
    return asking(engine), list(customers)


async def measure(found: Mapping[str, Mapping[str, Reply]], asked: argparse.Namespace) -> None:
    """Ask known documents alone, and beside unknown ones."""
    ask, customers = over_memory(found)
    known, unknown = known_bodies(customers), new_bodies(customers)
    pace = asked.known_per_second
    await steadily(ask, known, per_second=pace, seconds=WARM_UP_SECONDS)
    gc.collect()
    gc.freeze()  # as `klantbeeld serve` does
    seconds = asked.documents / asked.new_per_second
    say("| | known asked | p50 ms | p99 ms | p50, of alone | more p99 | unknown sent | with 429 |")
    say("| --- | --- | --- | --- | --- | --- | --- | --- |")
    alone = await steadily(ask, known, per_second=pace, seconds=seconds)
    tell("alone", alone, alone, Heard())
    for new_pace in (asked.new_per_second, 5 * asked.new_per_second):
        name, bodies = f"beside {new_pace:.0f} new ones a second", itertools.islice(unknown, asked.documents)
        attack = asyncio.create_task(flood(ask, bodies, new_pace))
        beside = await steadily(ask, known, per_second=pace, until=attack)
        tell(name, beside, alone, await attack)
    say(f"\nAims: a p50 of at most {MOST_RATIO} times that alone, a p99 of at most {MOST_MORE_MS:.0f} ms more.")


def loop_time() -> float:
    """Return the running loop's time, in seconds."""
    return asyncio.get_running_loop().time()


def asking(engine: Any) -> Ask:
    """Return a function that sends a request to the endpoint and gives its status."""
    caller = Anybody()

    async def authenticate(_authorization: str | None, _headers: Mapping[bytes, bytes]) -> Anybody:
        return caller

    endpoint = GraphQLEndpoint(engine, authenticate, settings=GatewaySettings(graphiql=False))

    async def ask(body: bytes) -> int:
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/graphql",
            "query_string": b"",
            "headers": [
                (b"content-type", b"application/json"),
                (b"accept", b"application/json"),
                (b"content-length", b"%d" % len(body)),
            ],
        }
        statuses = []
        messages = iter(({"type": "http.request", "body": body, "more_body": False},))
        never = asyncio.get_running_loop().create_future()

        async def receive() -> Any:
            return next(messages, None) or await never

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
            elif statuses == [200] and b'"errors":' in message["body"]:
                raise SystemExit(f"an answer has errors: {message['body'][:400]!r}")

        await endpoint(scope, receive, send)
        never.cancel()
        return int(statuses[0])

    return ask


async def steadily(
    ask: Ask,
    bodies: Iterator[bytes],
    *,
    per_second: float,
    seconds: float | None = None,
    until: "asyncio.Task[Heard] | None" = None,
) -> Heard:
    """Ask at a steady pace, each request when it is due."""
    heard = Heard()
    loop = asyncio.get_running_loop()
    began, going = loop.time(), set()
    for number in itertools.count():
        due = began + number / per_second
        if (until and until.done()) or (seconds is not None and number / per_second > seconds):
            break
        await asyncio.sleep(max(0.0, due - loop.time()))
        task = asyncio.create_task(one(ask, next(bodies), due, heard))
        going.add(task)
        task.add_done_callback(going.discard)
    await asyncio.gather(*going)
    return heard


async def one(ask: Ask, body: bytes, due: float, heard: Heard) -> None:
    """Send one request, and note how long it took since it was due."""
    heard.statuses[await ask(body)] += 1
    heard.seconds.append(asyncio.get_running_loop().time() - due)


async def flood(ask: Ask, bodies: Iterator[bytes], per_second: float) -> Heard:
    """Send all of them at a steady pace."""
    every = list(bodies)
    return await steadily(ask, iter(every), per_second=per_second, seconds=(len(every) - 1) / per_second)


def known_bodies(ids: Sequence[str]) -> Iterator[bytes]:
    """Give requests with documents that the gateway knows, for ever: the same in turn, about other customers."""
    texts = [(HERE / f"queries/{name}.graphql").read_text(encoding="utf-8") for name in KNOWN]
    each = itertools.cycle(ids)
    return (json.dumps({"query": text, "variables": {"id": next(each)}}).encode() for text in itertools.cycle(texts))


def new_bodies(ids: Sequence[str]) -> Iterator[bytes]:
    """Give requests with documents that differ in their selections and names, so that no two share anything."""
    chance = random.Random(1)
    allowed = parser(GatewaySettings())
    for number, customer in zip(itertools.count(), itertools.cycle(ids), strict=False):
        chosen = chance.sample(NEW, chance.randint(5, len(NEW)))
        aliased = " ".join(f"a{number}_{place}: {field}" for place, field in enumerate(chosen))
        text = f"query New{number}($id: ID!) {{ customer(id: $id) {{ {aliased} }} }}"
        if not number:
            allowed(text)
        yield json.dumps({"query": text, "variables": {"id": customer}}).encode()


def tell(name: str, heard: Heard, alone: Heard, sent: Heard) -> None:
    """Print one line of the table."""
    p50, p99 = heard.milliseconds(50), heard.milliseconds(99)
    failed = heard.statuses.total() - heard.statuses[200]
    asked = f"{len(heard.seconds)}" + (f" ({failed} not 200)" if failed else "")
    ratio, more = p50 / alone.milliseconds(50), p99 - alone.milliseconds(99)
    total, refused = sent.statuses.total(), sent.statuses[429]
    say(f"| {name} | {asked} | {p50:.1f} | {p99:.1f} | {ratio:.2f} | {more:+.1f} | {total} | {refused} |")


if __name__ == "__main__":
    main()
