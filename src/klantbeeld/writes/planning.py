"""Plans: what is to be done at which source, in which order, before anything of it is done."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import msgspec

from klantbeeld.sdk.acts import Act
from klantbeeld.sdk.words import Channel
from klantbeeld.sources.context import CallContext
from klantbeeld.store.transactions import Unit
from klantbeeld.writes.rows import OperationRow, OperationView, StepRow
from klantbeeld.writes.states import CALL, Policy


class PlannedStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a plan; its place in the plan is its sequence.

    `payload` is what it works with and is kept sealed: for a call the act of the sdk, whose key is filled in here, and
    for another kind whatever its handler reads (anything that msgspec encodes as JSON). A step that is `left_out`, with
    the code that says why, is shown and counts for nothing. A step that `compensates` another is done only when the
    operation goes back. `prepare` names a `Preparer`.
    """

    kind: str = CALL
    act: str
    source: str | None = None
    role: str | None = None
    payload: Any = None
    optional: bool = False
    left_out: str | None = None
    compensates: int | None = None
    prepare: str | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a mutation wants done, and whose wish it is.

    `caller` is who asks, in words that stay the same from request to request; with the mutation and the caller's `key`
    it makes the operation the same one when it is asked again. `asked` is the input, for the fingerprint.
    """

    mutation: str
    customer_id: str | None
    channel: Channel
    caller: str
    asked: Mapping[str, Any]
    steps: tuple[PlannedStep, ...]
    key: str | None = None
    policy: Policy = Policy.BACKWARD


class Done(msgspec.Struct, frozen=True):
    """A step that ended. `customer_id` becomes the operation's, where the step found or made the customer.

    `also` is written in the transaction that keeps that it ended.
    """

    applied: bool
    code: str | None = None
    reason: str | None = None
    record_id: str | None = None
    customer_id: str | None = None
    also: Unit[Any] | None = None


class Waiting(msgspec.Struct, frozen=True):
    """A step that waits: for a person where `approval`, else for a date or an event; asked again at `wake_at`."""

    wake_at: datetime | None = None
    approval: bool = False


class Prepared(msgspec.Struct, frozen=True):
    """What a call is sent with, and the step that undoes it where that is known only now.

    `seen` is the version of what it changes, where that was read along.
    """

    act: Act
    undo: PlannedStep | None = None
    seen: str | None = None


class StepHandler(Protocol):
    """Does the steps of one kind, other than calls; a crash repeats it, so twice must be as once."""

    async def take(self, operation: OperationRow, step: StepRow, payload: bytes, /) -> Done | Waiting:
        """Do a step, or say what it waits for."""
        ...


class Preparer(Protocol):
    """Completes a call just before it is sent; what it gives is durable before the first byte is."""

    async def prepare(self, view: OperationView, step: StepRow, act: Act, context: CallContext, /) -> Prepared:
        """Complete an act of an operation as it stands.

        Raises SourceError where what it needs cannot be read, and nothing is sent then.
        """
        ...


@dataclass(frozen=True, slots=True)
class Extensions:
    """What other rooms and packages add: handlers of steps by kind, preparers by name.

    The handlers of the kinds in `reading` write nothing but what they give as `also`.
    """

    handlers: Mapping[str, StepHandler] = field(default_factory=dict)
    reading: frozenset[str] = frozenset()
    preparers: Mapping[str, Preparer] = field(default_factory=dict)
