"""What a root field may ask for before anything below it is read: customers, searches, writes.

The engine is what stands behind it, and checks rows: a customer that the caller may not see does not exist.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, Protocol

from klantbeeld.graph.answers import Answers, Moment
from klantbeeld.graph.customer import Customer
from klantbeeld.graph.ids import RecordId
from klantbeeld.sdk.read import Read
from klantbeeld.sdk.records import Record
from klantbeeld.sdk.roles import Role
from klantbeeld.sdk.words import Channel, MatchKind
from klantbeeld.sources.source import Source
from klantbeeld.writes.outcomes import WriteOutcome


class Safety(Protocol):
    """What a caller gives with a write to make it safe."""

    channel: Channel
    idempotency_key: str | None


class Roots(Protocol):
    """Lives as long as one operation."""

    @property
    def moment(self) -> Moment:
        """Time, language, settings and rights of the request."""
        ...

    @property
    def opened(self) -> Collection[Source]:
        """The sources of this deployment."""
        ...

    @property
    def events(self) -> Sequence[Any]:
        """What happened, for a field of the subscription, in the order in which it did."""
        ...

    @property
    def has_missed(self) -> bool:
        """Whether more happened than could be kept."""
        ...

    def changes_of(self, customer_id: str) -> AsyncIterator[Any]:
        """Listen to the changes of a customer."""
        ...

    def covers(self, customer: Customer, scope: str, coordinate: str) -> bool:
        """Say whether a customer that was found released a field of that scope to the caller."""
        ...

    async def me(self) -> Customer | None:
        """Return the customer behind the token."""
        ...

    async def customers(self, ids: Sequence[str]) -> list[Customer | None]:
        """Return the customers with these ids, in their order; raises RequestError with ID_INVALID."""
        ...

    async def by_reference(self, source: str, record_id: str) -> Customer | None:
        """Return the customer of a source's record; raises RequestError with UNKNOWN_SOURCE."""
        ...

    async def by_match_key(self, kind: MatchKind, value: str) -> list[Customer]:
        """Return the customers whom the identity map knows by a normalised value."""
        ...

    async def ask(self, read: Read, **arguments: Any) -> Answers[Any]:
        """Ask every source that has the role; for searches, which are about no customer yet."""
        ...

    async def read_of(self, read: Read, customers: Sequence[Customer]) -> dict[str, Answers[Any]]:
        """Ask one read about some customers; returns the answers by customer id."""
        ...

    async def of_records(self, records: Sequence[Record]) -> list[Customer | None]:
        """Return the customers of records that a search found, in their order; unknown ones are None."""
        ...

    async def record(self, read: Read, wanted: RecordId) -> Record | None:
        """Return one record with all its members, if the caller may see its customer and it is the customer's."""
        ...

    async def holder(self, read: Read, wanted: RecordId, customer: Customer) -> str | None:
        """Return the source's id of the customer whose a record is; None where it is not this customer's.

        Nothing else is read of the record, and it needs no right to see it. Raises Unanswered when nobody can say.
        """
        ...

    def seal(self, place: int, binding: tuple[str, str]) -> str:
        """Return the cursor of a place in a list of one page, bound to a field and an argument."""
        ...

    def open(self, cursor: str, binding: tuple[str, str]) -> int:
        """Return the place behind a cursor; raises RequestError with CURSOR_INVALID."""
        ...

    def key_of(self, safety: Safety) -> str | None:
        """Return the idempotency key of a mutation, from its input or the request's header.

        Raises KeyRefused where the two differ, where the header holds none, and where one is required and missing.
        """
        ...

    async def write(
        self,
        role: Role,
        act: str,
        customer: Customer,
        values: Mapping[str, Any],
        safety: Safety,
        *,
        mutation: str,
        source: str | None = None,
        holder: str | None = None,
    ) -> WriteOutcome:
        """Write through to the owner, or to the source named; raises Unanswered when there is none.

        Raises KeyRefused for a key that came with another input, Overloaded for a write that is under way or cannot be
        noted down; nothing was sent then. `mutation` is the field's name.

        `holder` is the owner's id of the customer, where the record that changes tells it.
        """
        ...
