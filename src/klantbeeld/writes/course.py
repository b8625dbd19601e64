"""The course: from where an operation's steps stand, what is to be done next.

It is pure, so that every replica goes on alike.
"""

from collections.abc import Sequence
from operator import attrgetter

from msgspec import Struct

from klantbeeld.writes.rows import OperationView, StepRow
from klantbeeld.writes.states import DOUBTFUL, OperationState, Policy, StepState

APPROVE = "approve"  # the kind of a step that waits for a person
AHEAD = frozenset({StepState.PENDING, StepState.WAITING})
STATE = attrgetter("state")


class Go(Struct, frozen=True):
    """A step that is to be done now."""

    step: StepRow


class Rest(Struct, frozen=True):
    """Nothing is to be done now: the state in which that leaves the operation.

    `resumable` says that nothing was done, and that another try may succeed; `again` that the worker has to go on
    later; `stuck` that only a person can.
    """

    state: OperationState
    resumable: bool = False
    again: bool = False
    stuck: bool = False


def next_of(view: OperationView) -> Go | Rest:
    """Say what an operation needs next."""
    if view.operation.policy is Policy.FORWARD:
        return _onwards(_forward(view.steps))
    states = {*map(STATE, view.steps)}
    if not states.isdisjoint(DOUBTFUL):
        return Rest(OperationState.UNKNOWN)
    if StepState.NOT_APPLIED in states:
        forward = _forward(view.steps)
        failed = [step for step in forward if step.state is StepState.NOT_APPLIED and not step.optional]
        if failed:
            return _backwards(view, forward, failed)
    return _in_order(view.steps)


def _forward(steps: Sequence[StepRow]) -> list[StepRow]:
    return [step for step in steps if step.compensates is None]


def _in_order(steps: Sequence[StepRow]) -> Go | Rest:
    for step in steps:
        if step.state in AHEAD and step.compensates is None:
            if step.state is StepState.PENDING:
                return Go(step)
            return Rest(OperationState.PENDING_APPROVAL if step.kind == APPROVE else OperationState.WAITING)
    return Rest(_end_of(_forward(steps)))


def _backwards(view: OperationView, forward: list[StepRow], failed: list[StepRow]) -> Go | Rest:
    """Undo what was applied, the last first."""
    # One that is skipped would put back what was not there any more when the step was done.
    undoing = {
        step.compensates: step
        for step in view.steps
        if step.compensates is not None and step.state is not StepState.SKIPPED
    }
    applied = [step for step in forward if step.state is StepState.APPLIED]
    for done in sorted(applied, key=lambda step: step.seq, reverse=True):
        undo = undoing.get(done.seq)
        if undo is None:
            if done.is_call:
                return Rest(OperationState.UNKNOWN, stuck=True)  # applied in part, and it cannot be undone
            continue
        if undo.state is StepState.PENDING:
            return Go(undo)
        if undo.state is StepState.NOT_APPLIED:
            return Rest(OperationState.UNKNOWN, again=undo.passing, stuck=not undo.passing)
    if any(step.state is StepState.COMPENSATED for step in forward):
        return Rest(OperationState.COMPENSATED)
    return Rest(OperationState.NOT_APPLIED, resumable=all(step.passing for step in failed))


def _onwards(forward: list[StepRow]) -> Go | Rest:
    """Try every step, whatever came of the others."""
    for step in forward:
        if step.state is StepState.PENDING:
            return Go(step)
    if any(step.state in DOUBTFUL for step in forward):
        return Rest(OperationState.UNKNOWN)
    if any(step.state is StepState.WAITING for step in forward):
        return _in_order([step for step in forward if step.state is StepState.WAITING])
    if any(step.state is StepState.NOT_APPLIED and step.passing and not step.optional for step in forward):
        return Rest(OperationState.UNKNOWN, again=True)
    end = _end_of(forward)
    if end is OperationState.NOT_APPLIED and any(step.is_call and step.state is StepState.APPLIED for step in forward):
        return Rest(OperationState.UNKNOWN, stuck=True)  # done in part, and refused for good elsewhere
    return Rest(end)


def _end_of(forward: list[StepRow]) -> OperationState:
    """Say how an operation ended: applied where something was, and all that was needed."""
    needed = [step for step in forward if not step.optional]
    calls = [step for step in forward if step.is_call]
    done = [step for step in calls or forward if step.state is StepState.APPLIED]
    is_applied = done and all(step.state is StepState.APPLIED for step in needed)
    return OperationState.APPLIED if is_applied else OperationState.NOT_APPLIED
