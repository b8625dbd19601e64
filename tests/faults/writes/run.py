"""Runs the groups of the crash driver, prints what came of them, and writes it into docs/reliability.md.

    python tests/faults/writes/run.py                    all groups, one after another
    python tests/faults/writes/run.py kills-1 random-2   some of them
    python tests/faults/writes/run.py kills-1 --seed 17  one run again, as it was
    python tests/faults/writes/run.py --write            and write the tables

What a group has done lies in build/faults/writes; it is not done again, unless `--anew`. Leaves with 1 where a
promise was broken.
"""

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.faults.writes.groups import GROUPS, Group
from tests.faults.writes.pair import Verdict
from tests.faults.writes.report import table, write_page
from tests.faults.writes.stage import staging
from tests.faults.writes.start import Writer

ROOT = Path(__file__).resolve().parents[3]
DONE = ROOT / "build" / "faults" / "writes"
CUSTOMERS_A_RUN = 3


def main() -> None:
    """Run what was asked for."""
    asked = _asked()
    DONE.mkdir(parents=True, exist_ok=True)
    names = asked.groups or list(GROUPS)
    for name in names:
        if asked.anew:
            _file(name).unlink(missing_ok=True)
        began = time.monotonic()
        verdicts = asyncio.run(run(name, GROUPS[name], asked))
        say(f"{name}: {GROUPS[name].what}, {GROUPS[name].store}, {time.monotonic() - began:.0f} s")
        say(table(verdicts))
    every = {name: _known(name) for name in names}
    if asked.write:
        write_page({name: _known(name) for name in GROUPS})
    if any(verdict.violations for verdicts in every.values() for verdict in verdicts):
        sys.exit(1)


async def run(name: str, group: Group, asked: argparse.Namespace) -> list[Verdict]:
    """Run the seeds of a group that have no verdict yet."""
    known = [] if asked.seed else _known(name)
    seeds = asked.seed or [seed for seed in group.seeds if seed not in {verdict.seed for verdict in known}]
    if not seeds:
        return known
    pairs = min(group.pairs, len(seeds))
    with _file(name).open("a", encoding="utf-8") as file:

        def told(verdict: Verdict) -> None:
            if not asked.seed:
                file.write(json.dumps(asdict(verdict)) + "\n")
                file.flush()
            if asked.seed or verdict.violations or not verdict.was_hit:
                say(f"  {verdict}")

        async with staging(customers=CUSTOMERS_A_RUN * (len(seeds) + pairs), store=group.store) as stage:
            new = await stage.run(group.trial, seeds, pairs=pairs, writer=Writer(asked.writer, asked.mutant), told=told)
    return [*known, *new]


def _known(name: str) -> list[Verdict]:
    if not _file(name).exists():
        return []
    return [Verdict(**json.loads(line)) for line in _file(name).read_text(encoding="utf-8").splitlines()]


def _file(name: str) -> Path:
    return DONE / f"{name}.jsonl"


def _asked() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("groups", nargs="*", metavar="GROUP", help=f"{', '.join(GROUPS)}; all without one")
    options.add_argument("--seed", type=int, action="append", help="only this seed, whatever is known of it")
    options.add_argument("--anew", action="store_true", help="forget what was done before")
    options.add_argument("--writer", default="ours", help="ours, naive or look")
    options.add_argument("--mutant", help="a fault of our writer, by its name")
    options.add_argument("--write", action="store_true", help="write docs/reliability.md")
    return options.parse_args()


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
