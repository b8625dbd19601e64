"""How many one-system writes two replicas over one PostgreSQL carry out in a second.

    python -m tests.benchmarks.replicas [CLIENTS] [SECONDS]

The server syncs every commit. Each client writes to a customer of billing, which has keys, waits for the answer, and
writes again, to the one replica and the other by turns. Everything is on one machine: the replicas, the database, the
sandbox's systems, and what asks.
"""

import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from tests.acceptance.running import Ask, Deployment, Gateway, deploy, free_port, running
from tests.benchmarks.sagas import KEY, PHONE, processor_seconds
from tests.postgresql import execute, new_database, postgresql

from klantbeeld.sandbox.launcher import Sandbox

CLIENTS, SECONDS, WARM = 4, 15.0, 3.0
DURABLE = ("ALTER SYSTEM SET fsync = on", "SELECT pg_reload_conf()")


def main() -> int:
    """Measure, and print; 1 where a write was not applied."""
    clients = int(sys.argv[1]) if len(sys.argv) > 1 else CLIENTS
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    with postgresql() as server, tempfile.TemporaryDirectory() as folder, Sandbox(size=24) as sandbox:
        asyncio.run(execute(server, *DURABLE))
        store = new_database(server, "writes")

        lite = f"sqlite:///{Path(folder).resolve().as_posix()}/klantbeeld.sqlite"
        deployment = deploy(Path(folder), sandbox, change=lambda text: text.replace(lite, store))
        assert deployment.settings.store.url == store
        one, other = (Gateway(deployment.file, free_port(), name=name) for name in ("one", "other"))
        with running(one), running(other):
            asyncio.run(written(deployment, (one, other), clients, WARM, "warm"))
            began = [processor_seconds(gateway.process.pid) for gateway in (one, other) if gateway.process]
            applied, failed = asyncio.run(written(deployment, (one, other), clients, seconds, "measured"))
            ended = [processor_seconds(gateway.process.pid) for gateway in (one, other) if gateway.process]
    cost = (sum(ended) - sum(began)) / max(applied, 1) * 1_000
    sys.stdout.write(f"{clients} clients: {applied / seconds:.0f} writes a second, {failed} not applied, ")
    sys.stdout.write(f"{cost:.2f} ms of processor time of the gateways each\n")
    return 1 if failed else 0


async def written(
    deployment: Deployment, gateways: tuple[Gateway, Gateway], clients: int, seconds: float, mark: str
) -> tuple[int, int]:
    """Write for some seconds; returns how many writes were applied, and how many were not."""
    with httpx.Client() as unused:
        ask = Ask(gateways[0].address, deployment.issuer, deployment.settings, unused)
        headers = {"authorization": f"Bearer {ask.token('agent')}"}
    urls = [f"{gateway.address}{deployment.settings.gateway.path}" for gateway in gateways]
    until = time.monotonic() + seconds
    keys = (f"{mark}-{count}" for count in itertools.count())
    async with httpx.AsyncClient(timeout=30, headers=headers, limits=httpx.Limits(max_connections=None)) as http:
        found = await asyncio.gather(
            *(
                _client(
                    http,
                    itertools.cycle((*urls[place % 2 :], *urls[: place % 2])),
                    deployment.customers[KEY],
                    until,
                    keys,
                )
                for place in range(clients)
            )
        )
    return sum(applied for applied, _ in found), sum(failed for _, failed in found)


async def _client(
    http: httpx.AsyncClient, urls: Iterator[str], customer: str, until: float, keys: Iterator[str]
) -> tuple[int, int]:
    applied = failed = 0
    while time.monotonic() < until:
        key = next(keys)
        given = {"customerId": customer, "name": f"Lotte {key}", "channel": "PHONE"}
        asked = {"query": PHONE, "variables": {"input": {**given, "idempotencyKey": key}}}
        answer = (await http.post(next(urls), json=asked)).json()
        if ((answer.get("data") or {}).get("changeBillingDetails") or {}).get("status") == "APPLIED":
            applied += 1
        else:
            failed += 1
    return applied, failed


if __name__ == "__main__":
    sys.exit(main())
