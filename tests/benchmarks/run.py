"""`make bench`: sets the comparison up, runs it, prints the tables and which aims are reached.

    make bench                                   everything, about a quarter of an hour
    make bench ARGS="--only q1 --rounds 3"       one part of it, quickly

Needs two cores, root or the Debian packages that it names, and npm for the peers. docs/performance.md explains it.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.benchmarks.compare import Figures, Load, Row, as_json, compare, ratios, say, spread  # noqa: E402
from tests.benchmarks.deployment import Deployment, deploy  # noqa: E402
from tests.benchmarks.prepare import HERE, UPSTREAMS, Unprepared, has_node, prepare, supergraph  # noqa: E402

PYTHON = sys.executable
ASKED = 200
HIVE = "node node_modules/.bin/hive-gateway supergraph {graph} --port {{port}} --host 127.0.0.1 --fork 1 -c {config}"
FLOOR = (
    f"{PYTHON} -m uvicorn floor:app --port {{port}} --loop uvloop --http httptools --no-access-log --log-level error"
)
NODE = frozenset({"yoga", "yoga-jit", "hive"})


@dataclass(frozen=True, slots=True)
class Comparison:
    """One table: which query, over which upstreams, by whom; the first of `rows` is the reference."""

    title: str
    query: str
    rows: tuple[str, ...]
    upstreams: str = "at once"
    customers: int = 1
    load: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Aim:
    """At most so much, of a figure made of a comparison's figures."""

    part: str
    text: str
    most: float
    figure: Callable[[Figures], float]


ALL = ("yoga", "yoga-jit", "hive", "floor", "alone", "all-on")
MANY = {"connections": 4, "checked": True}
COMPARISONS = {
    "q1": Comparison("Q1, a unified view: 4 calls, 269 values", "q1", ALL),
    "q2": Comparison("Q2, 4 fields of one source", "q2", ("yoga", "yoga-jit", "hive", "alone", "all-on")),
    "q3-50": Comparison(
        "Q3, 50 customers with 20 invoices each", "q3", ("yoga", "alone", "all-on"), customers=50, load=MANY
    ),
    "q3-500": Comparison(
        "Q3, 500 customers with 20 invoices each", "q3", ("yoga", "alone", "all-on"), customers=500, load=MANY
    ),
    "slow": Comparison(
        "Q1, upstreams that take 20 ms, one client",
        "q1",
        ("yoga", "hive", "alone", "all-on"),
        "20 ms",
        load={"connections": 1},
    ),
    "64": Comparison("Q1, 64 connections", "q1", ("yoga", "alone", "all-on"), load={"connections": 64}),
    "tls": Comparison("Q1, over TLS", "q1", ("yoga", "floor", "alone", "all-on"), "TLS"),
}


def of(name: str, reference: str) -> Callable[[Figures], float]:
    """Return the figure "CPU of one as a part of another's", the median of the rounds."""
    return lambda figures: statistics.median(ratios(figures, name, reference))


def median(name: str, figure: str) -> Callable[[Figures], float]:
    """Return the median of a figure of one server."""
    return lambda figures: statistics.median(getattr(one, figure) for one in figures[name])


def tail(figures: Figures) -> float:
    """Return p99 over p50, or over Yoga's p99 where that is better."""
    p99 = median("all-on", "p99_ms")(figures)
    alone = p99 / median("all-on", "p50_ms")(figures)
    return min(alone, 4 * p99 / median("yoga", "p99_ms")(figures)) if "yoga" in figures else alone


def growth(figures: Figures) -> float:
    """Return the memory above idle, in MiB."""
    return max(one.peak_mib - one.idle_mib for one in figures["all-on"])


def memory(figures: Figures) -> float:
    """Return the most memory as a part of Yoga's."""
    return max(one.peak_mib for one in figures["all-on"]) / max(one.peak_mib for one in figures["yoga"])


AIMS = (
    Aim("q1", "Q1 alone, of Yoga's CPU", 0.20, of("alone", "yoga")),
    Aim("q1", "Q1 alone, of Yoga's with JIT", 0.30, of("alone", "yoga-jit")),
    Aim("q1", "Q1 alone, of Hive Gateway's", 0.06, of("alone", "hive")),
    Aim("q1", "Q1 all on, of Yoga's CPU", 0.25, of("all-on", "yoga")),
    Aim("q1", "Q1 all on, of Yoga's with JIT", 0.35, of("all-on", "yoga-jit")),
    Aim("q1", "Q1 all on, of Hive Gateway's", 0.07, of("all-on", "hive")),
    Aim("q1", "Q1 alone, of the floor", 1.5, of("alone", "floor")),
    Aim("q1", "Q1 all on, of the floor", 2.0, of("all-on", "floor")),
    Aim("q2", "Q2 all on, of Yoga's CPU", 0.30, of("all-on", "yoga")),
    Aim("q3-50", "Q3 with 50, of Yoga's CPU", 0.25, of("all-on", "yoga")),
    Aim("q3-500", "Q3 with 500, of Yoga's CPU", 0.25, of("all-on", "yoga")),
    Aim("slow", "p50 over 20 ms upstreams, in ms", 22, median("all-on", "p50_ms")),
    Aim("64", "p99 over p50 (4 times, or below Yoga's)", 4, tail),
    Aim("64", "memory above idle, in MiB", 40, growth),
    Aim("64", "most memory, of Yoga's", 1, memory),
)


def main() -> None:
    """Prepare, compare, print."""
    usual = Load()
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", help=f"parts, with commas between: {', '.join(COMPARISONS)}")
    options.add_argument("--rows", help=f"servers, with commas between: {', '.join((*ALL, 'floor-wire'))}")
    options.add_argument("--rounds", type=int, default=usual.rounds)
    options.add_argument("--seconds", type=int, default=usual.seconds)
    options.add_argument("--warm-up", type=int, default=usual.warm_up)
    options.add_argument("--folder", type=Path, default=ROOT / "var/bench", help="where everything is kept")
    options.add_argument("--json", type=Path, help="file for all figures")
    asked = options.parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("The comparison needs two cores: one for the server, one for the load.")
    folder = asked.folder.resolve()
    try:
        prepare(folder)
    except Unprepared as problem:
        sys.exit(str(problem))
    deployment = asyncio.run(deploy(folder))
    parts = asked.only.split(",") if asked.only else list(COMPARISONS)
    load = Load(seconds=asked.seconds, rounds=asked.rounds, warm_up=asked.warm_up)
    say(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; least/median/most of rounds"
    )
    results = {part: run(COMPARISONS[part], deployment, load, asked.rows) for part in parts}
    print_aims(results)
    if asked.json:
        asked.json.write_text(json.dumps({part: as_json(figures) for part, figures in results.items()}, indent=1))


def run(comparison: Comparison, deployment: Deployment, load: Load, only: str | None) -> Figures:
    """Run one comparison and print its table."""
    chosen = comparison.rows if only is None else tuple(only.split(","))
    names = [name for name in chosen if name not in NODE or has_node()]
    rows = [row_of(name, comparison, deployment) for name in names]
    figures = compare(comparison.query, rows, deployment.folder, replace(load, **comparison.load))
    print_table(comparison, figures)
    return figures


def row_of(name: str, comparison: Comparison, deployment: Deployment) -> Row:
    """Make a server of the comparison."""
    folder, address = deployment.folder, UPSTREAMS[comparison.upstreams]
    trusted = folder / "server.pem"
    environ = {"UPSTREAMS": address}
    if address.startswith("https:"):
        environ["NODE_EXTRA_CA_CERTS"] = str(trusted)
    if name == "all-on":
        command = f"{Path(PYTHON).with_name('klantbeeld')} serve --config {deployment.config(comparison.upstreams)}"
        headers = {"Authorization": f"Bearer {deployment.token}"}
        bodies = own_bodies(comparison, deployment)
        return Row(name, f"{command} --port {{port}}", ROOT, bodies, headers=headers, ours=True)
    if name == "alone":
        command = f"{PYTHON} -m tests.benchmarks.alone --port {{port}} --ids {deployment.ids_file}"
        command += f" --upstreams {address}" + (f" --ca {trusted}" if address.startswith("https:") else "")
        return Row(name, command, ROOT, own_bodies(comparison, deployment), ours=True)
    bodies = peer_bodies(comparison, is_hive=name == "hive")
    if name in {"floor", "floor-wire"}:
        return Row(name, FLOOR, HERE, bodies, environ | ({"WIRE": "1"} if name == "floor-wire" else {}))
    if name == "hive":
        graph = supergraph(comparison.upstreams)
        return Row(name, HIVE.format(graph=graph, config="gateway.config.ts"), folder / "hive", bodies, environ)
    return Row(name, "node server.mjs", folder / "yoga", bodies, environ | ({"JIT": "1"} if "jit" in name else {}))


def own_bodies(comparison: Comparison, deployment: Deployment) -> list[tuple[str, Sequence[str]]]:
    """Return the requests for our own server."""
    text = _document(HERE / f"queries/{comparison.query}.graphql")
    keys = list(_keys(len(deployment.ids)))
    if "$ids" in text:
        many = comparison.customers
        return [(_body(text, {"ids": deployment.ids[:many]}), keys[:many])]
    return [(_body(text, {"id": one}), [key]) for one, key in zip(deployment.ids[:ASKED], keys, strict=False)]


def peer_bodies(comparison: Comparison, *, is_hive: bool) -> list[tuple[str, Sequence[str]]]:
    """Return the requests for a peer; ids are strings to Hive Gateway."""
    text = _document(HERE / f"peers/queries/{comparison.query}.graphql")
    if is_hive:
        text = text.replace("ID!", "String!")
    if "$n" in text:
        return [(_body(text, {"n": comparison.customers}), list(_keys(comparison.customers)))]
    return [(_body(text, {"id": key}), [key]) for key in _keys(ASKED)]


def print_table(comparison: Comparison, figures: Figures) -> None:
    """Print all figures of a comparison."""
    reference = next(iter(figures))
    say(f"\n{comparison.title}")
    titles = ("CPU ms/request", f"of {reference}'s", "requests/s", "p50 ms", "p99 ms", "busy", "idle", "peak MiB")
    say(f"{'':12}" + "".join(f"{title:>{width}}" for title, width in zip(titles, WIDTHS, strict=True)))
    for name, rounds in figures.items():
        cells = [
            spread([one.cpu_ms for one in rounds]),
            spread(ratios(figures, name, reference)),
            spread([one.per_second for one in rounds]),
            spread([one.p50_ms for one in rounds]),
            spread([one.p99_ms for one in rounds]),
            f"{statistics.median(one.busy for one in rounds):.2f}",
            f"{rounds[0].idle_mib:.0f}",
            f"{max(one.peak_mib for one in rounds):.0f}",
        ]
        failures = sum(one.failures for one in rounds)
        line = "".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True))
        say(f"{name:12}{line}" + (f"  {failures} FAILED" if failures else ""))


WIDTHS = (20, 20, 18, 20, 20, 6, 6, 9)


def print_aims(results: Mapping[str, Figures]) -> None:
    """Print which aims are reached."""
    say("\nAims")
    for aim, found in _reached(results):
        say(_verdict(aim.text, found, aim.most))
    if {"q3-50", "q3-500"} <= results.keys():
        each = [median("all-on", "cpu_ms")(results[part]) / number for part, number in (("q3-50", 50), ("q3-500", 500))]
        grown = each[1] / each[0]
        say(_verdict("Q3, cost of each of 500, of each of 50", grown, 1.2))


def _reached(results: Mapping[str, Figures]) -> Iterator[tuple[Aim, float]]:
    for aim in AIMS:
        if aim.part in results:
            try:
                yield aim, aim.figure(results[aim.part])
            except KeyError:  # one of the two was not asked for
                continue


def _verdict(text: str, found: float, most: float) -> str:
    return f"{'reached' if found <= most else 'MISSED':8}{text:44}{found:8.3g}  at most {most:g}"


def _document(file: Path) -> str:
    return " ".join(file.read_text(encoding="utf-8").split())


def _keys(number: int) -> Iterator[str]:
    return (f"C{each:05d}" for each in range(1, number + 1))


def _body(text: str, variables: Mapping[str, object]) -> str:
    name = text.removeprefix("query ").partition("(")[0]
    return json.dumps({"query": text, "operationName": name, "variables": variables})


if __name__ == "__main__":
    main()
