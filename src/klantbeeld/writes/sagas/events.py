"""Steps that tell: an event for whoever listens, with ids and a topic, delivered by the outbox (CloudEvents 1.0.2)."""

import uuid
from collections.abc import Callable
from datetime import datetime

import msgspec

from klantbeeld.store.transactions import Transactions, Unit
from klantbeeld.writes.planning import Done, Waiting
from klantbeeld.writes.rows import OperationRow, StepRow
from klantbeeld.writes.sagas.payloads import Told, opened

INSERT = (
    "INSERT INTO outbox (id, operation_id, created_at, next_at, attempts, event) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO NOTHING"
)


class Teller:
    """Puts events into the outbox; lives as long as the store.

    `source` is the gateway's own URI reference, `wait` the longest wait for a turn in the store, in seconds.
    """

    def __init__(self, transactions: Transactions, *, source: str, wait: float, now: Callable[[], datetime]) -> None:
        self._transactions = transactions
        self._source = source
        self._wait = wait
        self._now = now

    async def tell(self, operation: OperationRow, step: StepRow, topic: str) -> None:
        """Keep an event, once for each step and topic; raises StoreError."""
        event_id = str(uuid.uuid5(uuid.UUID(operation.id), f"{step.seq}/{topic}"))
        now = self._now()
        event = {
            "specversion": "1.0",
            "id": event_id,
            "source": self._source,
            "type": f"klantbeeld.operation.{topic}.v1",
            "subject": operation.id,
            "time": now.isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": {
                "operationId": operation.id,
                "customerId": operation.customer_id,
                "mutation": operation.mutation,
                "step": step.act,
                "channel": operation.channel,
            },
        }
        written = msgspec.json.encode(event).decode()
        await self._transactions.run(_told((event_id, operation.id, now, now, 0, written)), wait=self._wait)


class Notices:
    """The handler of steps that tell; lives as long as the app."""

    def __init__(self, tell: Teller) -> None:
        self._tell = tell

    async def take(self, operation: OperationRow, step: StepRow, payload: bytes, /) -> Done | Waiting:
        """Tell, and go on."""
        await self._tell.tell(operation, step, opened(payload, Told).topic)
        return Done(applied=True)


def _told(values: tuple[object, ...]) -> Unit[None]:
    yield INSERT, values
