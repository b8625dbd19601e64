"""The judgement: what the owners' logs and the clients' answers say, and nothing else.

An effect of an operation is an entry in which its mark comes to stand; it is taken back by an entry in which its mark
no longer stands.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.faults.writes.clients import FINAL, Client
from tests.faults.writes.operations import Operation
from tests.faults.writes.owners.server import SYSTEMS
from tests.faults.writes.wire import ask

SETTLES_WITHIN = 60.0  # seconds


@dataclass(slots=True)
class Effects:
    """All that the owners have done so far, by customer; read on from where the last reading ended."""

    port: int
    of_customer: dict[str, list[Mapping[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    under_way: int = 0
    received: Counter[str] = field(default_factory=Counter)
    _read: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SYSTEMS, 0))

    async def read(self) -> None:
        """Read what has come since."""
        query = "&".join(f"{name}={place}" for name, place in self._read.items())
        told = (await ask(self.port, "GET", f"/control/effects?{query}")).body
        for name, effects in told["effects"].items():
            for effect in effects[max(0, self._read[name] - effects[0]["place"]) if effects else 0 :]:
                self.of_customer[effect["customer"]].append(effect)
                self._read[name] = effect["place"] + 1
        self.under_way = told["under_way"]
        self.received = Counter(told["received"])

    def done(self, operation: Operation) -> Counter[str]:
        """Count by system how often an operation was done; a second time over itself counts too."""
        return Counter(one["system"] for one in self._of(operation) if one["after"] == operation.mark)

    def taken_back(self, operation: Operation) -> Counter[str]:
        """Count by system how often an operation was taken back."""
        before = [one for one in self._of(operation) if one["before"] == operation.mark]
        return Counter(one["system"] for one in before if one["after"] != operation.mark)

    def first_at(self, operation: Operation) -> float | None:
        """Tell when an operation was first done anywhere."""
        return min((one["at"] for one in self._of(operation) if one["after"] == operation.mark), default=None)

    def _of(self, operation: Operation) -> Sequence[Mapping[str, Any]]:
        return self.of_customer[operation.customer]


def judge(client: Client, effects: Effects) -> list[str]:
    """Say what is wrong with what came of an operation; nothing if nothing is."""
    return [f"{client.operation.mark}: {fault}" for fault in _faults(client, effects)]


def _faults(client: Client, effects: Effects) -> Iterator[str]:
    done, taken_back = effects.done(client.operation), effects.taken_back(client.operation)
    for system in client.operation.kind.systems:
        if done[system] > 1:
            yield f"{done[system]} effects in {system}"
        if taken_back[system] > 1:
            yield f"taken back {taken_back[system]} times in {system}"
    yield from _untrue(client, done - taken_back)
    yield from _contradictions(client, effects)
    for replica in client.unseen_by:
        yield f"acknowledged, and not seen by a read through replica {replica}"


def _untrue(client: Client, holds: Counter[str]) -> Iterator[str]:
    """Find what was told last and is not so; `holds` are the systems in which the operation stands."""
    if any(told.status == "APPLIED" for told in client.told):
        missing = [name for name in client.operation.kind.systems if not holds[name]]
        if missing:
            yield f"acknowledged, and not in {', '.join(missing)}"
    status = client.last.status if client.last else None
    if status is None:
        yield f"no answer told what came of it (last: {client.told[-1].code if client.told else 'none'})"
    elif status in {"NOT_APPLIED", "COMPENSATED"} and holds:
        yield f"told {status}, and done in {', '.join(sorted(holds))}"
    elif status == "UNKNOWN" and not client.is_listed:
        yield "not known, and not listed as such"
    elif status not in FINAL | {"UNKNOWN"}:
        yield f"left {status}"


def _contradictions(client: Client, effects: Effects) -> Iterator[str]:
    """Find answers that cannot both be true, and refusals that were not."""
    ids = {told.operation_id for told in client.told if told.operation_id}
    if len(ids) > 1:
        yield f"one key, {len(ids)} operations"
    first = effects.first_at(client.operation)
    if any(told.status == "NOT_APPLIED" and first is not None and first < told.at for told in client.told) and not any(
        effects.taken_back(client.operation).values()
    ):
        yield "told NOT_APPLIED after it was done"
    if client.told_otherwise is not None and client.told_otherwise.status:
        yield f"another input under its key was taken: {client.told_otherwise.status}"
    statuses = [told.status for told in client.told if told.status]
    if "APPLIED" in statuses and set(statuses[statuses.index("APPLIED") :]) != {"APPLIED"}:
        yield f"told APPLIED, then {statuses[-1]}"


def sequence_of(clients: Sequence[Client]) -> Counter[str]:
    """Count how the operations ended."""
    return Counter((client.last.status if client.last else None) or "NO ANSWER" for client in clients)
