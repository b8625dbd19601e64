"""What sharing calls and keeping values promise, measured over a whole gateway and the sandbox's systems.

Each figure is a row of docs/reliability.md. `python -m tests.faults.cached.run` prints the long form; the acceptance
tests ask the same in short.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import httpx
from msgspec import structs
from tests.acceptance.running import Deployment, deploy
from tests.faults.figure import Figure

from klantbeeld.app import build_app
from klantbeeld.cli.demo_tokens import token_for
from klantbeeld.outside import Outside
from klantbeeld.sandbox.launcher import Sandbox
from klantbeeld.sources.cached import CachedReads

PURPOSES = ("service", "advice", "collections", "marketing")
MAX_AGE, STALE_IF_ERROR = 60, 300
# The door lets all in at once: what is asked here is not how many.
SETTINGS = f"""
[gateway.door]
most = 10_000
adaptive = false

[cache]
max_age = {MAX_AGE}
stale_if_error = {STALE_IF_ERROR}
"""
READ = """
query Read($id: ID!) { customer(id: $id) {
  party { fullName provenance { freshness } }
  invoices(first: 5) { nodes { number provenance { freshness fetchedAt ageSeconds } } }
  sources { source state }
} }
"""
SEED = 20_261_126


@dataclass
class World:
    """A gateway that keeps values, its systems, and a clock for the age of values that the test moves."""

    sandbox: Sandbox
    deployment: Deployment
    client: httpx.AsyncClient
    ahead: timedelta = timedelta()
    tokens: dict[str, str] = field(default_factory=dict)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def read(self, customer: str, *, purpose: str = "service", who: str = "agent") -> Any:
        """Ask for a customer; gives the whole response."""
        if who not in self.tokens:
            self.tokens[who] = token_for(who, self.deployment.issuer, self.deployment.settings, minutes=60)
        headers = {"Authorization": f"Bearer {self.tokens[who]}", "Klantbeeld-Purpose": purpose}
        body = {"query": READ, "variables": {"id": customer}}
        answer = (await self.client.post("/graphql", json=body, headers=headers)).json()
        assert "data" in answer, answer
        return answer

    def calls(self, system: str, path: str) -> int:
        """Count the calls of a path that a system has had."""
        return sum(path in entry["path"] for entry in self.sandbox.log(system))  # type: ignore[arg-type]


@asynccontextmanager
async def world(sandbox: Sandbox, folder: Path, *, settings: str = SETTINGS) -> AsyncIterator[World]:
    """Open a gateway over the sandbox."""
    deployment = await asyncio.to_thread(deploy, folder, sandbox, change=lambda text: text + settings)
    made = World(sandbox, deployment, httpx.AsyncClient())
    async with build_app(deployment.settings, Outside(environ={}, log_to=BytesIO(), now=made.now)) as app:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test", timeout=60) as client:
            made.client = client
            for purpose in PURPOSES * 3:  # what a new document costs is another figure
                await made.read(deployment.customers["hendrik-smit"], purpose=purpose)
            yield made


async def deduplication(here: World, *, reads: int) -> list[Figure]:
    """Ask the same of a slow system many times at once, and then with other rights."""
    customer = here.deployment.customers["sanne-de-wit"]
    await asyncio.to_thread(here.sandbox.clear_log, "dataverse")
    await asyncio.to_thread(here.sandbox.set_fault, "dataverse", {"mode": "latency", "ms": 800})
    answers = await asyncio.gather(*(here.read(customer) for _ in range(reads)))
    equal = await asyncio.to_thread(here.calls, "dataverse", "/contacts")
    names = {answer["data"]["customer"]["party"]["fullName"] for answer in answers}
    other = here.deployment.customers["daan-van-dijk"]
    await asyncio.to_thread(here.sandbox.clear_log, "dataverse")
    await asyncio.gather(*(here.read(other, purpose=purpose) for purpose in PURPOSES[:2]))
    different = await asyncio.to_thread(here.calls, "dataverse", "/contacts")
    await asyncio.to_thread(here.sandbox.clear_fault, "dataverse")
    met = (equal, names, different) == (1, {"Sanne de Wit"}, 2)
    measured = f"{equal} call; {different} calls"
    test = f"{reads:,} concurrent equal reads; two callers with different rights"
    return [Figure("de-duplication", test, "1 call; 2 calls", measured, met)]


async def crossings(here: World, *, requests: int, at_once: int = 50) -> int:
    """Ask for customers with changing rights, in an order of chance; count who was served what others had fetched.

    Whoever asks with some rights for the first time has to be answered live: nothing was kept for these rights.
    """
    chance = Random(SEED)
    customers = sorted(set(here.deployment.customers.values()) - {here.deployment.customers["hendrik-smit"]})
    seen: set[tuple[str, str]] = set()
    wrong = 0
    for _ in range(requests // at_once):
        asked = [(chance.choice(PURPOSES), chance.choice(customers)) for _ in range(at_once)]
        answers = await asyncio.gather(*(here.read(customer, purpose=purpose) for purpose, customer in asked))
        new = set(asked) - seen
        for who, answer in zip(asked, answers, strict=True):
            party = answer["data"]["customer"]["party"]
            wrong += who in new and party is not None and party["provenance"]["freshness"] != "LIVE"
        seen |= new
    return wrong


@contextmanager
def without_rights() -> Iterator[None]:
    """Leave the caller's rights and purpose out of the names of values: a mutant that has to be caught."""
    slots: Callable[..., Any] = CachedReads._slots

    def mutated(self: CachedReads, question: Any, context: Any) -> Any:
        return slots(self, question, structs.replace(context, rights=""))

    with patch.object(CachedReads, "_slots", mutated):
        yield


async def staleness(here: World, *, rounds: int) -> Figure:
    """Take billing away and let time pass: within the limit each value says how old it is, beyond it there is none."""
    wrong, served = [], 0
    customers = [here.deployment.customers[key] for key in ("sanne-de-wit", "mila-hendriks", "daan-van-dijk")]
    for number in range(rounds):
        customer = customers[number % len(customers)]
        here.ahead += timedelta(seconds=MAX_AGE + STALE_IF_ERROR + 1)  # nothing of before is of use
        began = here.ahead
        live = await here.read(customer)
        fetched = {one["number"]: one["provenance"]["fetchedAt"] for one in _nodes(live)}
        await asyncio.to_thread(here.sandbox.set_fault, "stripe", {"mode": "status", "status": 503})
        for seconds, expected in (
            (MAX_AGE - 5, "CACHED"),
            (MAX_AGE + 5, "STALE"),
            (MAX_AGE + STALE_IF_ERROR - 10, "STALE"),
            (MAX_AGE + STALE_IF_ERROR + 1, None),
        ):
            here.ahead = began + timedelta(seconds=seconds)
            found = await here.read(customer)
            served += len(_nodes(found))
            wrong += list(_wrong(_nodes(found), fetched, expected, seconds))
            wrong += [f"other rights at {seconds} s" for _ in _nodes(await here.read(customer, purpose="collections"))]
        await asyncio.to_thread(here.sandbox.clear_fault, "stripe")
    measured = f"{served} values served, {len(wrong)} wrong{': ' + wrong[0] if wrong else ''}"
    return Figure(
        "stale",
        f"billing down {rounds} times, values within and beyond their limits",
        "every stale value marked with its age; none beyond; none across a change of rights",
        measured,
        not wrong and served > 0,
    )


def _nodes(answer: Any) -> list[Any]:
    invoices = answer["data"]["customer"]["invoices"]
    return list(invoices["nodes"]) if invoices else []


def _wrong(nodes: list[Any], fetched: dict[str, str], expected: str | None, seconds: int) -> Iterator[str]:
    if expected is None:
        yield from (f"beyond the limit at {seconds} s" for _ in nodes)
        return
    if len(nodes) != len(fetched):
        yield f"{len(nodes)} of {len(fetched)} at {seconds} s"
    for one in nodes:
        told = one["provenance"]
        if told["freshness"] != expected or told["fetchedAt"] != fetched[one["number"]]:
            yield f"{told['freshness']} at {seconds} s"
        if not seconds - 1 <= told["ageSeconds"] <= seconds + 30:
            yield f"age {told['ageSeconds']} at {seconds} s"


async def isolation(sandbox: Sandbox, folder: Path, *, requests: int) -> Figure:
    """Let callers with different rights meet over a warm cache, and do so again with the mutant."""
    async with world(sandbox, folder / "real") as here:
        real = await crossings(here, requests=requests)
    with without_rights():
        async with world(sandbox, folder / "mutant") as here:
            mutant = await crossings(here, requests=min(requests, 500))
    return Figure(
        "cache isolation",
        f"{requests:,} interleaved callers with different rights on a warm cache",
        "0 crossings, and the mutant without rights in the key is caught",
        f"{real} crossings; the mutant {mutant}",
        real == 0 and mutant > 0,
    )
