"""Counts the processor's instructions for a request, which a busy machine does not change.

    python -m tests.benchmarks.instructions [--query q1]

Needs valgrind, and takes half a minute. The count is the difference between a run of few and a run of more requests, in
process, on replayed bodies, as in replay.py; it varies by less than one in a hundred.
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
from pathlib import Path

from tests.benchmarks.alone import HERE, Anybody, plain_engine
from tests.benchmarks.replay import UPSTREAMS, replies_in, say, transports
from tests.benchmarks.upstream.bodies import write_bodies

from klantbeeld.gateway.ports import RequestContext
from klantbeeld.gateway.reading import request_of_body

FEW, MORE = 10, 60
CUSTOMERS = 5
COUNTED = re.compile(r"I\s+refs:\s+([\d,]+)")


def main() -> None:
    """Count, or be what is counted."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--query", default="q1", choices=("q1", "q2", "q3"))
    options.add_argument("--run", type=int, help=argparse.SUPPRESS)
    options.add_argument("--bodies", type=Path, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.run:
        asyncio.run(answer(asked.query, asked.run, asked.bodies))
        return
    if shutil.which("valgrind") is None:
        sys.exit("This needs valgrind: apt-get install valgrind")
    with tempfile.TemporaryDirectory() as folder:
        write_bodies(Path(folder), CUSTOMERS)
        few, more = (count(asked.query, number, folder) for number in (FEW, MORE))
    say(f"{asked.query}: {(more - few) / (MORE - FEW) / 1e3:,.0f} thousand instructions a request")


async def answer(query: str, requests: int, bodies: Path) -> None:
    """Have so many requests answered."""
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


def count(query: str, requests: int, bodies: str) -> int:
    """Return the instructions of a whole run."""
    tool = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    module = [sys.executable, "-m", "tests.benchmarks.instructions", "--query", query]
    done = subprocess.run(
        [*tool, *module, "--run", str(requests), "--bodies", bodies],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    found = COUNTED.search(done.stderr)
    if done.returncode or found is None:
        raise SystemExit(done.stderr)
    return int(found[1].replace(",", ""))


if __name__ == "__main__":
    main()
