"""A run: one operation for one request, and what came of each joint of its plan.

It is the context of graphql-core's resolvers, which find here what was entered and joined; they do no I/O.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any

from graphql.execution.values import get_argument_values
from graphql.pyutils import Path as ResponsePath

from klantbeeld.engine.cursors import Cursors, Positions, binding_of
from klantbeeld.engine.plan import Joint, Plan, ToPython
from klantbeeld.engine.ports import Release
from klantbeeld.engine.selections import holds
from klantbeeld.engine.variables import Variables
from klantbeeld.errors import Unanswered
from klantbeeld.graph.answers import Answer, Answers, Moment
from klantbeeld.graph.customer import Customer
from klantbeeld.graph.joined import Joined
from klantbeeld.sdk.words import Channel
from klantbeeld.sources.context import CallContext
from klantbeeld.writes.outcomes import WriteOutcome, WriteStatus

Arguments = Mapping[str, Any]

# The conditions of a field that is selected once, without any.
ALWAYS = ((),)


@dataclass(slots=True)
class Attempt:
    """A write that was handed to its owner, and what came of it; None while that is not known."""

    channel: Channel
    outcome: WriteOutcome | None = None

    @property
    def may_have_changed(self) -> bool:
        """Whether anything was written, or may have been."""
        return self.outcome is None or any(step.status is not WriteStatus.NOT_APPLIED for step in self.outcome.steps)


@dataclass(slots=True)
class Run:
    """Lives as long as one operation.

    `variables` are coerced. `context` is that of its calls. `customers` are all that the operation met, by
    id, and `releases` what the caller may see of each; `asked` is everything that was asked on behalf of each.
    `attempts` are its writes.
    """

    plan: Plan
    variables: Variables
    moment: Moment
    context: CallContext
    cursors: Cursors
    to_python: ToPython
    customers: dict[str, Customer] = field(default_factory=dict)
    releases: dict[str, Release] = field(default_factory=dict)
    asked: dict[str, list[Answer[Any]]] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    info: Any = None
    _values: dict[tuple[int, int], Any] = field(default_factory=dict)
    _answers: dict[tuple[int, int], Answers[Any]] = field(default_factory=dict)
    _kept: list[Any] = field(default_factory=list)
    _arguments: dict[int, Arguments | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.info = SimpleNamespace(context=self)

    def wants(self, joint: Joint) -> bool:
        """Say whether the request's variables select a joint."""
        return joint.conditions == ALWAYS or holds(joint.conditions, self.variables.coerced)

    def arguments_of(self, joint: Joint) -> Arguments:
        """Return a joint's arguments as Python values, by their Python names."""
        found = self._arguments.get(id(joint))
        if found is None:
            found = self._arguments[id(joint)] = joint.arguments.fill(self.variables.coerced)
        if found is None:
            values = get_argument_values(joint.definition, joint.node, self.variables.all)
            found = self._arguments[id(joint)] = self.to_python(joint.definition, values)
        return found

    def enter(self, joint: Joint, value: Any) -> None:
        """Keep the value of a root joint, or the exception that took its place."""
        self._values[id(joint), 0] = value

    def entered_at(self, joint: Joint) -> Any:
        """Return the value of a root joint; raises what took its place."""
        return _given(self._values[id(joint), 0])

    def taken(self, joint: Joint, parent: Any) -> Any:
        """Return the value of a joined field for one parent; raises what its function raises."""
        key = (id(joint), id(parent))
        if key in self._values:
            return _given(self._values[key])
        return self._combined(joint, key)

    def entered(self, path: ResponsePath) -> Any:
        """Return the value of the root field at a response path, for its resolver."""
        joint = self.plan.joints[(str(path.key),), str(path.typename)]
        return _given(self._values[id(joint), 0])

    def answer(
        self, joint: Joint, parent: Any, customer_id: str, answers: Sequence[Answer[Any]], arguments: Arguments
    ) -> None:
        """Keep the answers of a joint for one parent."""
        asked = self.asked.setdefault(customer_id, [])
        asked.extend(answers)
        self._kept.append(parent)
        self._answers[id(joint), id(parent)] = Answers(
            parent=parent,
            moment=self.moment,
            every=tuple(answers),
            seal=partial(self._seal, joint, customer_id, arguments),
            asked=lambda: asked,
            covers=partial(self._covers, joint, customer_id),
        )

    def _seal(self, joint: Joint, customer_id: str, arguments: Arguments, positions: Positions) -> str:
        return self.cursors.seal(positions, binding_of(joint.coordinate, customer_id, arguments))

    def _covers(self, joint: Joint, customer_id: str, scope: str) -> bool:
        release = self.releases.get(customer_id)
        return release is not None and release.covers(scope, joint.coordinate)

    def refuse(self, joint: Joint, parent: Any, error: Exception) -> None:
        """Keep what is wrong with the arguments of a joint, to be raised at its field."""
        self._kept.append(parent)
        self._values[id(joint), id(parent)] = error

    def combine(self, joint: Joint, parent: Any) -> Any:
        """Combine a joint for one parent and keep its value; None when it has none."""
        key = (id(joint), id(parent))
        if key in self._values:
            return None
        try:
            value = self._combined(joint, key)
        except Exception as error:  # noqa: BLE001 - raised again at the field, where it costs the field alone
            value = error
        self._values[key] = value
        return None if isinstance(value, Exception) else value

    def _combined(self, joint: Joint, key: tuple[int, int]) -> Any:
        combine = joint.extension.combine  # type: ignore[union-attr]  # below the root every joint is joined
        return combine(answers=self._answers[key], **self.arguments_of(joint))

    def combined(self, extension: Joined, path: ResponsePath, parent: Any, arguments: Arguments) -> Any:
        """Return the value of a joined field for one parent, for its resolver."""
        keys = tuple(str(key) for key in path.as_list() if isinstance(key, str))
        joint = self.plan.joints[keys, str(path.typename)]
        key = (id(joint), id(parent))
        if key in self._values:
            return _given(self._values[key])
        return extension.combine(**{**arguments, "answers": self._answers[key]})

    def positions(self, joint: Joint, customer_id: str, arguments: Arguments) -> Positions:
        """Return where each source's page begins."""
        after = arguments.get("after")
        return self.cursors.open(after, binding_of(joint.coordinate, customer_id, arguments)) if after else {}


def _given(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value


def deny(plan: Plan, path: ResponsePath) -> None:
    """Raise Unanswered if a rule refuses the field at a response path."""
    keys = tuple(str(key) for key in path.as_list() if isinstance(key, str))
    if refusal := plan.denied.get((keys, str(path.typename))):
        raise Unanswered(refusal)
