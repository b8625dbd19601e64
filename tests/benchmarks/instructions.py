"""Counts what the processor does for a request, which a busy machine does not change.

    python -m tests.benchmarks.instructions [--query q1]                 # instructions of the engine; a minute
    python -m tests.benchmarks.instructions --folder var/bench           # of each layer, and what its cache misses

Needs valgrind. A count is the difference between a run of few and a run of more requests, in process, on replayed
bodies, as in replay.py and layers.py; instructions vary by less than one in a hundred. The cache is one of 1 MiB, with
16 ways and lines of 64 bytes, as a core of many servers has it before the cache that all share. The folder is that of
`make bench`; with it, it takes some twelve minutes.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.alone import HERE, Anybody, plain_engine
from tests.benchmarks.layers import open_layers
from tests.benchmarks.replay import UPSTREAMS, replies_in, say, transports
from tests.benchmarks.upstream.bodies import write_bodies

from klantbeeld.gateway.ports import RequestContext
from klantbeeld.gateway.reading import request_of_body

FEW, MORE = 10, 510  # what a start misses in its cache varies by a hundred thousand lines
CUSTOMERS = 5
LAYERS = ("engine", "in Starlette", "all on")
CACHE = ("--cache-sim=yes", "--I1=32768,8,64", "--D1=32768,8,64", "--LL=1048576,16,64")
COUNTED = re.compile(r"==\d+== (I\s+refs|LL misses):\s+([\d,]+)")


def main() -> None:
    """Count, or be what is counted."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--query", default="q1", choices=("q1", "q2", "q3"))
    options.add_argument("--folder", type=Path, help="count each layer, with the settings and the map of `make bench`")
    options.add_argument("--run", type=int, help=argparse.SUPPRESS)
    options.add_argument("--layer", help=argparse.SUPPRESS)
    options.add_argument("--bodies", type=Path, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.layer:
        asyncio.run(answer_in(asked.layer, asked.folder, asked.query, asked.run))
        return
    if asked.run:
        asyncio.run(answer(asked.query, asked.run, asked.bodies))
        return
    if shutil.which("valgrind") is None:
        sys.exit("This needs valgrind: apt-get install valgrind")
    if asked.folder is None:
        with tempfile.TemporaryDirectory() as folder:
            write_bodies(Path(folder), CUSTOMERS)
            (instructions,) = count(["--query", asked.query, "--bodies", folder], ["--cache-sim=no"])
        say(f"{asked.query}: {instructions / 1e3:,.0f} thousand instructions a request")
        return
    for layer in LAYERS:
        given = ["--query", asked.query, "--folder", str(asked.folder.resolve()), "--layer", layer]
        instructions, missed = count(given, CACHE)
        say(f"{layer:14} {instructions / 1e3:8,.0f} thousand instructions {missed:8,.0f} lines missed")


async def answer(query: str, requests: int, bodies: Path) -> None:
    """Have the engine answer so many requests."""
    ids = {f"01900000-0000-7000-8000-00000000000{number}": f"C0000{number}" for number in range(1, CUSTOMERS + 1)}
    engine, _ = plain_engine(ids, upstreams=UPSTREAMS, make_transport=transports(replies_in(bodies)))
    text = " ".join((HERE / f"queries/{query}.graphql").read_text().split())
    variables = [{"ids": list(ids)}] if "$ids" in text else [{"id": one} for one in ids]
    sent = [json.dumps({"query": text, "variables": one}).encode() for one in variables]
    caller = Anybody()
    for number in range(requests):
        deadline = asyncio.get_running_loop().time() + 3600
        context = RequestContext(caller=caller, deadline=deadline, language="en")
        await engine.execute(request_of_body(sent[number % len(sent)]), context)


async def answer_in(layer: str, folder: Path, query: str, requests: int) -> None:
    """Have a layer answer so many requests."""
    async with open_layers(folder, query=query) as layers:
        for number in range(requests):
            await layers.parts[layer](number)


def count(given: Sequence[str], options: Sequence[str]) -> list[float]:
    """Return what a request costs of each thing that the tool counts."""
    few, more = (_counted(given, options, requests) for requests in (FEW, MORE))
    return [(after - before) / (MORE - FEW) for before, after in zip(few, more, strict=True)]


def _counted(given: Sequence[str], options: Sequence[str], requests: int) -> list[int]:
    tool = ["valgrind", "--tool=cachegrind", "--cachegrind-out-file=/dev/null", *options]
    done = subprocess.run(
        [*tool, sys.executable, "-m", "tests.benchmarks.instructions", *given, "--run", str(requests)],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    found = [int(number.replace(",", "")) for _, number in COUNTED.findall(done.stderr)]
    if done.returncode or not found:
        raise SystemExit(done.stderr)
    return found


if __name__ == "__main__":
    main()
