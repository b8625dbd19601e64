"""A pair of replicas over one store, through which one case after another is run."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.faults.writes.cases import Case
from tests.faults.writes.clients import FINAL, Client
from tests.faults.writes.deployment import Deployment
from tests.faults.writes.disk import Disk
from tests.faults.writes.judge import SETTLES_WITHIN, Effects, judge, sequence_of
from tests.faults.writes.points import Act
from tests.faults.writes.processes import Replica
from tests.faults.writes.wire import ask

PATIENCE = 25.0  # seconds that a client insists
SETTLE_POLL = 0.25
STOP_POLL = 0.02
AWAKE = 0.6  # seconds in which whoever was stopped does what it was about to do


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a case: where it was killed, how its operations ended, and what is wrong."""

    seed: int
    point: str
    store: str
    was_hit: bool
    settled_in: float
    ended: dict[str, int]
    violations: list[str]


@dataclass(slots=True)
class Pair:
    """Two replicas; `customers` are those whom nobody has touched, one for each operation."""

    deployment: Deployment
    store: str
    replicas: tuple[Replica, Replica]
    effects: Effects
    customers: Iterator[tuple[str, str]]
    disk: Disk | None

    def customer(self) -> tuple[str, str]:
        """Take a customer whom nobody has touched."""
        return next(self.customers)

    async def up(self) -> None:
        """Start both."""
        await asyncio.gather(*(replica.up() for replica in self.replicas))

    async def down(self) -> None:
        """End both."""
        await asyncio.gather(*(replica.kill() for replica in self.replicas))

    async def run(self, case: Case) -> Verdict:
        """Run a case from beginning to end, and judge it."""
        first, second = self.replicas
        await self._tell_owners(case)
        clients = [
            Client(operation, self.deployment.token, random.Random(f"{case.seed} {operation.mark}"))
            for operation in case.operations
        ]
        if case.point:
            act = Act.KILL if case.stopped is None else Act.STOP
            first.armed.arm(case.point, passages=case.passages, act=act)
        if case.second:
            second.armed.arm(case.second)
        insisting = asyncio.gather(*(client.insist([first, second], patience=PATIENCE) for client in clients))
        killing = asyncio.create_task(self._kill(case, insisting))
        await insisting
        killed = await killing
        for replica in self.replicas:
            replica.armed.disarm()
        recovered = asyncio.get_running_loop().time()
        await self._settle(clients, until=recovered + SETTLES_WITHIN)
        settled_in = asyncio.get_running_loop().time() - recovered
        await self._wait_for_owners()
        violations = [
            fault for client in clients for fault in judge(client, self.effects, parked=await self._is_parked(client))
        ]
        wanted = case.second or case.point
        return Verdict(
            seed=case.seed,
            point=wanted.words if wanted else "random",
            store=self.store.split(":")[0],
            was_hit=killed,
            settled_in=round(settled_in, 2),
            ended=dict(sequence_of(clients)),
            violations=violations,
        )

    async def _kill(self, case: Case, insisting: "asyncio.Future[list[None]]") -> bool:
        """See the killing through; says whether it came to it, at every point that the case names."""
        first, second = self.replicas
        if case.stopped is not None:
            return await _stop(first, case.stopped, insisting)
        if case.point is None:
            await asyncio.sleep(case.after)
            await first.kill()
        elif not await _ends(first, insisting):
            return False
        if case.both:
            await second.kill()
            if self.disk:
                self.disk.cut_power()
        await asyncio.sleep(case.away)
        await asyncio.gather(*(replica.up() for replica in self.replicas if not replica.is_up))
        if case.second is None or case.both:
            return case.second is None
        was_hit = await _ends(second, insisting)
        if was_hit:
            await second.up()
        return was_hit

    async def _tell_owners(self, case: Case) -> None:
        faults: dict[str, dict[str, Sequence[str]]] = {}
        for operation in case.operations:
            for system, of in operation.faults.items():
                faults.setdefault(system, {})[operation.mark] = [fault.value for fault in of]
        await ask(self.effects.port, "POST", "/control/faults", faults)

    async def _settle(self, clients: Sequence[Client], *, until: float) -> None:
        """Ask on, until nothing is under way any more; what is listed as not known is at rest."""
        waiting = [client for client in clients if client.last is None or client.last.status not in FINAL]
        while waiting and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(SETTLE_POLL)
            for client in waiting:
                await client.ask(self.replicas[0])
            waiting = [
                client
                for client in waiting
                if (client.last is None or client.last.status not in FINAL) and not await self._is_parked(client)
            ]

    async def _is_parked(self, client: Client) -> bool:
        """Say whether the gateway lists an operation as not known, for people to resolve."""
        return False

    async def _wait_for_owners(self) -> None:
        await self.effects.read()
        while self.effects.under_way:
            await asyncio.sleep(SETTLE_POLL)
            await self.effects.read()


async def _stop(replica: Replica, seconds: float, insisting: "asyncio.Future[list[None]]") -> bool:
    """Wait until a replica has stopped at its point, and wake it after so many seconds; says whether it came to it."""
    while replica.armed.hit() is None:
        if insisting.done():
            return False
        await asyncio.sleep(STOP_POLL)
    await asyncio.sleep(seconds)
    replica.go_on()
    await asyncio.sleep(AWAKE)
    return True


async def _ends(replica: Replica, insisting: "asyncio.Future[list[None]]") -> bool:
    """Wait until a replica has come to its point, as long as clients still want something of it."""
    ended = asyncio.create_task(replica.launcher.ended(replica.process_id))
    waited: set[asyncio.Future[Any]] = {ended, insisting}
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    if ended.done():
        return True
    await asyncio.wait({ended}, timeout=1.0)
    ended.cancel()
    return replica.launcher.has_ended(replica.process_id)
