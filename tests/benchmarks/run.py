"""`make bench`: sets the comparison up, runs it, prints the tables and which aims are reached.

    make bench                                   everything, about twenty minutes
    make bench ARGS="--only q1 --rounds 3"       one part of it, quickly
    make bench ARGS="--write"                    and write the figures into docs/performance.md

Needs two cores, root or the Debian packages that it names, and npm for the peers. docs/performance.md explains it.
"""

import argparse
import asyncio
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks import growth, layers, page, shipped
from tests.benchmarks.aims import Replayed, shipped_verdicts, verdicts
from tests.benchmarks.compare import Figures, Load, as_json, compare, say
from tests.benchmarks.deployment import Deployment, deploy
from tests.benchmarks.prepare import Unprepared, has_node, prepare
from tests.benchmarks.rows import ALL, COMPARISONS, NODE, ROOT, Comparison, row_of

REPLAYED = {
    "layers": "Layers of Q1, without sockets",
    "shipped": "Q1 through the shipped connectors, without sockets",
    "growth": "Growth, without sockets",
}


def main() -> None:
    """Prepare, compare, print."""
    asked = _asked()
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("The comparison needs two cores: one for the server, one for the load.")
    folder = asked.folder.resolve()
    try:
        prepare(folder)
    except Unprepared as problem:
        sys.exit(str(problem))
    deployment = asyncio.run(deploy(folder))
    parts = asked.only.split(",") if asked.only else [*COMPARISONS, *REPLAYED]
    load = Load(seconds=asked.seconds, rounds=asked.rounds, warm_up=asked.warm_up)
    written = [page.machine()]
    results: dict[str, Figures] = {}
    replays: dict[str, Replayed] = {}
    for part in parts:
        if part in COMPARISONS:
            results[part] = run(COMPARISONS[part], deployment, load, asked.rows)
            written.append(page.compared(COMPARISONS[part], results[part]))
        else:
            replays[part] = replayed(part, folder, asked.rounds)
            written.append(page.replayed(REPLAYED[part], replays[part]))
        say(f"\n{written[-1]}")
    written.insert(1, page.aims([*verdicts(results), *shipped_verdicts(replays)]))
    say(f"\n{written[1]}")
    if asked.json:
        asked.json.write_text(json.dumps({part: as_json(figures) for part, figures in results.items()}, indent=1))
    if asked.write:
        page.write(ROOT / "docs/performance.md", written)


def run(comparison: Comparison, deployment: Deployment, load: Load, only: str | None) -> Figures:
    """Run one comparison; without Node.js its peers are left out."""
    chosen = comparison.rows if only is None else tuple(only.split(","))
    names = [name for name in chosen if name not in NODE or has_node()]
    rows = [row_of(name, comparison, deployment) for name in names]
    return compare(comparison.query, rows, deployment.folder, replace(load, **comparison.load))


def replayed(part: str, folder: Path, rounds: int) -> Replayed:
    """Run a part that needs no sockets."""
    if part == "layers":
        return uvloop.run(layers.measure(folder, rounds=rounds))
    return uvloop.run(shipped.measure(rounds=rounds) if part == "shipped" else growth.measure(rounds=rounds))


def _asked() -> argparse.Namespace:
    usual = Load()
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", help=f"parts, with commas between: {', '.join((*COMPARISONS, *REPLAYED))}")
    options.add_argument("--rows", help=f"servers, with commas between: {', '.join((*ALL, 'floor-wire'))}")
    options.add_argument("--rounds", type=int, default=usual.rounds)
    options.add_argument("--seconds", type=int, default=usual.seconds)
    options.add_argument("--warm-up", type=int, default=usual.warm_up)
    options.add_argument("--folder", type=Path, default=ROOT / "var/bench", help="where everything is kept")
    options.add_argument("--json", type=Path, help="file for all figures")
    options.add_argument("--write", action="store_true", help="write the figures into docs/performance.md")
    return options.parse_args()


if __name__ == "__main__":
    main()
