"""Load: requests at a steady rate, whatever becomes of them, and what came of each."""

import asyncio
import gc
import json
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from klantbeeld.errors import SourceError
from klantbeeld.sources.wire import Limits, Origin, Wire

SEED = 4
AHEAD = -10  # niceness
PATIENCE = 20.0  # seconds after which a client would give up

WHOLE = "query Q($id: ID!) { customer(id: $id) { party { fullName } billingAccounts { name } } }"
OTHERS = "query Q($id: ID!) { customer(id: $id) { party { fullName } } }"


@dataclass(frozen=True, slots=True)
class Answered:
    """One request: when it was sent, how long it took, its status (0 where nothing came), and the body.

    `late` is how long after its time it was sent, for want of a processor: what it took may be as much too long.
    """

    sent: float
    seconds: float
    status: int
    body: Any
    late: float = 0.0

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return self.status == 200 and "errors" not in self.body

    @property
    def has_others(self) -> bool:
        """Whether what the other systems hold is there."""
        return self.status == 200 and bool(self.body["data"]["customer"]["party"])

    @property
    def codes(self) -> list[str]:
        """The codes of what is missing."""
        return [error["extensions"]["code"] for error in self.body.get("errors", ())] if self.body else []


Choose = Callable[[random.Random], tuple[str, str]]
"""Gives a document and the headers' purpose of the next request, by chance."""


class Load:
    """Sends requests to one gateway over kept connections; lives as long as a row of the table."""

    def __init__(self, address: str, token: str, customers: Sequence[str]) -> None:
        self._origin = Origin.of(address)
        self._token = token
        self._customers = customers
        self._random = random.Random(SEED)

    async def run(self, document: str, *, rate: float, requests: int, deadline: float | None = None) -> list[Answered]:
        """Send so many requests of one document at a rate a second, and wait for all."""
        return await self.mix(lambda _: (document, "service"), rate=rate, requests=requests, deadline=deadline)

    async def mix(self, choose: Choose, *, rate: float, requests: int, deadline: float | None = None) -> list[Answered]:
        """Send so many requests, each of a document that is chosen for it."""
        wire = Wire(self._origin, Limits(connections=4_000, waiting=10_000, first_byte=PATIENCE, whole=PATIENCE))
        began = time.perf_counter()
        sent = []
        for number in range(requests):
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            document, purpose = choose(self._random)
            sent.append(asyncio.create_task(self._one(wire, document, purpose, deadline, due)))
        answers = await asyncio.gather(*sent)
        await wire.aclose()
        return list(answers)

    def request(self, document: str, purpose: str, deadline: float | None) -> tuple[dict[str, str], bytes]:
        """Make headers and body of one request for a customer of chance."""
        headers = {"authorization": f"Bearer {self._token}", "klantbeeld-purpose": purpose}
        headers |= {"content-type": "application/json"}
        if deadline is not None:
            headers["klantbeeld-deadline-ms"] = str(int(deadline * 1000))
        return headers, json.dumps(self.content(document)).encode()

    def content(self, document: str) -> dict[str, Any]:
        """Make the body of one request, before it is JSON."""
        return {"query": document, "variables": {"id": self._random.choice(self._customers)}}

    async def _one(self, wire: Wire, document: str, purpose: str, deadline: float | None, due: float) -> Answered:
        headers, body = self.request(document, purpose, deadline)
        lines = [(name.encode(), value.encode()) for name, value in headers.items()]
        sent = time.perf_counter()
        until = asyncio.get_running_loop().time() + PATIENCE
        try:
            reply = await wire.exchange("POST", "/graphql", lines, body, deadline=until)
        except SourceError:
            return Answered(sent, time.perf_counter() - sent, 0, None, sent - due)
        return Answered(sent, time.perf_counter() - sent, reply.status, json.loads(reply.body), sent - due)


@contextmanager
def on_time() -> Iterator[None]:
    """Send on time under much load: before all other processes, where that is allowed, and without collecting garbage.

    What is started meanwhile would go before all others too; so start it before.
    """
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    gc.collect()
    gc.disable()
    try:
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, AHEAD)
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, usual)
        gc.enable()


def share(values: Sequence[float], part: float) -> float:
    """Return what so large a part of some values does not exceed; infinite where there are none."""
    found = sorted(values)
    return found[min(int(len(found) * part), len(found) - 1)] if found else float("inf")
