"""Drain: replicas behind a proxy are restarted one after the other under load, and no request is lost."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from tests.acceptance.running import Gateway, free_port
from tests.faults.figure import Figure
from tests.faults.sources.load import OTHERS, Load, share
from tests.faults.sources.proxy import Proxy
from tests.faults.sources.stage import Stage, load_of
from tests.faults.writes.wire import Unanswered, ask

EXIT = 25.0  # seconds
KILL = 60.0  # seconds after which a process that does not end is killed
LOOK = 0.05  # seconds between two looks at who is ready


async def drain(stage: Stage, *, restarts: int, rate: float, accept: float) -> Figure:
    """Restart both replicas so often; `accept` is how long each takes requests after SIGTERM, in seconds."""
    deployment = await stage.deployed(accept=accept)
    replicas = [Gateway(deployment.file, free_port(), name=f"replica{number}") for number in (1, 2)]
    exits: list[float] = []
    async with Proxy(*(replica.address for replica in replicas)) as proxy:
        try:
            for replica in replicas:
                await asyncio.to_thread(replica.start)
            load = load_of(deployment, proxy.address)

            async def roll() -> None:
                for _ in range(restarts):
                    for replica in replicas:
                        exits.append(await asyncio.to_thread(_end, replica))
                        await asyncio.to_thread(replica.start)

            async with asyncio.TaskGroup() as looking:
                look = looking.create_task(_watch(proxy))
                sent, failed = await _beside(roll, load, proxy, rate)
                look.cancel()
        finally:
            for replica in replicas:
                replica.kill()
    slowest = share(exits, 1.0)
    is_sound = not failed and sent > 0 and slowest < KILL
    why = f" ({failed[0]})" if failed else ""
    return Figure(
        "drain",
        f"{restarts} rolling restarts of two replicas behind a proxy, {rate:g} requests a second, each over a "
        f"connection of its own; {accept:g} s between SIGTERM and the last request taken",
        "0 failed, each exit within 25 s",
        f"{len(failed)} of {sent:,} failed{why}, the slowest exit {slowest:.1f} s",
        is_sound and slowest <= EXIT,
        is_sound,
    )


def _end(replica: Gateway) -> float:
    """Ask a replica to stop; returns the seconds that it took. It has to end with nothing wrong."""
    process, replica.process = replica.process, None
    assert process is not None
    began = time.monotonic()
    process.terminate()
    try:
        assert process.wait(KILL) == 0
    finally:
        process.kill()
    return time.monotonic() - began


async def _beside(work: Callable[[], Awaitable[None]], load: Load, proxy: Proxy, rate: float) -> tuple[int, list[str]]:
    """Ask at a steady rate while work is done; returns how many were sent, and what became of those that failed."""
    port = urlsplit(proxy.address).port
    assert port is not None
    working = asyncio.ensure_future(work())
    asked: set[asyncio.Task[None]] = set()
    failed: list[str] = []
    began, number = time.perf_counter(), 0

    async def one() -> None:
        headers, _ = load.request(OTHERS, "service", None)
        try:
            answer = await ask(port, "POST", "/graphql", load.content(OTHERS), headers=headers, patience=20)
        except Unanswered as problem:
            failed.append(str(problem))
        else:
            if answer.status != 200 or "errors" in answer.body:
                failed.append(f"{answer.status} {answer.body}")

    while not working.done():
        task = asyncio.create_task(one())
        asked.add(task)
        task.add_done_callback(asked.discard)
        number += 1
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
    await asyncio.gather(*asked)
    await working
    return number, failed


async def _watch(proxy: Proxy) -> None:
    """Look who is ready, as whatever stands in front of replicas does."""
    while True:
        ready = [upstream for upstream in proxy.upstreams if await _is_ready(upstream)]
        proxy.ready = ready or proxy.ready
        await asyncio.sleep(LOOK)


async def _is_ready(upstream: str) -> bool:
    port = urlsplit(upstream).port
    assert port is not None
    try:
        return (await ask(port, "GET", "/ready", patience=2)).status == 200
    except Unanswered:
        return False
