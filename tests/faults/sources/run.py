"""Measures what calling sources promises under faults, prints a table, and writes it into docs/reliability.md.

    python tests/faults/sources/run.py                               all rows, with the sizes of the aims; an hour
    python tests/faults/sources/run.py --short                       the same in small; two minutes
    python tests/faults/sources/run.py deadline --size requests=500  one row, smaller
    python tests/faults/sources/run.py --write                       and write the table

What a row has measured lies in build/faults/sources, so that rows may be measured one at a time and written together.
Leaves with 1 where a promise was missed.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.faults.figure import Figure, machine, outcome, table, today, write_page
from tests.faults.sources.rows import ROWS, run_row

DONE = Path(__file__).resolve().parents[3] / "build" / "faults" / "sources"


def main() -> None:
    """Run what was asked for."""
    asked = _asked()
    DONE.mkdir(parents=True, exist_ok=True)
    os.environ.pop("KLANTBEELD_TEST_CACHE", None)  # what is measured here is without a cache, but for what keeps one
    are_met = True
    for name in asked.rows or ROWS:
        on = machine()
        figures = uvloop.run(run_row(name, is_short=asked.short, changed=asked.size))
        for one in figures:
            say(f"{one.promise}: {one.test}\n    aim {one.aim}\n    {one.measured}: {outcome(one)}")
        are_met &= all(one.is_met for one in figures)
        _file(name).write_text(
            json.dumps({"day": today(), "machine": on, "figures": [asdict(one) for one in figures]}), encoding="utf-8"
        )
    if asked.write:
        write_page(_page())
    if not are_met:
        sys.exit(1)


def _page() -> str:
    """Write what is known of all rows: the table, and when and on what each was measured."""
    known = {name: json.loads(_file(name).read_text(encoding="utf-8")) for name in ROWS if _file(name).exists()}
    figures = [Figure(**one) for row in known.values() for one in row["figures"]]
    when = [f"- {name}: {row['day']}, {row['machine']}" for name, row in known.items()]
    return "\n".join([table(figures), "", "Measured on:", "", *when])


def _file(name: str) -> Path:
    return DONE / f"{name}.json"


def _asked() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("rows", nargs="*", metavar="ROW", choices=[*ROWS, []], help=f"{', '.join(ROWS)}; all without")
    options.add_argument("--short", action="store_true", help="in small")
    options.add_argument("--size", action=Sized, default={}, metavar="NAME=VALUE", help="another size of a row")
    options.add_argument("--write", action="store_true", help="write docs/reliability.md")
    return options.parse_args()


class Sized(argparse.Action):
    """Collects NAME=VALUE."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        _option: str | None = None,
    ) -> None:
        known: Mapping[str, str] = getattr(namespace, self.dest)
        name, _, value = str(values).partition("=")
        setattr(namespace, self.dest, {**known, name: value})


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
