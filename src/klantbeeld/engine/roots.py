"""What root fields ask for: customers by id, by reference or by what they can be found by, as far as rows allow.

A customer that the caller may not see and one that does not exist are the same: None.
"""

from collections.abc import AsyncIterator, Awaitable, Collection, Mapping, Sequence
from typing import Any

from msgspec import Struct

from klantbeeld.engine.desk import CallersDesk, Work
from klantbeeld.engine.fetch import Fetch
from klantbeeld.engine.plan import PlannedRead
from klantbeeld.engine.ports import Feed, Rows
from klantbeeld.engine.run import NOBODY, Attempt, Run
from klantbeeld.errors import KeyRefused, RequestError, Unanswered
from klantbeeld.graph.answers import Answer, Answers, Moment, Position
from klantbeeld.graph.customer import Customer, customer_of
from klantbeeld.graph.ids import RecordId
from klantbeeld.graph.roots import Desk, FoundOperation, Safety
from klantbeeld.identity.ids import CANONICAL, parse_customer_id
from klantbeeld.identity.links import Links, Reference, subject_reference
from klantbeeld.identity.map import IdentityMap
from klantbeeld.identity.match_keys import MatchKeyKind
from klantbeeld.sdk.read import Read
from klantbeeld.sdk.records import Record
from klantbeeld.sdk.roles import Role
from klantbeeld.sdk.sagas import Given, Saga
from klantbeeld.sdk.words import Channel, MatchKind
from klantbeeld.sources.source import Source
from klantbeeld.sources.uninterrupted import uninterrupted
from klantbeeld.writes.idempotency import key_of
from klantbeeld.writes.intents import Intent
from klantbeeld.writes.outcomes import WriteOutcome, outcome_of
from klantbeeld.writes.planning import Order
from klantbeeld.writes.rows import OperationView
from klantbeeld.writes.sagas.planning import Wanted
from klantbeeld.writes.sagas.recognising import IDENTIFY
from klantbeeld.writes.sagas.registering import NewCustomer
from klantbeeld.writes.writer import Writer


class RunRoots(Struct, frozen=True, eq=False):
    """The roots of one run."""

    run: Run
    fetch: Fetch
    identity: IdentityMap
    rows: Rows
    writer: Writer
    caller: Any
    sources: Mapping[str, Source]
    changes: Feed
    progress: Feed
    key_in_header: str | None = None
    events: Sequence[Any] = ()
    has_missed: bool = False
    work: Work | None = None

    @property
    def moment(self) -> Moment:
        """Time, language, settings and rights of the request."""
        return self.run.moment

    @property
    def opened(self) -> Collection[Source]:
        """The sources of this deployment."""
        return self.sources.values()

    def covers(self, customer: Customer, scope: str, coordinate: str) -> bool:
        """Say whether a customer that was found released a field of that scope to the caller."""
        return self.run.releases[str(customer.id)].covers(scope, coordinate)

    def changes_of(self, customer_id: str) -> AsyncIterator[Any]:
        """Listen to the changes of a customer."""
        return self.changes.of(customer_id)

    def progress_of(self, operation_id: str) -> AsyncIterator[Any]:
        """Listen to how an operation moves."""
        return self.progress.of(operation_id.lower())

    async def me(self) -> Customer | None:
        """Return the customer behind the token."""
        own = await self.rows.own(self.caller)
        return (await self._seen([own]))[0] if own else None

    async def customers(self, ids: Sequence[str]) -> list[Customer | None]:
        """Return the customers with these ids, in their order; raises RequestError with ID_INVALID."""
        return await self._seen([parse_customer_id(str(one)) for one in ids])

    async def by_reference(self, source: str, record_id: str) -> Customer | None:
        """Return the customer of a source's record; raises RequestError with UNKNOWN_SOURCE."""
        if source not in self.sources:
            raise RequestError(f"there is no source {source!r}", code="UNKNOWN_SOURCE")
        found = await self.identity.by_reference(source, record_id)
        return (await self._seen([found]))[0] if found else None

    async def by_match_key(self, kind: MatchKind, value: str) -> list[Customer]:
        """Return the customers whom the identity map knows by a normalised value."""
        found = await self._seen(await self.identity.by_match_key(MatchKeyKind(kind.value), value))
        return [customer for customer in found if customer]

    async def ask(self, read: Read, **arguments: Any) -> Answers[Any]:
        """Ask every source that has the role; for searches, which are about no customer yet."""
        planned = PlannedRead(read, frozenset(read.uses))
        answers: list[Answer[Any]] = await self.fetch.read(planned, arguments, self.run.context)
        return self._outside(answers)

    async def read_of(self, read: Read, customers: Sequence[Customer]) -> dict[str, Answers[Any]]:
        """Ask one read about some customers; returns the answers by customer id."""
        planned = PlannedRead(read, frozenset(read.uses))
        answers = await self.fetch.read_of(planned, [(one, one) for one in customers], self.run.context)
        return {str(one.id): self._outside(found) for one, found in zip(customers, answers, strict=True)}

    async def record(self, read: Read, wanted: RecordId) -> Record | None:
        """Return one record with all its members, if the caller may see its customer and it is the customer's."""
        (customer,) = await self.customers([wanted.customer_id])
        if customer is None:
            return None
        scope = f"{read.role.name.lower()}:read"
        if not self.run.releases[str(customer.id)].covers(scope, f"{wanted.kind}.id"):
            raise Unanswered("NOT_GRANTED")
        every = frozenset(read.role.reads[read.call].__struct_fields__)
        return await self._wanted(PlannedRead(read, every), wanted, customer)

    async def holder(self, read: Read, wanted: RecordId, customer: Customer) -> str | None:
        """Return the source's id of the customer whose a record is; None where it is not this customer's.

        An id of a record is made by whoever sends it, so what it says of the customer counts for nothing here.
        """
        found = await self._wanted(PlannedRead(read, frozenset()), wanted, customer)
        owners = {link.record_id for link in customer.known.links if link.source == wanted.source}
        return found.owner if found and found.owner in owners else None

    async def operation(self, operation_id: str) -> FoundOperation | None:
        """Return an operation that the caller asked for, or may see; else None."""
        if CANONICAL.fullmatch(operation_id.lower()) is None:
            return None
        view = await self.writer.view(operation_id.lower())
        if view is None or not (self.writer.is_caller(self.asking, view) or self._may_see_others()):
            return None
        (found,) = await self._shown([view])
        return found

    async def parked(self, first: int) -> list[FoundOperation]:
        """Return the first operations that only a person can settle, of customers whom the caller may see."""
        return [found for found in await self._shown(await self.writer.parked(first=first)) if found]

    async def resolve(self, operation_id: str, step: int, safety: Safety, *, applied: bool) -> FoundOperation:
        """Settle a step by a person's word; raises RequestError with OPERATION_UNKNOWN or OPERATION_NOT_PARKED."""
        if await self.operation(operation_id) is None:
            raise RequestError("no such operation, or not yours to see", code="OPERATION_UNKNOWN")
        settling = self._resolved(operation_id.lower(), step, applied=applied)
        await uninterrupted(self._attempted(safety.channel, settling))
        found = await self.operation(operation_id)
        assert found is not None  # noqa: S101 - it was there, and is kept
        return found

    async def _resolved(self, operation_id: str, step: int, *, applied: bool) -> WriteOutcome:
        return outcome_of(await self.writer.resolve(operation_id, step, self.run.context, applied=applied))

    def _may_see_others(self) -> bool:
        return self.moment.rights.refusal("operations:read", category="SYSTEM", sensitivity="ORDINARY") is None

    async def _shown(self, views: Sequence[OperationView]) -> list[FoundOperation | None]:
        """Leave out operations about customers whom the caller may not see."""
        ids = [view.operation.customer_id or "" for view in views]
        customers = await self._seen(ids)
        return [
            FoundOperation(view, customer) if customer or view.operation.customer_id is None else None
            for view, customer in zip(views, customers, strict=True)
        ]

    @property
    def asking(self) -> str:
        """Who asks, in words that stay the same from request to request."""
        return f"{self.caller.issuer}\0{self.caller.client_id}\0{self.caller.subject}"

    def key_of(self, safety: Safety) -> str | None:
        """Return the idempotency key of a mutation; raises KeyRefused."""
        key = key_of(safety.idempotency_key, self.key_in_header)
        client = self.moment.settings.access.classes.get(self.caller.caller_class)
        if key is None and (client is None or client.idempotency_key == "required"):
            raise KeyRefused("a mutation of this class needs a key", place="input.idempotencyKey")
        return key

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
        """Write through to the owner, or to the source named; raises Unanswered when there is none."""
        intent = Intent(
            mutation=mutation,
            role=role,
            act=act,
            values=values,
            customer=customer.known,
            channel=safety.channel,
            caller=self.asking,
            key=self.key_of(safety),
            expected=getattr(safety, "expected_version", None),
            source=source,
            holder=holder,
        )
        return await uninterrupted(self._attempted(safety.channel, self.writer.write(intent, self.run.context)))

    async def carry_out(self, order: Order) -> WriteOutcome:
        """Carry out an order over several owners; raises as `write`."""
        return await uninterrupted(self._attempted(order.channel, self.writer.carry_out(order, self.run.context)))

    @property
    def sagas(self) -> Mapping[str, Saga]:
        """The sagas of this deployment, by name."""
        return self._work.sagas.declared

    @property
    def desk(self) -> Desk:
        """The tasks that are the caller's to decide."""
        return CallersDesk(work=self._work, caller=self.caller, context=self.run.context)

    async def run_saga(self, saga: Saga, customer: Customer, given: Given, safety: Safety) -> WriteOutcome:
        """Carry a saga out for a customer; raises Unanswered where a needed step has no owner, and else as `write`."""
        wanted = Wanted(
            saga=saga,
            given=given,
            customer=customer.known,
            channel=safety.channel,
            starter=self._work.sagas.persons.of(self.caller.issuer, self.caller.subject),
        )
        asked = safety.model_dump(mode="json", exclude={"idempotency_key"})
        return await self.carry_out(self._work.saga(wanted, asked=asked, caller=self.asking, key=self.key_of(safety)))

    async def register(self, new: NewCustomer, safety: Safety) -> tuple[WriteOutcome, str | None, str | None]:
        """Register a customer unless it is somebody who is known; returns the customer's id and the code of why not."""
        account = subject_reference(self.caller.issuer, self.caller.subject)
        order = self._work.registration(
            new,
            channel=safety.channel,
            caller=self.asking,
            key=self.key_of(safety),
            subject=(account.source, account.record_id) if self.caller.rows == "self" else None,
        )
        outcome = await self.carry_out(order)
        view = await self.writer.view(outcome.operation_id)
        looked = next((step.code for step in view.steps if step.kind == IDENTIFY), None) if view else None
        return outcome, view.operation.customer_id if view else None, looked

    @property
    def _work(self) -> Work:
        if self.work is None:
            raise Unanswered("NOT_CONFIGURED")
        return self.work

    async def _attempted(self, channel: Channel, writing: Awaitable[WriteOutcome]) -> WriteOutcome:
        attempt = Attempt(channel)
        self.run.attempts.append(attempt)
        try:
            attempt.outcome = await writing
        except (Unanswered, RequestError):  # nobody can take it, or not now, so nothing was sent
            self.run.attempts.remove(attempt)
            raise
        return attempt.outcome

    def seal(self, place: int, binding: tuple[str, str]) -> str:
        """Return the cursor of a place in a list of one page, bound to a field and an argument."""
        return self.run.cursors.seal({"": Position(token=str(place))}, repr(binding).encode())

    def open(self, cursor: str, binding: tuple[str, str]) -> int:
        """Return the place behind a cursor; raises RequestError with CURSOR_INVALID."""
        return int(self.run.cursors.open(cursor, repr(binding).encode())[""].token or 0)

    async def of_records(self, records: Sequence[Record]) -> list[Customer | None]:
        """Return the customers of records that a search found, in their order; unknown ones are None."""
        references = [(record.origin.source, record.record_id) for record in records if record.origin]
        known = await self.identity.by_references(references)
        ids = [known.get(Reference(*reference), "") for reference in references]
        return await self._seen(ids)

    async def _wanted(self, planned: PlannedRead, wanted: RecordId, customer: Customer) -> Record | None:
        """Ask the source of a record for it; what other sources of the role can or cannot do has no part in it."""
        (answers,) = await self.fetch.read_of(planned, [(wanted, customer)], self.run.context, source=wanted.source)
        found: Record | None = self._outside([one for one in answers if one.source in {"", wanted.source}]).one()
        return found

    def _outside(self, answers: Sequence[Answer[Any]]) -> Answers[Any]:
        """Take answers that belong to no field of a customer's; what was asked is noted all the same."""
        self.run.asked.setdefault(NOBODY, []).extend(answers)
        return Answers(None, self.moment, tuple(answers), lambda _: "", lambda: answers)

    async def _seen(self, ids: Sequence[str]) -> list[Customer | None]:
        links = await self.identity.links_of(ids)
        releases = await self.rows.releases(self.caller, {found.customer_id for found in links.values()})
        self.run.releases.update(releases)
        return [self._met(links.get(one)) for one in ids]

    def _met(self, links: Links | None) -> Customer | None:
        if links is None or links.customer_id not in self.run.releases:
            return None
        customer = self.run.customers.get(links.customer_id) or customer_of(links)
        self.run.customers[links.customer_id] = customer
        return customer
