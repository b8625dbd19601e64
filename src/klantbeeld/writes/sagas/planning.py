"""From a declared saga to the steps of one operation: owners found, sources chosen, and refused what cannot be.

Nothing is sent while a plan is made, so a plan that cannot be made has changed nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from klantbeeld.errors import Unanswered
from klantbeeld.identity.links import Links
from klantbeeld.sdk.records import Record
from klantbeeld.sdk.sagas import (
    Approve,
    Do,
    Engage,
    Escalate,
    Given,
    Home,
    Notify,
    Reach,
    Recovery,
    Saga,
    Step,
    WaitFor,
    WaitUntil,
)
from klantbeeld.sdk.words import Channel
from klantbeeld.sources.source import Source
from klantbeeld.writes.planning import PlannedStep
from klantbeeld.writes.routing import able, owner_of
from klantbeeld.writes.sagas.payloads import Approval, Engaged, Expected, Told, Until
from klantbeeld.writes.states import CALL, Policy
from klantbeeld.writes.versions import open_version

APPROVE, WAIT, EVENT, NOTIFY, ESCALATE, ENGAGE = "approve", "wait", "event", "notify", "escalate", "engage"
POLICIES = {Recovery.UNDO: Policy.BACKWARD, Recovery.INSIST: Policy.FORWARD}


class Wanted(Struct, frozen=True, kw_only=True):
    """What somebody wants done: the saga, what it is given, for whom, through which channel, and who (a keyed hash)."""

    saga: Saga
    given: Given
    customer: Links
    channel: Channel
    starter: bytes


class Target(Struct, frozen=True):
    """Where an act goes: a source, and its id of the customer; `left_out` is the code of why it does not."""

    source: Source
    customer: str = ""
    left_out: str | None = None


class Planner:
    """Plans sagas over the sources of one configuration; lives as long as that."""

    def __init__(self, sources: Mapping[str, Source], *, declared: Mapping[str, str]) -> None:
        self._sources = sources
        self._declared = declared

    def plan(self, wanted: Wanted) -> tuple[PlannedStep, ...]:
        """Return the steps, compensations behind them; raises Unanswered where a needed step has no owner.

        Raises it too where nothing is left to do: no source that could know the customer does.
        """
        steps: list[PlannedStep] = []
        undone: list[tuple[int, Do]] = []
        for step in wanted.saga.ordered():
            if not isinstance(step, Do):
                steps += _other(step, wanted)
                continue
            for planned in self._calls(step, wanted):
                if step.undo and step.undo.reads is None and not planned.left_out:
                    undone.append((len(steps), step))
                steps.append(planned)
        if all(step.left_out for step in steps):
            refused = steps[0] if steps else None
            raise Unanswered((refused and refused.left_out) or "NOT_LINKED", source=refused.source if refused else None)
        undoing = (compensation(wanted.saga.name, step, steps[place], (), place=place) for place, step in undone)
        return (*steps, *(each for each in undoing if each))

    def _calls(self, step: Do, wanted: Wanted) -> Iterator[PlannedStep]:
        values = step.values(wanted.given)
        if values is None:
            return
        for target in self._targets(step, wanted):
            if target.left_out and step.needed and step.reach is Reach.OWNER:
                raise Unanswered(target.left_out, source=target.source.name)
            yield _call(step, wanted, target, values)

    def _targets(self, step: Do, wanted: Wanted) -> Iterable[Target]:
        if step.at is not None:
            home: Home = getattr(wanted.given, step.at)
            source = self._sources.get(home.source)
            if source is None or step.role.name not in source.roles:
                raise Unanswered("OWNER_UNKNOWN")
            return [Target(able(source, step.act), home.customer)]
        if step.reach is Reach.OWNER:
            owner = owner_of(step.act, step.role, sources=self._sources, declared=self._declared)
            return [next(_linked(owner, wanted.customer), Target(owner, left_out="NOT_LINKED"))]
        return self._everywhere(step, wanted.customer)

    def _everywhere(self, step: Do, customer: Links) -> Iterator[Target]:
        """Yield every record of the customer in every source of a role; who does not know the customer has no part."""
        for name in sorted(self._sources):
            source = self._sources[name]
            if step.role.name not in source.roles:
                continue
            for target in _linked(source, customer):
                yield target if step.act in source.doings else Target(source, left_out="NOT_SUPPORTED")


def _call(step: Do, wanted: Wanted, target: Target, values: Mapping[str, Any]) -> PlannedStep:
    name = target.source.name
    seen = {"expected": open_version(name, values.get("expected"))}
    kind = step.role.acts[step.act]
    act = kind(customer=target.customer, key="", channel=wanted.channel, **{**values, **seen})
    return PlannedStep(
        kind=CALL,
        act=step.act,
        source=name,
        role=step.role.name,
        payload=None if target.left_out else act,
        optional=target.left_out is not None,
        left_out=target.left_out,
        prepare=f"{wanted.saga.name}/{step.name}",
    )


def _linked(source: Source, customer: Links) -> Iterator[Target]:
    return (Target(source, link.record_id) for link in customer.links if link.source == source.name)


def compensation(saga: str, step: Do, done: PlannedStep, before: Sequence[Record], *, place: int) -> PlannedStep | None:
    """Plan the step that takes another one back, at the same source; None where nothing can be put back.

    What it needs to know of what was written is filled in when it is about to be sent.
    """
    undo = step.undo
    values = undo.values(done.payload, before) if undo else None
    if undo is None or values is None:
        return None
    later = {undo.takes: ""} if undo.takes else {}
    act = step.role.acts[undo.act](
        customer=done.payload.customer, key="", channel=done.payload.channel, **values, **later
    )
    return PlannedStep(
        kind=CALL,
        act=undo.act,
        source=done.source,
        role=done.role,
        payload=act,
        compensates=place,
        prepare=f"{saga}/{step.name}/undo",
    )


def _other(step: Step, wanted: Wanted) -> Iterator[PlannedStep]:
    """Yield the step that is no call, unless this time it is not needed."""
    given = wanted.given
    match step:
        case Approve():
            if step.when(given):
                yield PlannedStep(kind=APPROVE, act=step.name, payload=_approval(step, wanted.starter))
        case WaitUntil():
            yield PlannedStep(kind=WAIT, act=step.name, payload=Until(moment=step.until(given)))
        case WaitFor():
            expected = Expected(event=step.event, longest=step.longest.total_seconds())
            yield PlannedStep(kind=EVENT, act=step.event, payload=expected)
        case Notify():
            yield PlannedStep(kind=NOTIFY, act=step.name, payload=Told(topic=step.topic))
        case Escalate():
            yield PlannedStep(kind=ESCALATE, act=step.name, payload=_escalation(step, wanted.starter))
        case Engage():
            engaged = Engaged(engine=step.engine, process=step.process)
            yield PlannedStep(kind=ENGAGE, act=step.name, payload=engaged)


def _approval(step: Approve, starter: bytes) -> Approval:
    return Approval(
        title_nl=step.title.nl,
        title_en=step.title.en,
        scope=step.scope,
        due=step.due.total_seconds(),
        escalates=step.escalates.total_seconds() if step.escalates else None,
        escalates_to=step.escalates_to,
        starter=starter,
    )


def _escalation(step: Escalate, starter: bytes) -> Approval:
    return Approval(
        title_nl=step.title.nl,
        title_en=step.title.en,
        scope=step.scope,
        due=step.due.total_seconds(),
        starter=starter,
        awaited=False,
    )
