"""The figures of the links: a deadline, a budget, a breaker and what one system may cost the others, under faults.

    python -m tests.faults.links.figures [--requests 5000] [--rate 50] [--seconds 60]

Runs the demo's four systems and one gateway, of which billing is made to hang or to fail, and prints a row for each
promise: what was measured, the aim, and whether it was reached. Equal calls are not shared here, so that each request
is a call. On a machine that is busy with something else the times are that machine's.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from tests.acceptance.running import Ask, Deployment, Gateway, deploy

from klantbeeld.sandbox.launcher import Sandbox
from klantbeeld.sources.wire import Limits, Origin, Wire

WHOLE = "query Q($id: ID!) { customer(id: $id) { party { fullName } billingAccounts { name } } }"
OTHERS = "query Q($id: ID!) { customer(id: $id) { party { fullName } } }"
DEADLINE = 1.0
HUNG = 1.5  # seconds after which a request is one that reached the source, which gets two
SEED = 4


@dataclass(frozen=True, slots=True)
class Answered:
    """One request: when it was sent, how long it took, and what came."""

    sent: float
    seconds: float
    body: Any

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return "errors" not in self.body


@dataclass(frozen=True, slots=True)
class Row:
    """One promise, held against what was measured."""

    promise: str
    measured: str
    aim: str
    is_reached: bool


class Load:
    """Requests at a steady rate, whatever becomes of them, over connections of their own."""

    def __init__(self, ask: Ask, customers: Sequence[str]) -> None:
        self._url = ask.url
        self._token = ask.token("agent")
        self._customers = customers
        self._random = random.Random(SEED)

    async def run(self, document: str, *, rate: float, requests: int, deadline: float | None = None) -> list[Answered]:
        """Send so many requests at a rate a second, and wait for all."""
        limits = Limits(connections=2_000, waiting=10_000, first_byte=20, whole=20)
        wire = Wire(Origin.of(self._url), limits)
        began = time.perf_counter()
        sent = []
        for number in range(requests):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            sent.append(asyncio.create_task(self._one(wire, document, deadline)))
        answers = await asyncio.gather(*sent)
        await wire.aclose()
        return list(answers)

    async def _one(self, wire: Wire, document: str, deadline: float | None) -> Answered:
        headers = {"authorization": f"Bearer {self._token}", "klantbeeld-purpose": "service"}
        headers |= {"content-type": "application/json"}
        if deadline is not None:
            headers["klantbeeld-deadline-ms"] = str(int(deadline * 1000))
        body = json.dumps({"query": document, "variables": {"id": self._random.choice(self._customers)}}).encode()
        lines = [(name.encode(), value.encode()) for name, value in headers.items()]
        sent = time.perf_counter()
        until = asyncio.get_running_loop().time() + 20
        reply = await wire.exchange("POST", "/graphql", lines, body, deadline=until)
        return Answered(sent, time.perf_counter() - sent, json.loads(reply.body))


async def deadline(load: Load, sandbox: Sandbox, *, rate: float, requests: int) -> Row:
    """Let billing hang for ever."""
    sandbox.set_fault("stripe", {"mode": "hang"})
    answers = await load.run(WHOLE, rate=rate, requests=requests, deadline=DEADLINE)
    late = sorted(answer.seconds - DEADLINE for answer in answers)
    in_time = sum(one <= 0.1 for one in late) / len(late)
    others = all(answer.body["data"]["customer"]["party"] for answer in answers)
    measured = f"{in_time:.2%} by + 100 ms, the last by {late[-1] * 1000:+.0f} ms, other fields: {others}"
    return Row(
        "deadline", measured, "99.9 % by + 100 ms, all by + 500 ms", in_time >= 0.999 and late[-1] <= 0.5 and others
    )


async def budget(load: Load, sandbox: Sandbox, *, rate: float, seconds: float) -> Row:
    """Let billing answer 503 for a while."""
    sandbox.clear_log("stripe")
    sandbox.set_fault("stripe", {"mode": "status", "status": 503})
    answers = await load.run(WHOLE, rate=rate, requests=int(rate * seconds))
    reached = len(sandbox.log("stripe"))
    share = reached / len(answers)
    return Row("retry budget", f"{reached} calls of {len(answers)} requests: {share:.3f}", "1.10 at most", share <= 1.1)


async def breaker(load: Load, sandbox: Sandbox, *, rate: float) -> list[Row]:
    """Let billing hang until its breaker is open, and come back."""
    began = time.perf_counter()
    sandbox.clear_log("stripe")
    sandbox.set_fault("stripe", {"mode": "hang"})
    answers = await load.run(WHOLE, rate=rate, requests=int(rate * 14))
    opened = next((one.sent - began for one in answers if not one.is_whole and one.seconds < 0.5), float("inf"))
    while_open = [one.seconds for one in answers if one.sent - began > opened]
    quick = sorted(seconds for seconds in while_open if seconds < HUNG)
    slow = len(while_open) - len(quick)
    sandbox.clear_fault("stripe")
    back = time.perf_counter()
    after = await load.run(WHOLE, rate=rate, requests=int(rate * 9))
    closed = max((one.sent - back for one in after if not one.is_whole), default=0.0)
    p99 = quick[int(len(quick) * 0.99)] * 1000 if quick else float("inf")
    return [
        Row("breaker opens", f"after {opened:.1f} s", "10 s, or 20 failures", opened <= 10),
        Row("while it is open", f"p99 {p99:.1f} ms, {slow} probes that hung", "10 ms, only probes", p99 <= 10),
        Row("breaker closes", f"{closed:.1f} s after the source is back", "6 s", closed <= 6),
    ]


async def isolation(load: Load, sandbox: Sandbox, *, rate: float, rounds: int = 5) -> Row:
    """Compare requests that touch only others, with billing hanging for its own and without, by turns."""
    shares: dict[float, list[float]] = {0.5: [], 0.99: []}
    failed = 0
    for _ in range(rounds):
        found = {}
        for mode in ("none", "hang"):
            sandbox.set_fault("stripe", {"mode": mode})
            _, others = await asyncio.gather(
                load.run(WHOLE, rate=rate / 2, requests=int(rate * 2), deadline=DEADLINE),
                load.run(OTHERS, rate=rate / 2, requests=int(rate * 2)),
            )
            failed += sum(not one.is_whole for one in others)
            found[mode] = sorted(one.seconds for one in others)
        for share, ratios in shares.items():
            place = int(len(found["none"]) * share)
            ratios.append(found["hang"][place] / found["none"][place])
    sandbox.clear_fault("stripe")
    p50, p99 = (sorted(ratios)[len(ratios) // 2] for ratios in shares.values())
    measured = f"{failed} failed, p50 {p50:.2f} x, p99 {p99:.2f} x"
    return Row("isolation", measured, "0 failed, p50 1.1 x, p99 1.5 x", failed == 0 and p50 <= 1.1 and p99 <= 1.5)


async def measure(load: Load, sandbox: Sandbox, asked: argparse.Namespace) -> list[Row]:
    """Make the table; between two rows the breaker gets the time to close."""
    await load.run(WHOLE, rate=asked.rate, requests=int(asked.rate * 3))
    rows = [await isolation(load, sandbox, rate=asked.rate)]
    rows.append(await deadline(load, sandbox, rate=asked.rate, requests=asked.requests))
    await recover(load, sandbox, rate=asked.rate)
    rows.append(await budget(load, sandbox, rate=asked.rate, seconds=asked.seconds))
    await recover(load, sandbox, rate=asked.rate)
    return rows + await breaker(load, sandbox, rate=asked.rate)


async def recover(load: Load, sandbox: Sandbox, *, rate: float) -> None:
    """Let billing be itself until its breaker is closed, and what it failed is forgotten."""
    sandbox.clear_fault("stripe")
    await load.run(WHOLE, rate=rate, requests=int(rate * 12))


def unshared(text: str) -> str:
    """Let each request be a call of its own."""
    return text.replace("[sources.stripe]\n", "[sources.stripe]\nshare_calls = false\n")


def main() -> int:
    """Run the systems and the gateway, and print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--requests", type=int, default=5_000)
    options.add_argument("--rate", type=float, default=50)
    options.add_argument("--seconds", type=float, default=60)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, Sandbox(size=1) as sandbox:
        deployment = deploy(Path(folder), sandbox, change=unshared, breakers=str)
        rows = over(deployment, lambda load: measure(load, sandbox, asked))
    for row in rows:
        reached = "reached" if row.is_reached else "MISSED"
        sys.stdout.write(f"{row.promise:18} {row.measured:70} {row.aim:36} {reached}\n")
    return 0 if all(row.is_reached for row in rows) else 1


def over(deployment: Deployment, run: Callable[[Load], Any]) -> list[Row]:
    """Have something measured over a gateway of its own."""
    gateway = Gateway(deployment.file, deployment.settings.gateway.port).start()
    try:
        with httpx.Client() as http:
            ask = Ask(gateway.address, deployment.issuer, deployment.settings, http)
            rows: list[Row] = asyncio.run(run(Load(ask, linked(deployment.customers))))
            return rows
    finally:
        gateway.stop()


def linked(customers: Mapping[str, str]) -> list[str]:
    """Return the customers of the cast whom billing knows."""
    return [
        customer for key, customer in customers.items() if key in {"fatima-el-amrani", "lotte-jansen", "mila-hendriks"}
    ]


if __name__ == "__main__":
    sys.exit(main())
