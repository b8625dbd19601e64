"""Events: what a write changed, for other systems: ids and names of fields, never values (CloudEvents 1.0.2).

An event is written in the transaction that keeps what came of the step, and delivered later, at least once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from klantbeeld.sdk.acts import Act
from klantbeeld.writes.beside import Event
from klantbeeld.writes.rows import OperationRow, StepRow

CHANGED = "klantbeeld.customer.changed.v1"
BESIDE = frozenset(Act.__struct_fields__)  # members of every act, which are no fields of the customer


@dataclass(frozen=True, slots=True)
class CustomerChanged:
    """Makes the events of steps; lives as long as the app. `source` is the gateway's own URI reference."""

    source: str
    new_id: Callable[[], str]
    now: Callable[[], datetime]

    def __call__(self, operation: OperationRow, step: StepRow, act: Act) -> Sequence[Event]:
        """Make the event of a step that was applied."""
        event_id = self.new_id()
        event = {
            "specversion": "1.0",
            "id": event_id,
            "source": self.source,
            "type": CHANGED,
            "subject": operation.customer_id,
            "time": self.now().isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": {
                "customerId": operation.customer_id,
                "operationId": operation.id,
                "mutation": operation.mutation,
                "source": step.source,
                "act": step.act,
                "fields": fields_of(act),
                "channel": operation.channel,
            },
        }
        return (Event(event_id, msgspec.json.encode(event).decode()),)


def no_events(_operation: OperationRow, _step: StepRow, _act: Act) -> Sequence[Event]:
    """Make no event: nobody asked for any."""
    return ()


def fields_of(act: Act) -> list[str]:
    """Name the members that an act changes."""
    return [name for name in act.__struct_fields__ if name not in BESIDE and getattr(act, name) is not None]
