"""What a root field may ask for before anything below it is read: customers, searches, writes.

The engine is what stands behind it, and checks rows: a customer that the caller may not see does not exist.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from klantbeeld.graph.answers import Answers, Moment
from klantbeeld.graph.customer import Customer
from klantbeeld.graph.ids import RecordId
from klantbeeld.sdk.read import Read
from klantbeeld.sdk.records import Record
from klantbeeld.sdk.roles import Role
from klantbeeld.sdk.sagas import Given, Saga
from klantbeeld.sdk.words import Channel, MatchKind
from klantbeeld.sources.source import Source
from klantbeeld.writes.outcomes import WriteOutcome
from klantbeeld.writes.rows import OperationView
from klantbeeld.writes.sagas.registering import NewCustomer
from klantbeeld.writes.sagas.tasks import Decision, Task, TaskState


class Safety(Protocol):
    """What a caller gives with a write to make it safe."""

    channel: Channel
    idempotency_key: str | None

    def model_dump(self, *, mode: str, exclude: set[str]) -> dict[str, Any]:
        """Return what was asked, as JSON has it."""
        ...


class Desk(Protocol):
    """Where a caller finds the tasks that are theirs to decide, and decides them; lives as long as one operation."""

    async def listed(self, states: Sequence[TaskState], *, first: int, skip: int) -> list[Task]:
        """List tasks that the caller may decide, the oldest first."""
        ...

    async def claim(self, task_id: str) -> tuple[Task, OperationView]:
        """Claim a task; raises RequestError."""
        ...

    async def complete(self, task_id: str, decision: Decision) -> tuple[Task, OperationView]:
        """Decide a task and carry its operation on; raises RequestError."""
        ...

    async def signal(self, operation_id: str, event: str) -> OperationView:
        """Tell an operation that an event came; raises RequestError with OPERATION_NOT_WAITING if none is awaited."""
        ...

    def is_own(self, person: bytes | None) -> bool:
        """Say whether a kept hash is the caller's."""
        ...


@dataclass(frozen=True, slots=True)
class FoundOperation:
    """An operation, and the customer whom it is about, as far as the caller may see it."""

    view: OperationView
    customer: Customer | None


class Roots(Protocol):
    """Lives as long as one operation."""

    @property
    def sagas(self) -> Mapping[str, Saga]:
        """The sagas of this deployment, by name."""
        ...

    @property
    def desk(self) -> Desk:
        """The tasks that are the caller's to decide."""
        ...

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

    def progress_of(self, operation_id: str) -> AsyncIterator[Any]:
        """Listen to how an operation moves; begins with where it stands, and ends with it."""
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

    async def operation(self, operation_id: str) -> FoundOperation | None:
        """Return an operation that the caller asked for, or may see; else None."""
        ...

    async def parked(self, first: int) -> list[FoundOperation]:
        """Return the first operations that only a person can settle, of customers whom the caller may see."""
        ...

    async def resolve(self, operation_id: str, step: int, safety: Safety, *, applied: bool) -> FoundOperation:
        """Settle a step by a person's word; raises RequestError with OPERATION_UNKNOWN or OPERATION_NOT_PARKED."""
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

    async def run_saga(self, saga: Saga, customer: Customer, given: Given, safety: Safety) -> WriteOutcome:
        """Carry a saga out for a customer; raises Unanswered where a needed step has no owner, and else as `write`."""
        ...

    async def register(self, new: NewCustomer, safety: Safety) -> tuple[WriteOutcome, str | None, str | None]:
        """Register a customer unless it is somebody who is known; returns the customer's id and the code of why not.

        Raises Unanswered where no system can make customers, and else as `write`.
        """
        ...
