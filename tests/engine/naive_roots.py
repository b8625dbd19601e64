"""What root fields ask for, answered by asking for one thing after another."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

from klantbeeld.errors import RequestError, Unanswered
from klantbeeld.graph.answers import Answer, Answers, Position
from klantbeeld.graph.customer import Customer, customer_of
from klantbeeld.graph.roots import FoundOperation
from klantbeeld.identity.ids import parse_customer_id
from klantbeeld.identity.links import Reference
from klantbeeld.sdk.read import Read
from klantbeeld.sdk.records import Record
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.questions import Outcome, Question, Subject
from klantbeeld.sources.translation import NO_KEY
from klantbeeld.writes.intents import Intent


class NaiveRoots:
    """What root fields ask for."""

    def __init__(self, naive: Any) -> None:
        self.naive, self.house, self.moment = naive, naive.house, naive.moment
        self.opened = naive.house.sources.values()

    def covers(self, customer: Customer, scope: str, coordinate: str) -> bool:
        covered: bool = self.naive.releases[str(customer.id)].covers(scope, coordinate)
        return covered

    async def me(self) -> Customer | None:
        own = await self.house.rows.own(self.naive.caller)
        return await self._customer(own) if own else None

    async def customers(self, ids: Sequence[str]) -> list[Customer | None]:
        return [await self._customer(one) for one in [parse_customer_id(str(one)) for one in ids]]

    async def by_reference(self, source: str, record_id: str) -> Customer | None:
        if source not in self.house.sources:
            raise RequestError("no such source", code="UNKNOWN_SOURCE")
        found = await self.house.identity.by_reference(source, record_id)
        return await self._customer(found) if found else None

    async def by_match_key(self, kind: Any, value: str) -> list[Customer]:
        found = [await self._customer(one) for one in await self.house.identity.by_match_key(kind, value)]
        return [one for one in found if one]

    async def ask(self, read: Read, **arguments: Any) -> Answers[Any]:
        asked = [one for one in self.naive.sources if read.role.name in one.roles and read.call in one.readings]
        members = {read.call: frozenset(read.role.reads[read.call].__struct_fields__)}
        question = Question(subjects={}, members=members, arguments=arguments, first=arguments.get("first"))
        nobody = Subject("", frozenset())
        return self._answers(
            [told(one, read, nobody, NO_KEY, outcome=one.answer(question), position=Position()) for one in asked]
        )

    async def read_of(self, read: Read, customers: Sequence[Customer]) -> dict[str, Answers[Any]]:
        return {str(one.id): self._answers([*self.naive.ask(read, one, one, {}, {})]) for one in customers}

    async def of_records(self, records: Sequence[Record]) -> list[Customer | None]:
        references = [(one.origin.source, one.record_id) for one in records if one.origin]
        known = await self.house.identity.by_references(references)
        return [await self._customer(known.get(Reference(*one), "")) for one in references]

    async def record(self, read: Read, wanted: Any) -> Record | None:
        customer = await self._customer(parse_customer_id(wanted.customer_id))
        if customer is None:
            return None
        if not self.covers(customer, f"{read.role.name.lower()}:read", f"{wanted.kind}.id"):
            raise Unanswered("NOT_GRANTED")
        return self._one(read, wanted, customer)

    async def holder(self, read: Read, wanted: Any, customer: Customer) -> str | None:
        found = self._one(read, wanted, customer)
        owners = {link.record_id for link in customer.known.links if link.source == wanted.source}
        return found.owner if found and found.owner in owners else None

    @property
    def sagas(self) -> Any:
        raise Unanswered("NOT_CONFIGURED")  # a house has no room for sagas and tasks

    @property
    def desk(self) -> Any:
        raise Unanswered("NOT_CONFIGURED")

    async def run_saga(self, *_: Any, **__: Any) -> Any:
        raise Unanswered("NOT_CONFIGURED")

    async def register(self, *_: Any, **__: Any) -> Any:
        raise Unanswered("NOT_CONFIGURED")

    async def operation(self, _operation_id: str) -> FoundOperation | None:
        return None  # none was begun before the request

    async def parked(self, _first: int) -> list[FoundOperation]:
        return []

    async def resolve(self, operation_id: str, *_: Any, **__: Any) -> Any:
        await self.operation(operation_id)
        raise RequestError("no such operation, or not yours to see", code="OPERATION_UNKNOWN")

    def key_of(self, safety: Any) -> Any:
        return safety.idempotency_key

    async def write(
        self,
        role: Any,
        act: str,
        customer: Customer,
        values: Any,
        safety: Any,
        *,
        mutation: str,
        source: str | None = None,
        holder: str | None = None,
    ) -> Any:
        caller = self.naive.caller
        intent = Intent(
            mutation=mutation,
            role=role,
            act=act,
            values=values,
            customer=customer.known,
            channel=safety.channel,
            caller=f"{caller.issuer}\0{caller.client_id}\0{caller.subject}",
            key=safety.idempotency_key,
            expected=getattr(safety, "expected_version", None),
            source=source,
            holder=holder,
        )
        return await self.house.writer.write(intent, CallContext(asyncio.get_running_loop().time() + 60))

    def seal(self, place: int, binding: tuple[str, str]) -> str:
        sealed: str = self.naive.cursors.seal({"": Position(token=str(place))}, repr(binding).encode())
        return sealed

    def open(self, cursor: str, binding: tuple[str, str]) -> int:
        return int(self.naive.cursors.open(cursor, repr(binding).encode())[""].token or 0)

    def _one(self, read: Read, wanted: Any, customer: Customer) -> Record | None:
        every = self.naive.ask(read, customer, wanted, {}, {})
        found: Record | None = self._answers([one for one in every if one.source in {"", wanted.source}]).one()
        return found

    def _answers(self, every: Sequence[Answer[Any]]) -> Answers[Any]:
        return Answers(None, self.moment, tuple(every), lambda _: "", lambda: every)

    async def _customer(self, customer_id: str) -> Customer | None:
        links = (await self.house.identity.links_of([customer_id])).get(customer_id)
        if links is None:
            return None
        released = await self.house.rows.releases(self.naive.caller, {links.customer_id})
        if links.customer_id not in released:
            return None
        self.naive.releases.update(released)
        met: Customer = self.naive.customers.setdefault(links.customer_id, customer_of(links))
        return met


def told(source: Any, read: Read, subject: Subject, key: str, *, outcome: Outcome, position: Position) -> Answer[Any]:
    return Answer(
        source=source.name,
        role=read.role.name,
        call=read.call,
        state=outcome.state,
        records=list(outcome.records.get(read.call, {}).get(key, ())),
        code=outcome.problem.code if outcome.problem else None,
        retryable=bool(outcome.problem and outcome.problem.retryable),
        key=key,
        customer_id=subject.customer_id,
        position=position,
        next_page=outcome.next_page,
        complete=outcome.complete,
    )


def finish(waiting: Awaitable[Any]) -> Any:
    """Run a coroutine that waits for nothing."""
    try:
        next(waiting.__await__())
    except StopIteration as end:
        return end.value
    message = "something waits"
    raise AssertionError(message)
