"""The stage: the owning systems, a launcher, and as many pairs of replicas as a run asks for."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tests.faults.writes.deployment import Deployment, deploy, file_of
from tests.faults.writes.disk import Disk
from tests.faults.writes.judge import Effects
from tests.faults.writes.pair import Pair, Verdict
from tests.faults.writes.processes import Launcher, Replica, free_ports, launching, owning
from tests.faults.writes.start import OURS, Start, Writer
from tests.postgresql import postgresql

Trial = Callable[[Pair, int], Awaitable[Verdict]]
"""Runs what a seed says on a pair, and judges it."""


def ignore(_: Verdict) -> None:
    """Tell nobody."""


def never(_: Verdict) -> bool:
    """Go on, whatever the verdict."""
    return False


@dataclass(slots=True)
class Stage:
    """Lives as long as the run; `customers` are those whom nobody has touched."""

    deployment: Deployment
    launcher: Launcher
    effects: Effects
    customers: Iterator[tuple[str, str]]
    pairs: int = 0

    async def pair(self, writer: Writer = OURS) -> Pair:
        """Start a pair of replicas over a store of their own."""
        self.pairs += 1
        name = f"pair{self.pairs}"
        store = await self.deployment.store(name)
        at = self.deployment.folder / name
        config = self.deployment.settings(store, name=name)
        file = file_of(store) if store.startswith("sqlite:") else None
        start = Start(str(config), 0, "", "", str(file) if file else None, writer.name, writer.mutant)
        first, second = (
            Replica(self.launcher, replace(start, port=port, armed=f"{at}{side}.armed", log=f"{at}{side}.log"))
            for side, port in zip("ab", free_ports(2), strict=True)
        )
        disk = Disk(file) if file else None
        made = Pair(self.deployment, store, (first, second), self.effects, self.customers, disk, writer.name == "ours")
        await made.up()
        return made

    async def run(
        self,
        trial: Trial,
        seeds: Iterable[int],
        *,
        pairs: int,
        writer: Writer = OURS,
        told: Callable[[Verdict], None] = ignore,
        enough: Callable[[Verdict], bool] = never,
    ) -> list[Verdict]:
        """Run the trials of some seeds over so many pairs at a time; begins no more where a verdict is `enough`."""
        left = iter(seeds)
        verdicts: list[Verdict] = []

        async def work() -> None:
            pair = await self.pair(writer)
            for seed in left:
                verdict = await trial(pair, seed)
                told(verdict)
                verdicts.append(verdict)
                if any(map(enough, verdicts)):
                    break
            await pair.down()

        await asyncio.gather(*(work() for _ in range(pairs)))
        return verdicts


@asynccontextmanager
async def staging(*, customers: int, store: Literal["sqlite", "postgresql"] = "sqlite") -> AsyncIterator[Stage]:
    """Set the stage, with so many customers in stores of one kind; all that is kept is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="klantbeeld-faults-") as place, ExitStack() as stack:
        server = None
        if store == "postgresql":
            server = await asyncio.to_thread(stack.enter_context, postgresql())
        async with owning() as port, launching() as launcher:
            owners = f"http://127.0.0.1:{port}"
            deployment = await asyncio.to_thread(deploy, Path(place), owners, server=server, customers=customers)
            yield Stage(deployment, launcher, Effects(port), iter(deployment.customers.items()))
