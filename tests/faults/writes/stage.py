"""The stage: the owning systems, a launcher, and as many pairs of replicas as a run asks for."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.faults.writes.cases import case_at
from tests.faults.writes.deployment import Deployment, deploy
from tests.faults.writes.judge import Effects
from tests.faults.writes.pair import Pair, Verdict
from tests.faults.writes.points import Point
from tests.faults.writes.processes import Launcher, Replica, free_ports, launching, owning
from tests.faults.writes.start import OURS, Start, Writer

Seeded = tuple[int, Point | None]


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
        store = self.deployment.sqlite(name)
        at = self.deployment.folder / name
        start = Start(str(self.deployment.settings(store, name=name)), 0, "", "", writer.name, writer.mutant)
        first, second = (
            Replica(self.launcher, replace(start, port=port, armed=f"{at}{side}.armed", log=f"{at}{side}.log"))
            for side, port in zip("ab", free_ports(2), strict=True)
        )
        made = Pair(self.deployment, store, (first, second), self.effects, self.customers)
        await made.up()
        return made

    async def run(
        self,
        seeds: Sequence[Seeded],
        *,
        pairs: int,
        writer: Writer = OURS,
        told: Callable[[Verdict], None] = ignore,
        enough: Callable[[Verdict], bool] = never,
    ) -> list[Verdict]:
        """Run the cases of some seeds over so many pairs at a time; begins no more where a verdict is `enough`."""
        left = iter(seeds)
        verdicts: list[Verdict] = []

        async def work() -> None:
            pair = await self.pair(writer)
            for seed, point in left:
                verdict = await pair.run(case_at(seed, point, pair.customer))
                told(verdict)
                verdicts.append(verdict)
                if any(map(enough, verdicts)):
                    break
            await pair.down()

        await asyncio.gather(*(work() for _ in range(pairs)))
        return verdicts


@asynccontextmanager
async def staging(*, customers: int) -> AsyncIterator[Stage]:
    """Set the stage, with so many customers; all that is kept is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="klantbeeld-faults-") as place:
        async with owning() as port, launching() as launcher:
            deployment = await asyncio.to_thread(deploy, Path(place), f"http://127.0.0.1:{port}", customers=customers)
            yield Stage(deployment, launcher, Effects(port), iter(deployment.customers.items()))
