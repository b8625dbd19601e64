"""What is compared with what: the comparisons, and the command and requests of each server in them."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.compare import Row
from tests.benchmarks.deployment import Deployment
from tests.benchmarks.prepare import HERE, UPSTREAMS, supergraph

ROOT = HERE.parents[1]
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


ALL = ("yoga", "yoga-jit", "hive", "floor", "alone", "all-on")
MANY = {"connections": 4, "checked": True}
COMPARISONS = {
    "q1": Comparison("Q1, a unified view: 4 calls, 269 values", "q1", (*ALL, "floor-wire")),
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


def _document(file: Path) -> str:
    return " ".join(file.read_text(encoding="utf-8").split())


def _keys(number: int) -> Iterator[str]:
    return (f"C{each:05d}" for each in range(1, number + 1))


def _body(text: str, variables: Mapping[str, object]) -> str:
    name = text.removeprefix("query ").partition("(")[0]
    return json.dumps({"query": text, "operationName": name, "variables": variables})
