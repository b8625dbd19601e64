"""What is kept beside what came of a step, in one transaction with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from klantbeeld.store.transactions import Unit


@dataclass(frozen=True, slots=True)
class Event:
    """An event to be delivered: its id, and the CloudEvent as JSON."""

    id: str
    event: str


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept in the transaction that keeps what came of a step.

    `also` belongs to the step itself. `last` may take a lock that others wait for, so it comes last. `held_at` is given
    where another step begins with it: the lease has to hold at that moment.
    """

    events: Sequence[Event] = ()
    also: Unit[Any] | None = None
    last: Unit[int] | None = None
    held_at: datetime | None = None


NOTHING = Beside()
