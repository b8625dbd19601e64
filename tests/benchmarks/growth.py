"""How the cost of an answer grows: with customers, with records, with fields, and with sources.

    python -m tests.benchmarks.growth [--requests 200] [--rounds 7]

In process, on replayed bodies, as in replay.py. Prints the least CPU microseconds a request of the rounds. What the
latency of upstreams adds is in the table of `make bench --only slow`: no CPU, and the slowest source's time once.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop
from tests.benchmarks.alone import Anybody, plain_engine
from tests.benchmarks.replay import UPSTREAMS, replies_in, say, transports
from tests.benchmarks.upstream.bodies import write_bodies

from klantbeeld.engine.engine import Engine
from klantbeeld.engine.ports import Answer
from klantbeeld.gateway.ports import RequestContext
from klantbeeld.gateway.reading import request_of_body
from klantbeeld.identity.ids import CustomerIds

MANY = (
    "query M($ids: [ID!]!) { customers(ids: $ids) { party { fullName } invoices { nodes { id total { amount } } } } }"
)
ONE = "query O($id: ID!) {{ customer(id: $id) {{ {} }} }}"
PARTY = "party {{ {} }}"
NAMES = ("fullName", "givenName", "familyName", "customerNumber", "status", "customerSince", "language")
COLUMNS = ("id", "number", "issuedOn", "dueOn", "state", "total { amount currency }", "due { amount }")
LISTS = (
    "party { fullName }",
    "invoices { nodes { id number } }",
    "complaints { nodes { id subject } }",
    "campaigns { id name }",
)
CUSTOMERS = (1, 5, 50, 500)

Case = tuple[str, str, dict[str, Any]]


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--requests", type=int, default=200)
    options.add_argument("--rounds", type=int, default=7)
    asked = options.parse_args()
    for name, values in uvloop.run(measure(requests=asked.requests, rounds=asked.rounds)).items():
        say(f"{name:40}{min(values):9.1f} us")


async def measure(*, rounds: int, requests: int = 200) -> dict[str, list[float]]:
    """Run all cases, in turn in each round; returns microseconds by case."""
    new = CustomerIds().new
    customers = {new(): f"C{number:05d}" for number in range(1, 501)}
    with tempfile.TemporaryDirectory() as folder:
        write_bodies(Path(folder))
        make_transport = transports(replies_in(Path(folder)))
    engine, _ = plain_engine(customers, upstreams=UPSTREAMS, make_transport=make_transport)
    cases = cases_of(list(customers))
    found: dict[str, list[float]] = {name: [] for name, _, _ in cases}
    for _ in range(rounds):
        for name, text, variables in cases:
            times = max(1, requests // max(1, len(variables.get("ids", ()))))
            found[name].append(await _microseconds(engine, text, variables, times))
    return found


def cases_of(ids: Sequence[str]) -> list[Case]:
    """Return what is measured: its name, the document, its variables."""
    one = {"id": ids[0]}
    cases: list[Case] = [("customers: 1", MANY, {"ids": ids[:1]})]
    cases += [(f"customers: {number}", MANY, {"ids": ids[:number]}) for number in CUSTOMERS[1:]]
    cases += [
        (f"fields of one record: {number}", ONE.format(PARTY.format(" ".join(NAMES[:number]))), one)
        for number in (1, 3, 7)
    ]
    cases += [
        (
            f"fields of 20 records: {number}",
            ONE.format(f"invoices {{ nodes {{ {' '.join(COLUMNS[:number])} }} }}"),
            one,
        )
        for number in (1, 3, 5, 7)
    ]
    cases += [(f"sources: {number}", ONE.format(" ".join(LISTS[:number])), one) for number in (1, 2, 3, 4)]
    return cases


async def _microseconds(engine: Engine, text: str, variables: dict[str, Any], times: int) -> float:
    body = json.dumps({"query": text, "variables": variables}).encode()
    caller = Anybody()

    async def once() -> bytes:
        deadline = asyncio.get_running_loop().time() + 20
        context = RequestContext(caller=caller, deadline=deadline, language="en")
        answer = await engine.execute(request_of_body(body), context)
        assert isinstance(answer, Answer)
        return answer.body

    answer = json.loads(await once())
    if answer.get("errors"):
        raise SystemExit(json.dumps(answer["errors"])[:1000])
    began = time.process_time()
    for _ in range(times):
        await once()
    return (time.process_time() - began) / times * 1e6


if __name__ == "__main__":
    main()
