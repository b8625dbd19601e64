"""Q1 through the engine in this process, on replayed bodies: what the engine costs, without sockets.

    python -m tests.benchmarks.replay [--query q1] [--requests 2000] [--rounds 7] [--profile]

Prints CPU microseconds a request: the whole, and its stages as far as they can be run apart. The bodies are those of
the benchmark's upstreams, made by upstream/bodies.py. With `--profile` the functions in which the time is spent, by
their own time.
"""

import argparse
import asyncio
import cProfile
import json
import pstats
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from tests.benchmarks.alone import HERE, SOURCES, Anybody, collect_less, plain_engine
from tests.benchmarks.upstream.bodies import write_bodies

from klantbeeld.engine.ports import Answer
from klantbeeld.gateway.ports import RequestContext
from klantbeeld.gateway.reading import request_of_body
from klantbeeld.identity.ids import CustomerIds
from klantbeeld.sdk.replies import Reply
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.opening import MakeTransport
from klantbeeld.sources.questions import Outcome, Question
from klantbeeld.sources.source import Source

UPSTREAMS = "http://127.0.0.1:910"
CUSTOMERS = 200
HEADERS = ((b"content-type", b"application/json"),)

Step = Callable[[int], Awaitable[object]]


class Replay:
    """A transport that answers from memory, at once."""

    def __init__(self, replies: Mapping[str, Reply]) -> None:
        self._replies = replies

    async def exchange(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes = b"",
        *,
        deadline: float,
    ) -> Reply:
        return self._replies[target]

    async def aclose(self) -> None:
        """Nothing is open."""


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--query", default="q1", choices=("q1", "q2", "q3"))
    options.add_argument("--requests", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("-n", type=int, default=50, help="customers of a q3")
    options.add_argument("--profile", action="store_true")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_bodies(Path(folder))
        replies = replies_in(Path(folder))
    uvloop.run(measure(asked, replies))


async def measure(asked: argparse.Namespace, replies: Mapping[str, Mapping[str, Reply]]) -> None:
    """Run the rounds."""
    new = CustomerIds().new
    customers = {new(): f"C{number:05d}" for number in range(1, 501)}
    engine, sources = plain_engine(customers, upstreams=UPSTREAMS, make_transport=transports(replies))
    text = " ".join((HERE / f"queries/{asked.query}.graphql").read_text().split())
    ids = list(customers)
    variables = [{"ids": ids[: asked.n]}] if "$ids" in text else [{"id": one} for one in ids[:CUSTOMERS]]
    bodies = [json.dumps({"query": text, "variables": one}).encode() for one in variables]
    caller = Anybody()

    async def whole(number: int) -> bytes:
        deadline = asyncio.get_running_loop().time() + 2
        context = RequestContext(caller=caller, deadline=deadline, language="en")
        answer = await engine.execute(request_of_body(bodies[number % len(bodies)]), context)
        assert isinstance(answer, Answer)
        return answer.body

    collect_less()
    first = json.loads(await whole(0))
    if first.get("errors"):
        raise SystemExit(json.dumps(first["errors"], indent=1))
    if asked.profile:
        await profile(whole, asked.requests)
        return
    asked_of = await questions_of(sources, whole)
    answer = msgspec.json.decode(await whole(0))
    encode = msgspec.json.Encoder().encode
    parts: dict[str, Step] = {"whole": whole, "reading the request": reading(bodies)}
    for name, questions in asked_of.items():
        parts[f"asking {name}: connector, decoding, records"] = asking(sources[name], questions)
    parts["encoding (of dicts)"] = lambda _: done(encode(answer))
    found = await run_parts(parts, asked.requests, asked.rounds)
    known = sum(min(values) for name, values in found.items() if name != "whole")
    show(found | {"the rest: plan, fetch, assembly": [min(found["whole"]) - known]})


async def run_parts(parts: Mapping[str, Step], requests: int, rounds: int) -> dict[str, list[float]]:
    """Run the parts in turn; returns microseconds of CPU by part."""
    found: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(rounds):
        for name, step in parts.items():
            began = time.process_time()
            for number in range(requests):
                await step(number)
            found[name].append((time.process_time() - began) / requests * 1e6)
    return found


def show(found: Mapping[str, Sequence[float]]) -> None:
    """Print least, median and most."""
    for name, values in found.items():
        say(f"{name:52} {min(values):8.1f} {statistics.median(values):8.1f} {max(values):8.1f} us")


async def profile(whole: Step, requests: int) -> None:
    """Print the functions in which the time is spent."""
    profiler = cProfile.Profile()
    profiler.enable()
    for number in range(requests):
        await whole(number)
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(45)


async def questions_of(sources: Mapping[str, Source], whole: Step) -> dict[str, list[Question]]:
    """Have one request answered, and note what it asked of each source."""
    asked: dict[str, list[Question]] = {}
    originals = {name: source.ask for name, source in sources.items()}
    for name, source in sources.items():

        async def ask(question: Question, context: CallContext, name: str = name) -> Outcome:
            asked.setdefault(name, []).append(question)
            return await originals[name](question, context)

        source.ask = ask  # type: ignore[method-assign]
    await whole(0)
    for source in sources.values():
        del source.ask
    return asked


def transports(replies: Mapping[str, Mapping[str, Reply]]) -> MakeTransport:
    """Return what makes a transport for each of the plain systems, told by the last digit of its address."""
    return lambda address, _settings: Replay(replies[SOURCES[int(address[-1]) - 1]])


def asking(source: Source, questions: Sequence[Question]) -> Step:
    """Return a step that asks a source the questions of one request."""

    async def ask(_number: int) -> None:
        for question in questions:
            await source.ask(question, CallContext(asyncio.get_running_loop().time() + 2))

    return ask


def reading(bodies: Sequence[bytes]) -> Step:
    """Return a step that reads a request."""
    return lambda number: done(request_of_body(bodies[number % len(bodies)]))


async def done(_value: Any) -> None:
    """Be awaited."""


def replies_in(folder: Path) -> dict[str, dict[str, Reply]]:
    """Return what each upstream answers, by the target that is asked."""
    crm = {f"/customers/{file.name}": file for file in (folder / "crm/customers").iterdir()}
    for file in (folder / "crm/lists").iterdir():
        ids = ",".join(f"C{number:05d}" for number in range(1, int(file.name) + 1))
        crm[f"/customers?limit={file.name}&ids={ids.replace(',', '%2C')}"] = file
    accounts = (folder / "billing/accounts").iterdir()
    files = {
        "crm": crm,
        "billing": {f"/accounts/{each.name}/invoices": each / "invoices" for each in accounts},
        "complaints": {f"/complaints?customer={file.name}": file for file in (folder / "complaints/by").iterdir()},
        "marketing": {f"/profiles/{file.name}": file for file in (folder / "marketing/profiles").iterdir()},
    }
    return {
        source: {target: Reply(200, HEADERS, file.read_bytes()) for target, file in found.items()}
        for source, found in files.items()
    }


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
