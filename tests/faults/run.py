"""Runs what breaks sources and processes: the rows of tests/faults/sources and the groups of tests/faults/writes.

python tests/faults/run.py                          all of both, the sources first; many hours
python tests/faults/run.py deadline isolation       some rows or groups, by their names
python tests/faults/run.py deadline --size rate=20  what comes after the names goes to the runner that knows them
"""

import subprocess
import sys
from itertools import takewhile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.faults.sources.rows import ROWS
from tests.faults.writes.groups import GROUPS

HERE = Path(__file__).resolve().parent
RUNNERS = {"sources": ROWS, "writes": GROUPS}


def main() -> int:
    """Give each runner what is its own; 1 where one of them found something broken, 2 for a name that nobody knows."""
    names = list(takewhile(lambda word: not word.startswith("-"), sys.argv[1:]))
    options = sys.argv[1 + len(names) :]
    if unknown := [name for name in names if not any(name in known for known in RUNNERS.values())]:
        every = ", ".join(name for known in RUNNERS.values() for name in known)
        sys.stderr.write(f"unknown: {', '.join(unknown)}; there are: {every}\n")
        return 2
    found = 0
    for runner, known in RUNNERS.items():
        own = [name for name in names if name in known]
        if own or not names:
            found |= subprocess.call([sys.executable, HERE / runner / "run.py", *own, *options])
    return found


if __name__ == "__main__":
    sys.exit(main())
