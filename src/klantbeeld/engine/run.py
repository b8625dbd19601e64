"""A run: one operation for one request, and what came of each joint of its plan.

It is the context of graphql-core's resolvers, which find here what was entered and joined; they do no I/O.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import msgspec
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path as ResponsePath
from msgspec import Struct

from klantbeeld.engine.cursors import Cursors, Positions, binding_of
from klantbeeld.engine.plan import Joint, Plan, Shape, ToPython, Way
from klantbeeld.engine.ports import Release
from klantbeeld.engine.variables import Variables
from klantbeeld.errors import Unanswered
from klantbeeld.graph.answers import Answer, Answers, Moment
from klantbeeld.graph.customer import Customer
from klantbeeld.sdk.records import Record
from klantbeeld.sdk.words import Channel
from klantbeeld.sources.context import CallContext
from klantbeeld.writes.outcomes import WriteOutcome, WriteStatus

Arguments = Mapping[str, Any]


@dataclass(slots=True)
class Attempt:
    """A write that was handed to its owner, and what came of it; None while that is not known."""

    channel: Channel
    outcome: WriteOutcome | None = None

    @property
    def may_have_changed(self) -> bool:
        """Whether anything was written, or may have been."""
        return self.outcome is None or any(step.status is not WriteStatus.NOT_APPLIED for step in self.outcome.steps)


NOBODY = ""
"""Stands for a customer where something is asked that is about none yet, or by a root field."""

UNSET: Any = object()
"""Stands for a value that nobody asked for yet."""


class Gathering(Struct, eq=False, kw_only=True):
    """Where the answers to reads about one parent come together.

    `answers` begins with those that need no call; `wants` are the reads that wait for one.
    """

    parent: Any
    customer_id: str
    arguments: Arguments
    answers: list[Answer[Any]] = []
    wants: list[Any] = []


class Place(Gathering, eq=False):
    """A joint at one parent, and its value once somebody asks for it; an exception is raised at the field."""

    run: "Run"
    joint: Joint
    value: Any = UNSET

    def combined(self) -> Any:
        """Return the value of the field; None when it has none."""
        value = self.combine() if self.value is UNSET else self.value
        return None if isinstance(value, Exception) else value

    def combine(self) -> Any:
        """Have the field's function combine the answers; returns what came of it."""
        combine = self.joint.extension.combine  # type: ignore[union-attr]  # below the root every joint is joined
        answers = Answers(self.parent, self.run.moment, tuple(self.answers), self._seal, self._asked, self._covers)
        try:
            self.value = combine(answers=answers, **self.arguments)
        except Exception as error:  # noqa: BLE001 - raised again at the field, where it costs the field alone
            self.value = error
        return self.value

    def _seal(self, positions: Positions) -> str:
        return self.run.cursors.seal(positions, binding_of(self.joint.coordinate, self.customer_id, self.arguments))

    def _asked(self) -> Sequence[Answer[Any]]:
        return self.run.asked.get(self.customer_id, ())

    def _covers(self, scope: str) -> bool:
        release = self.run.releases.get(self.customer_id)
        return release is not None and release.covers(scope, self.joint.coordinate)


class Run:
    """Lives as long as one operation.

    `variables` are coerced. `context` is that of its calls. `customers` are all that the operation met, by id,
    and `releases` what the caller may see of each; `asked` is everything that was asked on behalf of each, and of
    NOBODY. `attempts` are its writes, `roots` the values of root joints by their number, or what took their place.
    """

    __slots__ = (
        "_arguments",
        "_places",
        "asked",
        "attempts",
        "context",
        "cursors",
        "customers",
        "info",
        "moment",
        "plan",
        "releases",
        "roots",
        "shape",
        "to_python",
        "variables",
    )

    def __init__(
        self,
        plan: Plan,
        shape: Shape,
        variables: Variables,
        moment: Moment,
        *,
        context: CallContext,
        cursors: Cursors,
        to_python: ToPython,
    ) -> None:
        self.plan = plan
        self.shape = shape
        self.variables = variables
        self.moment = moment
        self.context = context
        self.cursors = cursors
        self.to_python = to_python
        self.customers: dict[str, Customer] = {}
        self.releases: dict[str, Release] = {}
        self.asked: dict[str, list[Answer[Any]]] = {}
        self.attempts: list[Attempt] = []
        self.roots: dict[int, Any] = {}
        self.info = SimpleNamespace(context=self)
        self._places: list[dict[int, Place] | None] = [None] * len(plan.joints)
        self._arguments: dict[int, Arguments] = {}

    def arguments_of(self, joint: Joint) -> Arguments:
        """Return a joint's arguments as Python values, by their Python names."""
        settled = joint.arguments
        if settled.constant is not None and not settled.variables:
            return settled.constant
        found = self._arguments.get(joint.number)
        if found is None:
            found = settled.fill(self.variables.coerced)
            if found is None:
                values = get_argument_values(joint.definition, joint.node, self.variables.all)
                found = self.to_python(joint.definition, values)
            self._arguments[joint.number] = found
        return found

    def entered_at(self, joint: Joint) -> Any:
        """Return the value of a root joint; raises what took its place."""
        return _given(self.roots[joint.number])

    def entered(self, path: ResponsePath) -> Any:
        """Return the value of the root field at a response path, for its resolver."""
        return self.entered_at(self.plan.joints[way_of(path)])

    def place(self, joint: Joint, parent: Any, customer_id: str, arguments: Arguments) -> Place | None:
        """Make the place of a joint at a parent; None where it has one: one object may be met on several ways."""
        places = self._places[joint.number]
        if places is None:
            places = self._places[joint.number] = {}
        elif id(parent) in places:
            return None
        place = places[id(parent)] = Place(self, joint, parent=parent, customer_id=customer_id, arguments=arguments)
        return place

    def let_go(self) -> None:
        """Part what holds one another once the answer is written, or all of it would wait for the garbage collector."""
        for places in self._places:
            if places is not None:
                for place in places.values():
                    place.value = None  # a connection knows its answers, and these their place
        self._places.clear()
        self.info.context = None

    def count_places(self) -> int:
        """Count the joined fields of all objects."""
        return sum(len(places) for places in self._places if places)

    def has_place(self, joint: Joint, parent: Any) -> bool:
        """Say whether a joint has its place at a parent already."""
        places = self._places[joint.number]
        return places is not None and id(parent) in places

    def value_at(self, joint: Joint, parent: Any) -> Any:
        """Return the value of a joint at a parent, kept from then on; None when it has none, or no place there."""
        place = (self._places[joint.number] or {}).get(id(parent))
        return None if place is None else place.combined()

    def taken(self, joint: Joint, parent: Any) -> Any:
        """Return the value of a joined field for one parent; raises what its function raises."""
        place = self._places[joint.number][id(parent)]  # type: ignore[index]  # a joint that is asked was placed
        value = place.value
        if value is UNSET:
            value = place.combine()
        if isinstance(value, Exception):
            raise value
        return value

    def combined(self, path: ResponsePath, parent: Any) -> Any:
        """Return the value of a joined field for one parent, for its resolver."""
        return self.taken(self.plan.joints[way_of(path)], parent)

    def as_told(self, path: ResponsePath, record: Record) -> Record:
        """Return what the field at a response path tells of: its record, with the members selected beside it alone."""
        return with_only(record, self.plan.told_at(way_of(path), self.shape.conditions))

    def positions(self, joint: Joint, customer_id: str, arguments: Arguments) -> Positions:
        """Return where each source's page begins."""
        after = arguments.get("after")
        return self.cursors.open(after, binding_of(joint.coordinate, customer_id, arguments)) if after else {}


def with_only(record: Record, members: frozenset[str]) -> Record:
    """Return a record with these of its own members alone, and with the choices that were made for them."""
    others = set(record.__struct_fields__) - set(Record.__struct_fields__) - members
    choices = tuple(choice for choice in record.choices if choice.member in members)
    return msgspec.structs.replace(record, **dict.fromkeys(others), choices=choices)


def _given(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value


def way_of(path: ResponsePath) -> Way:
    """Return the way to the field at a response path."""
    steps: list[str] = []
    above: ResponsePath | None = path
    while above is not None:
        if above.typename is not None:  # an index has none
            steps.append(f"{above.typename}.{above.key}")
        above = above.prev
    return tuple(steps[::-1])


def deny(plan: Plan, way: Way) -> None:
    """Raise Unanswered if a rule refuses a field."""
    if refusal := plan.denied.get(way):
        raise refused(plan, way, refusal)


def refused(plan: Plan, way: Way, refusal: str) -> Unanswered:
    """Make the error of a field that a rule refuses; of a mutation it says that nothing was written."""
    error = Unanswered(refusal)
    if plan.is_serial and len(way) == 1:
        error.write_status = WriteStatus.NOT_APPLIED
    return error
