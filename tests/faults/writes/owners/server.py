"""The owning systems over HTTP, in one process that prints its port and serves until standard input ends.

GET /crm/customers/C1                     a record, with its version
PATCH /crm/customers/C1                   change it; If-Match, Idempotency-Key
POST /complaints/customers/C1/complaints  make something; Reference, Idempotency-Key
GET /complaints/customers/C1/complaints   what was made; GET /complaints/complaints/ID for one
POST /control/faults                      {system: {mark: [fault, …]}}; `back C1` is what takes back
GET /control/effects?crm=0&billing=12     what was done since a place, and how much is still to be done
"""

import asyncio
import hashlib
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.faults.writes.owners.faults import Fault, Script
from tests.faults.writes.owners.system import MARK, Protection, Refused, System

SYSTEMS = ("crm", "billing", "complaints", "marketing")
KINDS = ("complaints", "interactions", "reports")

CARELESS = "billing"  # gives the first answer to a key, whatever comes with it
MEMORY = 5.0  # seconds for which a key is remembered
REST_WITHIN = 1.0  # seconds in which a request that has begun has to be there, as every server has it
SLOW = 0.15
SILENCE = 1.0  # longer than the gateway waits
LATE = 1.0  # a write that is done late is done so long after it came
HEAD = "HTTP/1.1 {status} {word}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Request:
    """One request, read whole."""

    method: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class Owners:
    """All systems, their faults and what is under way; lives as long as the process."""

    def __init__(self) -> None:
        self.systems = {
            name: System(name, memory=MEMORY, compares=name != CARELESS, clock=time.monotonic) for name in SYSTEMS
        }
        self.scripts = {name: Script() for name in SYSTEMS}
        self.received: Counter[str] = Counter()
        self.under_way = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until it ends."""
        try:
            while request := await read_request(reader):
                answer = await self._answer(request)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # whoever asked is gone, or the suite ends
        finally:
            writer.close()

    async def _answer(self, request: Request) -> bytes | None:
        place, *rest = request.path
        if place == "control":
            return reply(200, self._control(request, rest))
        system = self.systems[place]
        try:
            if request.method == "GET":
                return reply(200, _read(system, rest))
            return await self._write(system, request, rest)
        except Refused as refusal:
            return reply(refusal.status, {"error": refusal.code})

    def _control(self, request: Request, rest: Sequence[str]) -> Any:
        if rest == ["faults"]:
            for name, of in json.loads(request.body).items():
                self.scripts[name].learn(of)
            return {}
        since = {name: int(request.query.get(name, "0")) for name in SYSTEMS}
        effects = {name: self.systems[name].effects(place) for name, place in since.items()}
        return {"effects": effects, "under_way": self.under_way, "received": self.received}

    async def _write(self, system: System, request: Request, rest: Sequence[str]) -> bytes | None:
        found = MARK.search(request.body.decode())
        mark = found.group() if found else f"back {rest[1]}"
        fault = self.scripts[system.name].next(mark)
        self.received[f"{system.name} {mark}"] += 1
        self.under_way += 1
        try:
            return await self._with(fault, system, request, rest)
        finally:
            self.under_way -= 1

    async def _with(self, fault: Fault, system: System, request: Request, rest: Sequence[str]) -> bytes | None:
        """Carry a write out with a fault; None closes the connection without an answer."""
        headers = request.headers
        given = Protection(*(headers.get(name) or None for name in ("if-match", "idempotency-key", "reference")))
        digest = hashlib.sha256(request.method.encode() + repr(rest).encode() + request.body).hexdigest()
        if fault is Fault.UNAVAILABLE:
            return reply(503, {"error": "unavailable"})
        if known := system.begin(given, digest):
            return reply(200, known)
        try:
            answer = await _carried_out(fault, system, rest, json.loads(request.body), given)
        except Refused:
            system.abandon(given)
            raise
        if fault is Fault.SLOW:
            await asyncio.sleep(SLOW)
        if fault is Fault.LOST:
            await asyncio.sleep(SILENCE)
        if fault is Fault.BROKEN:
            return reply(500, {"error": "broken"})
        return None if fault is Fault.CUT else reply(200, answer)


def _read(system: System, rest: Sequence[str]) -> Any:
    match rest:
        case ["customers", customer]:
            return system.read(customer)
        case ["customers", customer, kind] if kind in KINDS:
            return {"items": system.items(customer, kind)}
        case [kind, item] if kind in KINDS:
            return system.item(kind, item)
    raise Refused(404, "unknown")


async def _carried_out(
    fault: Fault, system: System, rest: Sequence[str], values: dict[str, str], given: Protection
) -> dict[str, Any]:
    """Do a write, now or late; raises Refused."""
    if fault is Fault.REFUSED:
        raise Refused(422, "rule")
    if fault is Fault.LATE:
        await asyncio.sleep(LATE)
    match rest:
        case ["customers", customer]:
            return system.change(customer, values, given)
        case ["customers", customer, kind] if kind in KINDS:
            return system.create(customer, kind, values, given)
    raise Refused(404, "unknown")


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Read one request; None where the connection has ended, or the rest of a request does not come."""
    try:
        first = await reader.readexactly(1)
        async with asyncio.timeout(REST_WITHIN):
            return await _read_rest(first, reader)
    except (asyncio.IncompleteReadError, TimeoutError):
        return None


async def _read_rest(first: bytes, reader: asyncio.StreamReader) -> Request:
    head = first + await reader.readuntil(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").rstrip().split("\r\n")
    method, target, _ = line.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    path = tuple(unquote(one) for one in parts.path.strip("/").split("/"))
    return Request(method, path, dict(parse_qsl(parts.query)), headers, body)


def reply(status: int, body: Any) -> bytes:
    """Write an answer."""
    encoded = json.dumps(body).encode()
    return HEAD.format(status=status, word="Status", length=len(encoded)).encode() + encoded


async def run() -> None:
    """Listen on a free port, say which, and serve until standard input ends."""
    owners = Owners()
    server = await asyncio.start_server(owners.serve, "127.0.0.1", 0, backlog=2_048)
    ended = asyncio.Event()
    threading.Thread(target=_wait_for_end, args=(asyncio.get_running_loop(), ended), daemon=True).start()
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await ended.wait()


def _wait_for_end(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    sys.stdin.buffer.read()
    loop.call_soon_threadsafe(ended.set)


if __name__ == "__main__":
    asyncio.run(run())
