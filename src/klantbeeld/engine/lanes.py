"""Lanes: over which calls the joints of a plan are carried out, worked out once for the sources of a configuration.

A lane is what one call can answer: one resource of one source, asked with the same arguments. The reads of all joints
that start together share lanes, so a request has nothing left to sort: it fills in keys.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import not_
from typing import Any

from graphql import print_ast

from klantbeeld.engine.plan import Joint, PlannedRead
from klantbeeld.engine.register import OwnRegister
from klantbeeld.engine.selections import holds
from klantbeeld.graph.connections import is_size
from klantbeeld.sources.questions import SourceState
from klantbeeld.sources.source import Source

Askable = Source | OwnRegister
ByRole = Mapping[str, Sequence[Askable]]


@dataclass(frozen=True, slots=True)
class Shared:
    """What a call asks for the reads that take part in it: members by capability, whether all pages, whether anew."""

    members: Mapping[str, frozenset[str]]
    everything: bool
    fresh: bool


@dataclass(slots=True, eq=False)
class Lane:
    """One resource of one source, asked with the same arguments; `most` is the most keys of a call.

    Each of `reads` has a bit in the mask of a call, which says who takes part: what nobody asks is not fetched.
    """

    source: Askable
    most: int
    by_record: bool
    reads: list[PlannedRead] = field(default_factory=list)
    _shared: dict[int, Shared] = field(default_factory=dict)

    def shared(self, mask: int) -> Shared:
        """Return what the reads of a mask ask together."""
        found = self._shared.get(mask)
        if found is None:
            found = self._shared[mask] = self._share(mask)
        return found

    def _share(self, mask: int) -> Shared:
        members: dict[str, frozenset[str]] = {}
        everything = fresh = False
        for place, planned in enumerate(self.reads):
            if mask >> place & 1:
                call = planned.read.call
                members[call] = members.get(call, frozenset()) | planned.members
                is_paged = "first" in planned.read.args and self.source.readings[call].newest_first is not None
                everything |= planned.read.everything or ("first" in planned.read.args and not is_paged)
                fresh |= planned.read.fresh
        return Shared(members, everything, fresh)


@dataclass(frozen=True, slots=True, eq=False)
class Spot:
    """One read of a joint at one source, which goes over `lane`; without one, it is said without a call that `state`.

    `key` is the attribute of the parent that holds a record's id, None for the customer's. `handed` names the arguments
    that go to the source as they are, `sized` says that a page has a size, `scope` is that of the read's own rule.
    """

    source: str
    role: str
    call: str
    lane: Lane | None = None
    bit: int = 0
    key: str | None = None
    handed: tuple[str, ...] = ()
    sized: bool = False
    scope: str | None = None
    state: SourceState = SourceState.OK


@dataclass(frozen=True, slots=True, eq=False)
class Laned:
    """A joint in its level: its spots, the joint above it where that is of the same level, and the level below it.

    `arguments` are None where they depend on the request. `leads_on` where it has its value at once, and others of its
    level are below it.
    """

    joint: Joint
    spots: tuple[Spot, ...]
    under: "Laned | None"
    below: "Level | None"
    arguments: Mapping[str, Any] | None
    sized: bool
    paged: bool
    leads_on: bool


@dataclass(slots=True, eq=False)
class Level:
    """Joints that start together; one that has its value at once stands before those below it.

    What the `settled` ones ask depends on nothing but who knows the customer; `outlines` tell it, by the names of the
    sources, and are made as customers come.
    """

    settled: tuple[Laned, ...]
    others: tuple[Laned, ...]
    outlines: dict[tuple[str, ...], Any] = field(default_factory=dict)


def level_of(
    joints: Iterable[Joint], by_role: ByRole, variables: Mapping[str, Any], *, is_kept: bool = False
) -> Level | None:
    """Work out a level and those below it, given the variables that conditions hang on; None without a joint."""
    lanes: dict[Any, Lane] = {}
    found: list[Laned] = []
    pending: list[tuple[Joint, Laned | None]] = [(joint, None) for joint in joints]
    while pending:
        joint, under = pending.pop(0)
        if not holds(joint.conditions, variables):
            continue
        laned = _laned(joint, under, by_role, variables, lanes=lanes, is_kept=is_kept)
        found.append(laned)
        if laned.leads_on:
            pending += [(child, laned) for child in joint.children]
    if not found:
        return None
    settled = [is_kept and _is_settled(laned) for laned in found]
    return Level(tuple(compress(found, settled)), tuple(compress(found, map(not_, settled))))


def _is_settled(laned: Laned) -> bool:
    """Say whether what a joint asks about a customer does not depend on the request, nor on what else was read."""
    settled = laned.arguments
    if settled is None or settled.get("after") or laned.under is not None or laned.joint.route or laned.leads_on:
        return False
    is_sized = not laned.sized or is_size(settled.get("first"))
    return is_sized and all(spot.key is None for spot in laned.spots)


def _laned(
    joint: Joint,
    under: Laned | None,
    by_role: ByRole,
    variables: Mapping[str, Any],
    *,
    lanes: dict[Any, Lane],
    is_kept: bool,
) -> Laned:
    reads = [read for read in joint.reads if read.conditions is None or holds(read.conditions, variables)]
    return Laned(
        joint=joint,
        spots=tuple(spots_of(reads, by_role, lanes, joint)),
        under=under,
        below=level_of(joint.children, by_role, variables, is_kept=is_kept) if reads and joint.children else None,
        arguments=None if joint.arguments.variables else joint.arguments.constant,
        sized="first" in joint.definition.args,
        paged="after" in joint.definition.args,
        leads_on=not reads and bool(joint.children),
    )


def spots_of(
    reads: Iterable[PlannedRead], by_role: ByRole, lanes: dict[Any, Lane], joint: Joint | None = None
) -> Iterable[Spot]:
    """Find the sources of some reads, and a lane for each; lanes that are there already are shared."""
    for planned in reads:
        role, call = planned.read.role.name, planned.read.call
        sources = by_role.get(role, ())
        able = [source for source in sources if call in source.readings]
        if not able and not planned.read.optional:
            if not sources:
                yield Spot("", role, call, scope=planned.scope, state=SourceState.NOT_CONFIGURED)
            for source in sources:
                yield Spot(source.name, role, call, scope=planned.scope, state=SourceState.NOT_SUPPORTED)
        for source in able:
            yield _spot(planned, source, lanes, joint)


def _spot(planned: PlannedRead, source: Askable, lanes: dict[Any, Lane], joint: Joint | None) -> Spot:
    read, reading = planned.read, source.readings[planned.read.call]
    key = (source.name, reading.resource, _handed(planned, joint))
    lane = lanes.get(key)
    if lane is None:
        lane = lanes[key] = Lane(source, reading.batch, reading.by_record)
    lane.reads.append(planned)
    return Spot(
        source=source.name,
        role=read.role.name,
        call=read.call,
        lane=lane,
        bit=1 << (len(lane.reads) - 1),
        key=read.key,
        handed=planned.handed,
        sized="first" in read.args,
        scope=planned.scope,
    )


def _handed(planned: PlannedRead, joint: Joint | None) -> Any:
    """Return what tells whether two reads hand on the same arguments, before anybody knows their values."""
    if joint is None or not planned.handed:
        return None
    filled = joint.arguments
    if filled.constant is None:
        return tuple(print_ast(argument) for argument in joint.node.arguments or ())
    variables = dict(filled.variables)
    handed = [(name, filled.constant.get(name), variables.get(name)) for name in planned.handed]
    given = [one for one in handed if one[1:] != (None, None)]
    return repr(given) if given else None
