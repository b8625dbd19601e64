"""The fetch: carries out a plan, and is the only caller of sources.

All joints below one value start together: what they ask of one source in one call is asked in one call, equal
questions are asked once, and the joints below a joint start as soon as that one has its value.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from graphql import GraphQLError

from klantbeeld.engine.calls import NOTHING, START, Call, Calls, asked_of
from klantbeeld.engine.lanes import Askable, Laned, Level, Spot, level_of, spots_of
from klantbeeld.engine.outlines import Outline, outline_of
from klantbeeld.engine.plan import Joint, Plan, PlannedRead, Shape
from klantbeeld.engine.register import OwnRegister
from klantbeeld.engine.run import Arguments, Gathering, Place, Run
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
from klantbeeld.sources.uninterrupted import seen

Values = Sequence[tuple[Any, str]]
"""Objects, each with the id of the customer on whose behalf it is there."""

NOT_ASKED = Outcome(SourceState.NOT_ASKED)
NOBODY = Subject("", frozenset())

# The order in which a field's function gets its answers.
ORDER = attrgetter("source", "call", "key")


class Fetch:
    """Carries out plans over the sources of one configuration; lives as long as that."""

    def __init__(self, sources: Mapping[str, Source], register: OwnRegister) -> None:
        self._by_role: dict[str, list[Askable]] = {}
        asked: list[Askable] = [register, *(sources[name] for name in sorted(sources))]
        for source in asked:
            for role in source.roles:
                self._by_role.setdefault(role, []).append(source)

    def shape_of(self, plan: Plan, conditions: Mapping[str, Any], *, is_kept: bool) -> Shape:
        """Work out what a plan asks of these sources, given the variables that its conditions hang on."""
        roots = tuple(joint for joint in plan.roots if holds(joint.conditions, conditions))
        levels = {joint.number: level_of(joint.children, self._by_role, conditions, is_kept=is_kept) for joint in roots}
        return Shape(conditions, roots, levels, is_kept)

    async def below(self, run: Run, level: Level, value: Any) -> None:
        """Read everything below a value."""
        await self._level(run, level, list(parents_of(value, (), "")))

    async def go_on(self, run: Run, joints: Iterable[Joint], values: Values) -> None:
        """Read joints, and everything below them, below values of theirs that came earlier."""
        level = level_of(joints, self._by_role, run.shape.conditions)
        opened = [found for value, above in values for found in parents_of(value, (), above)]
        if level and opened:
            await self._level(run, level, opened)

    async def read(self, planned: PlannedRead, arguments: Arguments, context: CallContext) -> list[Answer[Any]]:
        """Ask every source that has a role and a capability, about no customer: for searches."""
        calls = []
        spots = [spot for spot in spots_of((planned,), self._by_role, {}) if spot.lane]
        for spot in spots:
            call = Call(spot.lane, None, arguments)  # type: ignore[arg-type]  # those without a lane are left out
            call.mask, call.first = spot.bit, arguments.get("first")
            call.size = call.first
            calls.append(call)
        questions = [Question({}, call.lane.shared(call.mask).members, arguments, first=call.first) for call in calls]
        asked = zip(calls, questions, strict=True)
        outcomes = await asyncio.gather(*(call.lane.source.ask(question, context) for call, question in asked))
        return [
            _answer(spot, NO_KEY, NOBODY, START, outcome=outcome, size=None)
            for spot, outcome in zip(spots, outcomes, strict=True)
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
        spots = [
            spot for spot in spots_of((planned,), self._by_role, {}) if source in {None, spot.source} or not spot.lane
        ]
        calls = Calls()
        places = [
            Gathering(parent=parent, customer_id=str(customer.id), arguments=NOTHING) for parent, customer in asked
        ]
        for place, (_, customer) in zip(places, asked, strict=True):
            for spot in spots:
                _want(place, spot, customer.subjects or _subjects(customer), NOTHING, calls)
        if calls.every:
            await calls.settle(context)
        return [_filled(place) for place in places]

    async def _level(self, run: Run, level: Level, values: Values) -> None:
        calls = Calls()
        opened = self._open(run, level, values, calls)
        deeper = [(laned, places) for laned, places in opened if laned.below and places]
        if not deeper:
            if calls.every:
                await calls.settle(run.context)
            _answered(run, opened)
            return
        calls.start(calls.every, run.context)
        going = asyncio.gather(*(self._deeper(run, *one) for one in deeper))
        going.add_done_callback(seen)
        try:
            for call in calls.every:
                await call.back()
            _answered(run, [one for one in opened if not one[0].below])
            await going
        finally:
            going.cancel()
            calls.leave()

    def _open(self, run: Run, level: Level, values: Values, calls: Calls) -> list[tuple[Laned, list[Place]]]:
        """Find the places of joints, and what has to be asked for each.

        A joint without reads has its value at once, so what is below it is opened too, and asked with the rest.
        """
        opened: list[tuple[Laned, list[Place]]] = []
        combined: dict[Laned, Values] = {}
        for laned in level.others:
            above = values if laned.under is None else combined.get(laned.under, ())
            places = self._places(run, laned, above, calls) if above else []
            if not places:
                continue
            if laned.leads_on:
                _answered(run, [(laned, places)])
                combined[laned] = _values(places)
            else:
                opened.append((laned, places))
        if level.settled:
            opened += self._open_settled(run, level, values, calls)
        return opened

    def _open_settled(self, run: Run, level: Level, values: Values, calls: Calls) -> list[tuple[Laned, list[Place]]]:
        """Do the same for the settled joints, by outlines where there is one for a customer."""
        opened = [(laned, list[Place]()) for laned in level.settled]
        for parent, customer_id in values:
            customer = run.customers.get(customer_id)
            outline = _outline_for(run, level, customer) if customer else None
            if customer and outline:
                _fill(run, outline, opened, parent, customer=customer, calls=calls)
            else:
                for laned, places in opened:
                    places.extend(self._places(run, laned, ((parent, customer_id),), calls))
        return [one for one in opened if one[1]]

    def _places(self, run: Run, laned: Laned, values: Values, calls: Calls) -> list[Place]:
        """Find the parents of a joint, and what has to be asked for each."""
        joint = laned.joint
        if joint.route:
            values = [found for value, above in values for found in parents_of(value, joint.route, above)]
        arguments = laned.arguments
        if arguments is None:
            try:
                arguments = run.arguments_of(joint) if values else NOTHING
            except (GraphQLError, InvalidVariables) as error:
                for parent, customer_id in values:
                    if place := run.place(joint, parent, customer_id, NOTHING):
                        place.value = error
                return []
        places = []
        for parent, customer_id in values:
            place = run.place(joint, parent, customer_id, arguments)
            if place is None:
                continue
            places.append(place)
            if customer := run.customers.get(customer_id):
                self._prepare(run, laned, place, customer, calls)
        return places

    def _prepare(self, run: Run, laned: Laned, place: Place, customer: Customer, calls: Calls) -> None:
        """Settle what can be said without a call, and note what has to be asked."""
        joint = laned.joint
        positions: Mapping[str, Position] = NOTHING
        try:
            if laned.sized:
                check_size(place.arguments.get("first"))
            if laned.paged:
                positions = run.positions(joint, place.customer_id, place.arguments)
        except RequestError as error:
            place.value = error
            return
        covers = run.releases[place.customer_id].covers
        if joint.scope and not covers(joint.scope, joint.coordinate):
            place.value = Unanswered("NOT_GRANTED")
            return
        subjects = customer.subjects or _subjects(customer)
        for spot in laned.spots:
            if spot.scope is None or covers(spot.scope, joint.coordinate):
                _want(place, spot, subjects, positions, calls)

    async def _deeper(self, run: Run, laned: Laned, places: Sequence[Place]) -> None:
        """Read what is below the values of a joint, once its own calls are back."""
        assert laned.below is not None  # noqa: S101 - only such joints come here
        for place in places:
            for want in place.wants:
                await want[1].back()
        _answered(run, [(laned, places)])
        if values := _values(places):
            await self._level(run, laned.below, values)


def _answered(run: Run, opened: Iterable[tuple[Laned, Sequence[Place]]]) -> None:
    for _, places in opened:
        for place in places:
            run.asked.setdefault(place.customer_id, []).extend(_filled(place))


def _values(places: Iterable[Place]) -> Values:
    """Return the objects that a joint has at its places, lists opened, each with the customer that it is about."""
    return [found for place in places for found in parents_of(place.combined(), (), place.customer_id)]


def _outline_for(run: Run, level: Level, customer: Customer) -> Outline | None:
    """Return what a level asks about a customer, where that hangs on nothing but who knows the customer."""
    if customer.subjects is None:
        _subjects(customer)
    sources = customer.known_once_by
    if sources is None or not run.releases[customer.known.customer_id].is_whole:
        return None
    return outline_of(level, sources)


def _fill(
    run: Run,
    outline: Outline,
    opened: Iterable[tuple[Laned, list[Place]]],
    parent: Any,
    *,
    customer: Customer,
    calls: Calls,
) -> None:
    """Note what a level asks about a customer in the calls, and find the places that wait for it."""
    customer_id, subjects = customer.known.customer_id, customer.subjects or NOTHING
    errands = []
    for errand in outline.errands:
        subject = subjects[errand.source]
        (key,) = subject.owners
        call = calls.take(errand.lane, key, subject, mask=errand.mask, size=errand.size, handed=errand.handed)
        errands.append((call, key, subject, START))
    for (laned, places), entry in zip(opened, outline.entries, strict=True):
        place = run.place(laned.joint, parent, customer_id, laned.arguments or NOTHING)
        if place is not None:
            place.wants = [(spot, *errands[number]) for spot, number in entry.wants]
            if entry.unasked:
                place.answers = [_unasked(spot, state, place) for spot, state in entry.unasked]
            places.append(place)


def _subjects(customer: Customer) -> dict[str, Subject]:
    """Find under which ids each source knows a customer, and remember it for the request."""
    known = customer.known
    ours = Subject(known.customer_id, frozenset((known.customer_id, *known.redirected_from)))
    subjects = {OwnRegister.name: ours}  # we know them by their own ids
    for link in known.links:
        other = subjects.get(link.source)
        owners = (link.record_id,) if other is None else (link.record_id, *other.owners)
        subjects[link.source] = Subject(known.customer_id, frozenset(owners))
    customer.subjects = subjects
    if len(subjects) == 1 + len(known.links) and not known.redirected_from:
        customer.known_once_by = tuple(subjects)
    return subjects


def _want(
    place: Gathering, spot: Spot, subjects: Mapping[str, Subject], positions: Mapping[str, Position], calls: Calls
) -> None:
    """Note one read of a place in the calls, or say at once what came of it."""
    subject = subjects.get(spot.source)
    if subject is None or spot.lane is None:
        state = SourceState.NOT_LINKED if subject is None else spot.state
        place.answers.append(_unasked(spot, state, place))
        return
    for key in _keys(spot, place.parent, subject.owners):
        position = START
        if positions:
            position = positions.get(f"{spot.source}/{spot.call}/{key}", START)
            if position.ended:
                place.answers.append(_answer(spot, key, subject, position, outcome=NOT_ASKED, size=None))
                continue
        size, handed = asked_of(spot, place.arguments)
        call = calls.take(
            spot.lane,
            key,
            subject,
            mask=spot.bit,
            size=position.size or size,
            handed=handed,
            at=None if position is START else position,  # nearly always, and it costs no hash
        )
        place.wants.append((spot, call, key, subject, position))


def _keys(spot: Spot, parent: Any, owners: frozenset[str]) -> Iterable[str]:
    if spot.key is None:
        return owners if len(owners) == 1 else sorted(owners)
    key = getattr(parent, spot.key)
    return (key,) if key else ()


def _filled(place: Gathering) -> list[Answer[Any]]:
    """Put the answers of a place together, once its calls are back."""
    answers = place.answers
    for spot, call, key, subject, position in place.wants:
        answers.append(_answer(spot, key, subject, position, outcome=call.outcome, size=call.size))
    if len(answers) > 1:
        answers.sort(key=ORDER)
    return answers


def _answer(
    spot: Spot, key: str, subject: Subject, position: Position, *, outcome: Outcome, size: int | None
) -> Answer[Any]:
    problem, found = outcome.problem, outcome.records.get(spot.call)
    return Answer(
        spot.source,
        spot.role,
        spot.call,
        outcome.state,
        found.get(key, ()) if found else (),
        None if problem is None else problem.code,
        problem is not None and problem.retryable,
        key,
        subject.customer_id,
        position,
        size,
        outcome.next_page,
        outcome.complete,
        outcome.seconds,
    )


def _unasked(spot: Spot, state: SourceState, place: Gathering) -> Answer[Any]:
    return Answer(spot.source, spot.role, spot.call, state, [], code=state.value, customer_id=place.customer_id)
