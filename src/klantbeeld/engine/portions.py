"""The portions of a plan: what is read for the first answer, and what for each part that comes later.

A joint that is put off is cut off from the joint above it. Where the two were together is a seam, at which a later
portion goes on from the value that the joint above has by then. A list that is streamed is cut by its items: the same
field is then a joint of two portions, one for the items of the first answer and one for the rest. Streams below the
rest of a stream are delivered item by item and not cut again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from math import prod
from typing import Any, Final

from graphql import IntValueNode, ListValueNode, VariableNode

from klantbeeld.engine.deferral import NOW, Deferral, Groups
from klantbeeld.engine.plan import Joint, Only, Path, Plan, Route, Step, Way
from klantbeeld.errors import RequestError

Key = tuple[Groups, Path | None]
"""A portion: the groups of `@defer` that wait for it, and the list whose later items do."""

FIRST: Final[Key] = (NOW, None)


@dataclass(frozen=True, slots=True)
class Seam:
    """Joints that go on from the value of the joint above; None for root fields.

    `items` are those of its items from which they go on, where the value is a list that is streamed.
    """

    above: Joint | None
    joints: tuple[Joint, ...]
    items: slice | None = None


@dataclass(slots=True)
class Portion:
    """What is read together, and the portions that bring the values from which it goes on."""

    seams: list[Seam] = field(default_factory=list)
    after: set[Key] = field(default_factory=set)


@dataclass(slots=True)
class Division:
    """A plan in portions; lives as long as one operation.

    `joints` are those that stand for a field, by its way; `portion_of` and `above` are by a joint's number,
    of which there are `count`: a joint that is cut has another one in each portion.
    """

    plan: Plan
    count: int = 0
    portions: dict[Key, Portion] = field(default_factory=dict)
    joints: dict[Way, list[Joint]] = field(default_factory=dict)
    portion_of: dict[int, Key] = field(default_factory=dict)
    above: dict[int, Joint | None] = field(default_factory=dict)


def divide(plan: Plan, deferral: Deferral) -> Division:
    """Cut a plan; the division's own plan is what is read first."""
    division = Division(plan)
    cutter = _Cutter(deferral, division)
    roots = cutter.cut_roots(plan.roots)
    every = (joint for joints in division.joints.values() for joint in joints)
    joints = {(*joint.way, str(joint.number)): joint for joint in every}
    division.plan = replace(plan, roots=roots, joints=joints, shapes={})
    return division


def check_parts(plan: Plan, deferral: Deferral, variables: Mapping[str, Any], *, most: int) -> None:
    """Refuse what may be answered in more than `most` parts: each place counts for all objects it may be in.

    Pages have the sizes that they are asked with. Raises RequestError with TOO_MANY_DEFERRED.
    """
    sizes: dict[Path, int] = {}
    for joint in plan.joints.values():
        sizes[joint.path] = max(_size_of(joint, variables), sizes.get(joint.path, 1))
    parts = sum(prod(sizes.get(path[:end], 1) for end in range(1, len(path) + 1)) for path in deferral.places)
    if parts > most:
        raise RequestError(f"{parts} parts, more than {most}", code="TOO_MANY_DEFERRED")


def _size_of(joint: Joint, variables: Mapping[str, Any]) -> int:
    """Return how many objects a field gives at most, as far as its arguments tell: a page's size, or a list's."""
    given: dict[str, Any] = {name: argument.default_value for name, argument in joint.definition.args.items()}
    for argument in joint.node.arguments or ():
        value = argument.value
        name = argument.name.value
        if isinstance(value, VariableNode):
            given[name] = variables.get(value.name.value, given[name])
        elif isinstance(value, IntValueNode):
            given[name] = int(value.value)
        elif isinstance(value, ListValueNode):
            given[name] = value.values
    first = given.get("first")
    if isinstance(first, int):
        return max(first, 1)
    return max((len(found) for found in given.values() if isinstance(found, list | tuple)), default=1)


@dataclass(frozen=True, slots=True)
class _Cutter:
    deferral: Deferral
    division: Division

    def cut_roots(self, joints: tuple[Joint, ...]) -> tuple[Joint, ...]:
        """Cut the root fields; returns those that are entered at once."""
        roots = []
        later: dict[Key, list[Joint]] = {}
        for joint in joints:
            key: Key = (self.deferral.groups_of(joint.path), None)
            made = self._cut(joint, key)
            self.division.above[made.number] = None
            if key == FIRST:
                roots.append(made)
            else:
                later.setdefault(key, []).append(made)
        for key, found in later.items():
            self._portion(key).seams.append(Seam(None, tuple(found)))
        return tuple(roots)

    def _cut(self, joint: Joint, key: Key) -> Joint:
        """Return a joint with those of the joints below it that are of the same portion."""
        together: list[Joint] = []
        apart: list[tuple[Key, slice | None, Joint]] = []
        for child in joint.children:
            for found, items, route in self._ways(joint.path, child, key):
                made = self._cut(replace(child, route=route), found)
                if found == key and items is None:
                    together.append(made)
                else:
                    apart.append((found, items, made))
        cut = replace(joint, number=self.division.count, children=tuple(together))
        self.division.count += 1
        self.division.joints.setdefault(joint.way, []).append(cut)
        self.division.portion_of[cut.number] = key
        for made in (*together, *(one for _, _, one in apart)):
            self.division.above[made.number] = cut
        self._sew(cut, key, apart)
        return cut

    def _sew(self, above: Joint, key: Key, apart: list[tuple[Key, slice | None, Joint]]) -> None:
        """Note where later portions go on; those of one portion and the same items go on together."""
        seams: dict[tuple[Key, str], tuple[slice | None, list[Joint]]] = {}
        for found, items, made in apart:
            seams.setdefault((found, repr(items)), (items, []))[1].append(made)
        for (found, _), (items, joints) in seams.items():
            portion = self._portion(found)
            portion.seams.append(Seam(above, tuple(joints), items))
            if found != key:
                portion.after.add(key)

    def _portion(self, key: Key) -> Portion:
        return self.division.portions.setdefault(key, Portion())

    def _ways(self, above: Path, child: Joint, key: Key) -> Iterator[tuple[Key, slice | None, Route]]:
        """Say in which portions a joint is, for which items of the value above it, and along which route."""
        groups, streamed = self.deferral.groups_of(child.path), key[1]
        between = (child.path[:end] for end in range(len(above), len(child.path)))
        cut = next((path for path in between if path and path in self.deferral.streams), None)
        if streamed is not None or cut is None:
            yield (groups, streamed), None, child.route
            return
        first, rest = slice(self.deferral.streams[cut]), slice(self.deferral.streams[cut], None)
        if len(cut) == len(above):
            yield (groups, None), first, child.route
            yield (groups, cut), rest, child.route
        else:
            step = _place_of(len(cut) - len(above), child.route)
            yield (groups, None), None, _with_items(child.route, step, first)
            yield (groups, cut), None, _with_items(child.route, step, rest)


def _place_of(number: int, route: Route) -> int:
    """Return the place in a route of the step to its n-th field."""
    fields = [place for place, step in enumerate(route) if not isinstance(step, Only)]
    return fields[number - 1]


def _with_items(route: Route, place: int, items: slice) -> Route:
    return (*route[:place], partial(_items_at, route[place], items), *route[place + 1 :])


def _items_at(step: Step, items: slice, value: Any) -> Any:
    """Take a step to a list, and some of its items."""
    assert not isinstance(step, Only)  # noqa: S101 - a field leads to a list
    return items_of(getattr(value, step) if isinstance(step, str) else step(value), items)


def items_of(value: Any, items: slice | None) -> Any:
    """Return some items of a list; anything else is what it is."""
    return value[items] if items is not None and isinstance(value, list | tuple) else value
