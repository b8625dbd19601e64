"""The long form: prints the rows of docs/reliability.md about shared calls and kept values.

python -m tests.faults.cached.run [--requests 10000] [--reads 1000] [--rounds 20]
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.faults.cached.figures import deduplication, isolation, staleness, world
from tests.faults.figure import Figure, table

from klantbeeld.sandbox.launcher import Sandbox


async def measure(*, requests: int, reads: int, rounds: int) -> list[Figure]:
    """Measure all figures."""
    with tempfile.TemporaryDirectory() as folder, Sandbox(size=24) as sandbox:
        place = Path(folder)
        async with world(sandbox, place / "shared") as here:
            found = await deduplication(here, reads=reads)
        found.append(await isolation(sandbox, place, requests=requests))
        async with world(sandbox, place / "stale") as here:
            found.append(await staleness(here, rounds=rounds))
    return found


def main() -> int:
    """Print a table; 1 if a promise does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("requests", 10_000), ("reads", 1_000), ("rounds", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    figures = asyncio.run(measure(**vars(parser.parse_args())))
    sys.stdout.write(f"{table(figures)}\n")
    return 0 if all(one.is_met for one in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
