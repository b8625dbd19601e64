"""A client: asks until it is told what came of its mutation, of whichever replica answers, always with the same key."""

import asyncio
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.faults.writes.operations import Operation
from tests.faults.writes.wire import PATIENCE, Answer, Unanswered, ask

FINAL = frozenset({"APPLIED", "NOT_APPLIED", "COMPENSATED"})
LISTED = "query Listed($id: ID!) { operation(id: $id) { status parked } }"
SILENT = frozenset({"TIMEOUT", "UNAVAILABLE"})
OK = 200
TOKEN = "klantbeeld-consistency-token"
GIVES_UP = 2.0  # seconds after which it believes that nobody knows
LONGEST_PAUSE = 0.4  # seconds between two tries


class Asked(Protocol):
    """A gateway, as a client knows it."""

    @property
    def port(self) -> int:
        """Where it listens."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a client was told of its mutation, and when: a status with its operation, or a code of an error."""

    at: float
    status: str | None = None
    operation_id: str | None = None
    code: str | None = None
    token: str | None = None


@dataclass(slots=True)
class Client:
    """Wants one operation done; remembers all that it was told. `waits` so many seconds for an answer."""

    operation: Operation
    token: str
    chance: random.Random
    told: list[Told] = field(default_factory=list)
    told_otherwise: Told | None = None
    is_listed: bool = False
    unseen_by: list[int] = field(default_factory=list)
    waits: float = PATIENCE

    @property
    def last(self) -> Told | None:
        """The last that it was told of its mutation, errors apart."""
        return next((one for one in reversed(self.told) if one.status), None)

    @property
    def is_told(self) -> bool:
        """Whether it was told what came of its mutation."""
        return self.last is not None and self.last.status in FINAL

    @property
    def is_unknown(self) -> bool:
        """Whether it was told, as the last, that it is not known."""
        return self.last is not None and self.last.status == "UNKNOWN"

    async def insist(self, replicas: Sequence[Asked], *, patience: float) -> None:
        """Ask until it is applied, proved not to be, or taken back; for so many seconds at most."""
        until = asyncio.get_running_loop().time() + patience
        place = 0
        while asyncio.get_running_loop().time() < until:
            told = await self.ask(replicas[place % len(replicas)])
            if told and told.status in FINAL and not self._tries_again(told):
                return
            if self.is_unknown and told and self.told[0].at < told.at - GIVES_UP:
                return
            place += self.chance.choice((0, 1))
            await asyncio.sleep(self.chance.uniform(0.02, LONGEST_PAUSE))

    async def ask(self, replica: Asked) -> Told | None:
        """Ask once; None where no answer came."""
        told = await self._post(replica, self.operation.request)
        if told:
            self.told.append(told)
        return told

    async def ask_otherwise(self, replica: Asked) -> None:
        """Ask for something else under the same key, once, to be refused."""
        self.told_otherwise = await self._post(replica, self.operation.other_request)

    async def look_up(self, replica: Asked) -> None:
        """Ask whether its operation is listed as one that only a person can settle."""
        if self.last is None:
            return
        request = {"query": LISTED, "variables": {"id": self.last.operation_id}}
        answer = await self._send(replica, request)
        found = ((answer.body or {}).get("data") or {}).get("operation") if answer else None
        self.is_listed = bool(found and found["status"] == "UNKNOWN" and found["parked"])

    async def read(self, replica: Asked) -> bool | None:
        """Read what it changed, with the token that it got: whether it is there; None where nothing can be read."""
        if self.operation.kind.read is None:
            return None
        token = self.last.token if self.last else None
        answer = await self._send(replica, self.operation.reading, **({TOKEN: token} if token else {}))
        if answer is None or answer.status != OK or "errors" in answer.body:
            return None
        states = {source["state"] for source in answer.body["data"]["customer"]["sources"]}
        if states & SILENT:  # a list without what one of its sources has is an answer, and says nothing here
            return None
        return self.operation.mark in json.dumps(answer.body)

    async def _post(self, replica: Asked, request: Mapping[str, Any]) -> Told | None:
        answer = await self._send(replica, request)
        if answer is None:
            return None
        return read(answer, self.operation.kind.mutation, at=asyncio.get_running_loop().time())

    async def _send(self, replica: Asked, request: Mapping[str, Any], **more: str) -> Answer | None:
        headers = {"authorization": f"Bearer {self.token}", "accept": "application/json", **more}
        try:
            return await ask(replica.port, "POST", "/graphql", request, headers=headers, patience=self.waits)
        except Unanswered:
            return None

    def _tries_again(self, told: Told) -> bool:
        """Say whether a refusal may pass: what the owner refuses by its rules stays refused."""
        refused = any(fault.value == "refused" for faults in self.operation.faults.values() for fault in faults)
        return told.status == "NOT_APPLIED" and not refused and len(self.told) < 4


def read(answer: Answer, mutation: str, *, at: float) -> Told:
    """Read what an answer says of a mutation."""
    body: Any = answer.body or {}
    payload = (body.get("data") or {}).get(mutation)
    if payload:
        return Told(at, payload["status"], payload["operationId"], token=payload.get("consistencyToken"))
    errors = body.get("errors") or [{}]
    return Told(at, code=(errors[0].get("extensions") or {}).get("code", str(answer.status)))
