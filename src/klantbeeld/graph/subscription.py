"""What can be listened to: each event is an answer of its own, read when it happens."""

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Protocol

import strawberry
from strawberry import Parent
from strawberry.utils.str_converters import to_camel_case

from klantbeeld.errors import RequestError
from klantbeeld.graph.customer import IDENTITY, Customer
from klantbeeld.graph.data import Data
from klantbeeld.graph.joined import subscribed
from klantbeeld.graph.operations import OPERATED, Operation, OperationId, find_operation
from klantbeeld.graph.roots import Roots
from klantbeeld.sdk.words import Channel


@strawberry.enum(description="How the gateway learnt that something changed.")
class Learnt(StrEnum):
    """By a WRITE through the gateway, a WEBHOOK of the source, or a POLL of it."""

    WRITE = "WRITE"
    WEBHOOK = "WEBHOOK"
    POLL = "POLL"


class Change(Protocol):
    """What a feed tells of one customer.

    `kinds` are capabilities of roles (`contact_media`), none where that is not known. `source` is "" for the gateway
    itself, and where more changed than could be told one by one.
    """

    @property
    def source(self) -> str:
        """Name of the source."""
        ...

    @property
    def kinds(self) -> Collection[str]:
        """What of it."""
        ...

    @property
    def at(self) -> datetime:
        """When the gateway learnt of it, in UTC."""
        ...

    @property
    def channel(self) -> str | None:
        """The channel of the write."""
        ...

    @property
    def how(self) -> str:
        """WRITE, WEBHOOK or POLL."""
        ...


@strawberry.type(description="Something that changed in a source.")
class RecordChange:
    """What changed, never how."""

    source: str = strawberry.field(description="Name of the source.")
    fields: list[str] = strawberry.field(
        description="Fields of the customer that show it, of those that you may see; none where that is not known."
    )
    at: datetime = strawberry.field(description="When the gateway learnt of it.")
    channel: Channel | None = strawberry.field(description="The channel through which it came, if through the gateway.")
    learnt: Learnt = strawberry.field(description="How the gateway learnt of it.")


@strawberry.type(description="That something of a customer changed, and the customer as they are now.")
class CustomerChange:
    """One event; what changed while an earlier one was on its way is told as one."""

    changes: list[RecordChange] = strawberry.field(description="What changed, oldest first, of what you may see.")
    is_complete: bool = strawberry.field(
        description="Whether that is everything; if not, read again whatever you show."
    )
    customer: Customer | None = strawberry.field(description="The customer, read after the change.")


async def listen_to_customer(roots: Roots, id: str) -> AsyncIterator[Change]:  # noqa: A002 - GraphQL's name
    """Listen to the changes of a customer; raises RequestError with CUSTOMER_UNKNOWN."""
    return roots.changes_of(str((await _visible(roots, id)).id))


async def listen_to_operation(roots: Roots, id: str) -> AsyncIterator[None]:  # noqa: A002 - GraphQL's name
    """Listen to how an operation moves; raises RequestError with OPERATION_UNKNOWN."""
    return roots.progress_of(str((await _known(roots, id)).id))


CustomerId = Annotated[strawberry.ID, strawberry.argument(description="Id of the customer.")]


@strawberry.type(description="What can be listened to.")
class Subscription:
    """What can be listened to."""

    @subscribed(listen_to_customer, data=IDENTITY)
    async def customer_changed(roots: Parent[Roots], id: CustomerId) -> CustomerChange | None:  # noqa: A002 - as above
        """Whenever something of a customer changed that you may see; ends when the customer is not yours to see.

        A change may be told more than once, as where a write is repeated with its key.
        """
        customer = await _visible(roots, id)
        told = [shown for change in roots.events if (shown := _shown(change, customer, roots))]
        unnamed = any(not change.source for change in roots.events)
        if not told and not unnamed and not roots.has_missed:
            return None
        return CustomerChange(changes=told, is_complete=not unnamed and not roots.has_missed, customer=customer)

    @subscribed(listen_to_operation, data=OPERATED)
    async def operation_progress(roots: Parent[Roots], id: OperationId) -> Operation | None:  # noqa: A002 - as above
        """Where a write stands, at once and whenever it moves; ends with it."""
        return await _known(roots, id)


async def _known(roots: Roots, operation_id: str) -> Operation:
    found = await find_operation(roots, operation_id)
    if found is None:
        raise RequestError("no such operation", code="OPERATION_UNKNOWN")
    return found


async def _visible(roots: Roots, customer_id: str) -> Customer:
    (customer,) = await roots.customers([customer_id])
    if customer is None:
        raise RequestError("no such customer, or not yours to see", code="CUSTOMER_UNKNOWN")
    return customer


def _shown(change: Change, customer: Customer, roots: Roots) -> RecordChange | None:
    """Return what the caller may hear of a change; None for nothing."""
    if not change.source:
        return None
    fields = [name for name in change.kinds if name in rules()]
    released = [name for name in fields if _may(name, customer, roots)]
    if not released and (fields or not any(_may(name, customer, roots) for name in _of_source(change.source, roots))):
        return None
    return RecordChange(
        source=change.source,
        fields=[to_camel_case(name) for name in released],
        at=change.at,
        channel=Channel(change.channel) if change.channel else None,
        learnt=Learnt(change.how),
    )


def _may(name: str, customer: Customer, roots: Roots) -> bool:
    rule = rules()[name]
    return roots.moment.may(rule) and roots.covers(customer, rule.scope, f"Customer.{to_camel_case(name)}")


def _of_source(source: str, roots: Roots) -> Iterator[str]:
    """Give the customer's fields that sources of the same roles own."""
    owned = {role for one in roots.opened if one.name == source for role in one.roles}
    return (name for name, rule in rules().items() if rule.owner in owned)


@cache
def rules() -> dict[str, Data]:
    """Return the rules of the customer's fields, by their Python names: a kind of record is named as its field is."""
    definition: Any = Customer.__strawberry_definition__  # type: ignore[attr-defined]  # strawberry puts it there
    found = ((one.python_name, _rule(one.directives)) for one in definition.fields)
    return {name: rule for name, rule in found if rule}


def _rule(directives: Sequence[object]) -> Data | None:
    return next((one for one in directives if isinstance(one, Data)), None)
