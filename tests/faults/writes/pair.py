"""A pair of replicas over one store, through which one case after another is run."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.faults.writes.cases import Case
from tests.faults.writes.clients import Client
from tests.faults.writes.deployment import Deployment
from tests.faults.writes.disk import Disk
from tests.faults.writes.judge import SETTLES_WITHIN, Effects, judge, sequence_of
from tests.faults.writes.operations import Kind, Operation
from tests.faults.writes.points import Act
from tests.faults.writes.processes import Replica
from tests.faults.writes.wire import ask

PATIENCE = 25.0  # seconds that a client insists
SETTLE_POLL = 0.25
IMPATIENCE = 1.2  # seconds that a client waits for a replica that may have been stopped
AGAIN = 10  # tries, for an operation that is in somebody's hands
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
    has_journal: bool

    def customer(self) -> tuple[str, str]:
        """Take a customer whom nobody has touched."""
        return next(self.customers)

    @property
    def kind(self) -> str:
        """Which database the store is."""
        return self.store.split(":")[0]

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
        clients = [self._client(operation, case.seed) for operation in case.operations]
        if case.stopped is not None:
            for client in clients:
                client.waits = IMPATIENCE
        if self.has_journal:  # so that there is something to be evicted
            await asyncio.gather(*(client.read(replica) for client in clients for replica in self.replicas))
        if case.point:
            act = Act.KILL if case.stopped is None else Act.STOP
            first.armed.arm(case.point, passages=case.passages, act=act)
        if case.second:
            second.armed.arm(case.second)
        insisting = asyncio.gather(*(client.insist(self.replicas, patience=PATIENCE) for client in clients))
        killing = asyncio.create_task(self._kill(case, insisting))
        await insisting
        was_hit = await killing
        for replica in self.replicas:
            replica.armed.disarm()
        verdict = await self.see_through(clients)
        wanted = case.second or case.point
        return replace(verdict, seed=case.seed, point=wanted.words if wanted else "random", was_hit=was_hit)

    async def see_through(self, clients: Sequence[Client]) -> Verdict:
        """Ask on until everything is at rest, and judge what came of it."""
        recovered = asyncio.get_running_loop().time()
        await self._settle(clients, since=recovered)
        settled_in = asyncio.get_running_loop().time() - recovered
        if self.has_journal:
            await asyncio.gather(*(self._ask_again(client) for client in clients if client.last))
            await self._settle(clients, since=asyncio.get_running_loop().time())  # a refusal may have been tried again
        await self.wait_for_owners()
        return Verdict(
            seed=0,
            point="",
            store=self.kind,
            was_hit=True,
            settled_in=round(settled_in, 2),
            ended=dict(sequence_of(clients)),
            violations=[fault for client in clients for fault in judge(client, self.effects)],
        )

    def client(self, seed: int, kind: Kind) -> Client:
        """Make a client that wants something done for a customer whom nobody has touched."""
        return self._client(Operation(f"op{seed}x", kind, *self.customer()), seed)

    def again(self, client: Client, mark: str) -> Client:
        """Make a client that wants the same done once more, with another mark, for the same customer."""
        return self._client(replace(client.operation, mark=mark, faults={}), 0)

    def _client(self, operation: Operation, seed: int) -> Client:
        return Client(operation, self.deployment.token, random.Random(f"{seed} {operation.mark}"))

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
        first.armed.disarm()
        if case.second:
            first.armed.arm(case.second)
        await asyncio.sleep(case.away)
        await asyncio.gather(*(replica.up() for replica in self.replicas if not replica.is_up))
        return case.second is None or await self._kill_again(insisting)

    async def _kill_again(self, insisting: "asyncio.Future[list[None]]") -> bool:
        """See the second killing through, of whichever replica takes over; says whether it came to it."""
        found = await asyncio.gather(*(_ends(replica, insisting) for replica in self.replicas))
        await asyncio.gather(*(replica.up() for replica in self.replicas if not replica.is_up))
        return any(found)

    async def _ask_again(self, client: Client) -> None:
        """Read what was done; ask once more, for the same answer; ask for something else under the same key."""
        if client.last and client.last.status == "APPLIED":
            seen = [await client.read(replica) for replica in self.replicas]
            client.unseen_by = [place for place, found in enumerate(seen, 1) if found is False]
        for replica in self.replicas:
            for _ in range(AGAIN):
                told = await client.ask(replica)
                if told is None or told.status:
                    break
                await asyncio.sleep(SETTLE_POLL)
        await client.ask_otherwise(self.replicas[0])

    async def _tell_owners(self, case: Case) -> None:
        faults: dict[str, dict[str, Sequence[str]]] = {}
        for operation in case.operations:
            marked = {operation.mark: operation.faults, f"back {operation.customer}": operation.faults_back}
            for mark, known in marked.items():
                for system, of in known.items():
                    faults.setdefault(system, {})[mark] = [fault.value for fault in of]
        await ask(self.effects.port, "POST", "/control/faults", faults)

    async def _settle(self, clients: Sequence[Client], *, since: float) -> None:
        """Ask on, until nothing is under way any more; what is listed for people to settle is at rest."""
        loop = asyncio.get_running_loop()
        while waiting := [client for client in clients if not client.is_told and not client.is_listed]:
            if loop.time() > since + SETTLES_WITHIN:
                return
            await asyncio.sleep(SETTLE_POLL)
            await asyncio.gather(*(client.ask(self.replicas[0]) for client in waiting))
            await asyncio.gather(*(client.look_up(self.replicas[0]) for client in waiting if client.is_unknown))

    async def wait_for_owners(self) -> None:
        """Wait until the owners are doing nothing any more, and read what they did."""
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
