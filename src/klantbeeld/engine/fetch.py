"""The fetch: carries out a plan, and is the only caller of sources.

All joints below one value start together: what they ask of one source in one call is asked in one call, equal
questions are asked once, and the joints below a joint start as soon as that one has its value.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from graphql import GraphQLError

from klantbeeld.engine.plan import Joint, PlannedRead
from klantbeeld.engine.register import OwnRegister
from klantbeeld.engine.run import Arguments, Run
from klantbeeld.engine.selections import holds
from klantbeeld.engine.variables import InvalidVariables
from klantbeeld.engine.walk import parents_of
from klantbeeld.errors import RequestError, Unanswered
from klantbeeld.graph.answers import Answer, Position
from klantbeeld.graph.connections import check_size
from klantbeeld.graph.customer import Customer
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.questions import Outcome, Question, SourceState, Subject
from klantbeeld.sources.source import Source
from klantbeeld.sources.translation import NO_KEY

Kind = tuple[Any, ...]
Askable = Source | OwnRegister

START = Position()

# The order in which a field's function gets its answers.
ORDER = attrgetter("source", "call", "key")


@dataclass(slots=True)
class _Place:
    """A joint at one parent, or a read outside any: where answers come together.

    `answers` begins with those that need no call.
    """

    parent: Any
    customer_id: str
    arguments: Arguments
    answers: list[Answer[Any]] = field(default_factory=list)
    wants: list["_Want"] = field(default_factory=list)


@dataclass(slots=True)
class _Want:
    """One read at one place, of one key of one source."""

    planned: PlannedRead
    arguments: Arguments
    source: Askable
    subject: Subject
    key: str
    position: Position
    size: int | None = None


@dataclass(slots=True)
class _Batch:
    """What one call can answer: wants of one resource of one source that have their arguments in common."""

    source: Askable
    arguments: Arguments
    by_record: bool
    after: str | None
    everything: bool = False
    first: int | None = None
    wants: list[_Want] = field(default_factory=list)
    subjects: dict[str, Subject] = field(default_factory=dict)


class Fetch:
    """Carries out plans over the sources of one configuration; lives as long as that."""

    def __init__(self, sources: Mapping[str, Source], register: OwnRegister) -> None:
        self._by_role: dict[str, list[Askable]] = {}
        asked: list[Askable] = [register, *(sources[name] for name in sorted(sources))]
        for source in asked:
            for role in source.roles:
                self._by_role.setdefault(role, []).append(source)

    async def below(self, run: Run, joint: Joint, value: Any) -> None:
        """Read everything below the value of a joint."""
        await self._level(run, joint.children, [(value, "")])

    async def read(self, planned: PlannedRead, arguments: Arguments, context: CallContext) -> list[Answer[Any]]:
        """Ask every source that has a role and a capability, about no customer: for searches."""
        role, call = planned.read.role.name, planned.read.call
        sources = [source for source in self._by_role.get(role, ()) if call in source.readings]
        question = Question(
            subjects={}, members={call: planned.members}, arguments=arguments, first=arguments.get("first")
        )
        outcomes = await asyncio.gather(*(source.ask(question, context) for source in sources))
        found = zip(sources, outcomes, strict=True)
        return [
            _answer(_Want(planned, {}, source, Subject("", frozenset()), NO_KEY, Position()), o) for source, o in found
        ]

    async def read_of(
        self,
        planned: PlannedRead,
        asked: Sequence[tuple[Any, Customer]],
        context: CallContext,
        *,
        source: str | None = None,
    ) -> list[list[Answer[Any]]]:
        """Ask one read for parents of customers, outside any field; `source` asks that one alone."""
        places = [_Place(parent, str(customer.id), {}) for parent, customer in asked]
        for place, (_, customer) in zip(places, asked, strict=True):
            self._find(place, (planned,), customer, {})
            place.wants = [want for want in place.wants if source in {None, want.source.name}]
        tasks = self._ask(context, (want for place in places for want in place.wants))
        for place in places:
            place.answers += [_answer(want, await tasks[id(want)]) for want in place.wants]
        return [place.answers for place in places]

    async def _level(self, run: Run, joints: Sequence[Joint], values: Sequence[tuple[Any, str]]) -> None:
        opened = self._open(run, joints, values)
        asked = self._ask(run.context, (want for _, places in opened for place in places for want in place.wants))
        deeper = [self._finish(run, *one, asked) for one in opened if one[0].reads and one[0].children]
        going = asyncio.gather(*deeper) if deeper else None
        try:
            for joint, places in opened:
                if not joint.children:
                    await self._finish(run, joint, places, asked)
            if going:
                await going
        finally:
            if going:
                going.cancel()

    def _open(
        self, run: Run, joints: Sequence[Joint], values: Sequence[tuple[Any, str]]
    ) -> list[tuple[Joint, list[_Place]]]:
        """Find the places of joints that have any.

        A joint without reads has its value at once, so what is below it is opened too, and asked with the rest.
        """
        opened = []
        for joint in joints:
            places = self._places(run, joint, values) if run.wants(joint) else []
            if not places:
                continue
            opened.append((joint, places))
            if not joint.reads and joint.children:
                opened += self._open(run, joint.children, self._combined(run, joint, places))
        return opened

    def _places(self, run: Run, joint: Joint, values: Sequence[tuple[Any, str]]) -> list[_Place]:
        """Find the parents of a joint, and what has to be asked for each."""
        parents = [found for value, above in values for found in parents_of(value, joint.route, above)]
        try:
            arguments = run.arguments_of(joint) if parents else {}
        except (GraphQLError, InvalidVariables) as error:
            for parent, _ in parents:
                run.refuse(joint, parent, error)
            return []
        places = []
        for parent, customer_id in parents:
            place = _Place(parent, customer_id, arguments)
            places.append(place)
            if customer := run.customers.get(customer_id):
                self._prepare(run, joint, place, customer)
        return places

    def _prepare(self, run: Run, joint: Joint, place: _Place, customer: Customer) -> None:
        """Settle what can be said without a call, and note what has to be asked."""
        try:
            check_size(place.arguments.get("first"))
            positions = run.positions(joint, place.customer_id, place.arguments)
        except RequestError as error:
            run.refuse(joint, place.parent, error)
            return
        release = run.releases[place.customer_id]
        if joint.scope and not release.covers(joint.scope, joint.coordinate):
            run.refuse(joint, place.parent, Unanswered("NOT_GRANTED"))
            return
        reads = [
            one
            for one in joint.reads
            if (one.conditions is None or holds(one.conditions, run.variables.coerced))
            and (one.scope is None or release.covers(one.scope, joint.coordinate))
        ]
        self._find(place, reads, customer, positions)

    def _find(
        self, place: _Place, reads: Iterable[PlannedRead], customer: Customer, positions: Mapping[str, Position]
    ) -> None:
        """Find the sources of some reads, and the keys under which they know the customer."""
        subjects = _subjects(customer)
        for planned in reads:
            role, call = planned.read.role.name, planned.read.call
            sources: Sequence[Askable] = self._by_role.get(role, ())
            able = [source for source in sources if call in source.readings]
            if able or planned.read.optional:
                sources = able
            elif not sources:
                place.answers.append(_unasked("", planned, SourceState.NOT_CONFIGURED, place))
            for source in sources:
                subject = subjects.get(source.name)
                if subject is None:
                    place.answers.append(_unasked(source.name, planned, SourceState.NOT_LINKED, place))
                elif call not in source.readings:
                    place.answers.append(_unasked(source.name, planned, SourceState.NOT_SUPPORTED, place))
                else:
                    _want(place, planned, source, subject, positions)

    def _ask(self, context: CallContext, wants: Iterable[_Want]) -> dict[int, "asyncio.Task[Outcome]"]:
        """Start one call for each batch; return the task that answers each want, by the want's identity."""
        loop = asyncio.get_running_loop()
        tasks: dict[int, asyncio.Task[Outcome]] = {}
        for batch in _batches(wants):
            task = loop.create_task(batch.source.ask(_question(batch), context))
            tasks.update((id(want), task) for want in batch.wants)
        return tasks

    async def _finish(
        self, run: Run, joint: Joint, places: Sequence[_Place], asked: Mapping[int, "asyncio.Task[Outcome]"]
    ) -> None:
        if not joint.reads and joint.children:  # opened with its level
            return
        for place in places:
            for want in place.wants:
                place.answers.append(_answer(want, await asked[id(want)]))
        if joint.children:
            await self._level(run, joint.children, self._combined(run, joint, places))
        else:
            self._answered(run, joint, places)

    def _combined(self, run: Run, joint: Joint, places: Sequence[_Place]) -> list[tuple[Any, str]]:
        """Return the value of a joint at each place, with the customer that it is about."""
        self._answered(run, joint, places)
        return [(run.combine(joint, place.parent), place.customer_id) for place in places]

    def _answered(self, run: Run, joint: Joint, places: Sequence[_Place]) -> None:
        for place in places:
            if len(place.answers) > 1:
                place.answers.sort(key=ORDER)
            run.answer(joint, place.parent, place.customer_id, place.answers, place.arguments)


def _subjects(customer: Customer) -> dict[str, Subject]:
    """Return under which ids each source knows a customer; made once for a customer of a request."""
    if customer.subjects is None:
        owners: dict[str, list[str]] = {}
        for link in customer.known.links:
            owners.setdefault(link.source, []).append(link.record_id)
        customer_id = str(customer.id)
        owners[OwnRegister.name] = [customer_id, *customer.known.redirected_from]  # we know them by their own ids
        customer.subjects = {source: Subject(customer_id, frozenset(found)) for source, found in owners.items()}
    return customer.subjects


def _want(
    place: _Place, planned: PlannedRead, source: Askable, subject: Subject, positions: Mapping[str, Position]
) -> None:
    for key in _keys(planned, place.parent, subject.owners):
        position = positions.get(f"{source.name}/{planned.read.call}/{key}", START) if positions else START
        want = _Want(planned, place.arguments, source, subject, key, position)
        if position.ended:
            place.answers.append(_answer(want, Outcome(SourceState.NOT_ASKED)))
        else:
            place.wants.append(want)


def _keys(planned: PlannedRead, parent: Any, owners: frozenset[str]) -> Sequence[str]:
    if planned.read.key is None:
        return tuple(owners) if len(owners) == 1 else sorted(owners)
    key = getattr(parent, planned.read.key)
    return [key] if key else []


def _batches(wants: Iterable[_Want]) -> Iterable[_Batch]:
    """Put together what one call can answer, within what the connector takes in one call."""
    open_batches: dict[Kind, list[_Batch]] = {}
    for want in wants:
        read, reading = want.planned.read, want.source.readings[want.planned.read.call]
        handed = {name: value for name in want.planned.handed if (value := want.arguments[name]) is not None}
        kind = (want.source.name, reading.resource, repr(handed) if handed else None, want.position)
        most = reading.batch if want.position == START else 1  # a position is that of one key
        batch = _room(open_batches.setdefault(kind, []), want, most)
        if batch is None:
            batch = _Batch(want.source, handed, reading.by_record, want.position.token)
            open_batches[kind].append(batch)
        batch.wants.append(want)
        batch.subjects[want.key] = want.subject
        first = want.position.size or (want.arguments.get("first") if "first" in read.args else None)
        batch.everything |= read.everything or (first is not None and reading.newest_first is None)
        if first is not None and (batch.first is None or first > batch.first):
            batch.first = first
    return [_settled(batch) for batches in open_batches.values() for batch in batches]


def _settled(batch: _Batch) -> _Batch:
    """Settle how a batch is paged: keys that share a call share its page, so they are read whole."""
    batch.everything |= len(batch.subjects) > 1 and batch.first is not None
    for want in batch.wants:
        want.size = None if batch.everything else batch.first
    return batch


def _room(batches: Sequence[_Batch], want: _Want, most: int) -> _Batch | None:
    """Return a batch that can take a want: one that asks its key for the same customer already, or has room for it."""
    for batch in batches:
        subject = batch.subjects.get(want.key)
        if subject is not None and subject.customer_id == want.subject.customer_id:
            return batch
        if subject is None and len(batch.subjects) < most:
            return batch
    return None


def _question(batch: _Batch) -> Question:
    members: dict[str, frozenset[str]] = {}
    for want in batch.wants:
        call, wanted = want.planned.read.call, want.planned.members
        members[call] = members[call] | wanted if call in members else wanted
    return Question(
        subjects=batch.subjects,
        members=members,
        arguments=batch.arguments,
        by_record=batch.by_record,
        first=None if batch.everything else batch.first,
        after=batch.after,
        everything=batch.everything,
    )


def _answer(want: _Want, outcome: Outcome) -> Answer[Any]:
    read = want.planned.read
    return Answer(
        source=want.source.name,
        role=read.role.name,
        call=read.call,
        state=outcome.state,
        records=list(outcome.records.get(read.call, {}).get(want.key, ())),
        code=outcome.problem.code if outcome.problem else None,
        retryable=bool(outcome.problem and outcome.problem.retryable),
        key=want.key,
        customer_id=want.subject.customer_id,
        position=want.position,
        size=want.size,
        next_page=outcome.next_page,
        complete=outcome.complete,
        seconds=outcome.seconds,
    )


def _unasked(source: str, planned: PlannedRead, state: SourceState, place: _Place) -> Answer[Any]:
    read = planned.read
    return Answer(source, read.role.name, read.call, state, [], code=state.value, customer_id=place.customer_id)
