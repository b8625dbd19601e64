"""The course: what an operation needs next, from where its steps stand alone."""

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import structs

from klantbeeld.writes.course import Go, Rest, next_of
from klantbeeld.writes.rows import OperationRow, OperationView, StepRow
from klantbeeld.writes.states import OperationState, Policy, StepState

NOW = datetime(2026, 11, 26, tzinfo=UTC)
P, S, W, A, N, U, C, K = (
    StepState.PENDING,
    StepState.SENDING,
    StepState.WAITING,
    StepState.APPLIED,
    StepState.NOT_APPLIED,
    StepState.UNKNOWN,
    StepState.COMPENSATED,
    StepState.SKIPPED,
)


def view(*steps: StepRow, policy: Policy = Policy.BACKWARD) -> OperationView:
    operation = OperationRow(
        id="o",
        scope_key=None,
        fingerprint=b"",
        caller=b"",
        mutation="m",
        customer_id=None,
        channel="APP",
        policy=policy,
        created_at=NOW,
        updated_at=NOW,
        expires_at=NOW,
        wake_at=None,
        holder="h",
        leased_until=NOW,
        sealed_key=None,
    )
    return OperationView(operation, steps)


def step(seq: int, state: StepState, **more: Any) -> StepRow:
    made = StepRow(operation_id="o", seq=seq, kind="call", act="act", step_key="k", state=state, attempts=1)
    return structs.replace(made, **more)


def went(*steps: StepRow, policy: Policy = Policy.BACKWARD) -> Any:
    found = next_of(view(*steps, policy=policy))
    return found.step.seq if isinstance(found, Go) else found


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((P, P), 0),
        ((A, P), 1),
        ((A, A), OperationState.APPLIED),
        ((A, S), OperationState.UNKNOWN),
        ((U, P), OperationState.UNKNOWN),
        ((A, W), OperationState.WAITING),
    ],
)
def test_steps_go_in_their_order_and_wait_for_what_is_not_known(states: tuple[StepState, ...], expected: Any) -> None:
    found = went(*(step(seq, state) for seq, state in enumerate(states)))
    assert (found.state if isinstance(found, Rest) else found) == expected


def test_what_was_applied_is_undone_the_last_first() -> None:
    undo = [step(3, P, compensates=0), step(4, P, compensates=1)]
    assert went(step(0, A), step(1, A), step(2, N), *undo) == 4
    assert went(step(0, A), step(1, C), step(2, N), undo[0], step(4, A, compensates=1)) == 3
    done = went(step(0, C), step(1, C), step(2, N), step(3, A, compensates=0), step(4, A, compensates=1))
    assert done.state is OperationState.COMPENSATED


def test_what_cannot_be_undone_is_for_a_person() -> None:
    assert went(step(0, A), step(1, N)) == Rest(OperationState.UNKNOWN, stuck=True)


def test_an_undoing_that_passes_is_tried_again_and_a_refused_one_is_for_a_person() -> None:
    for passing in (True, False):
        found = went(step(0, A), step(1, N), step(2, N, compensates=0, passing=passing))
        assert (found.state, found.again, found.stuck) == (OperationState.UNKNOWN, passing, not passing)


def test_nothing_done_may_be_tried_again_only_where_it_may_pass() -> None:
    assert went(step(0, N, passing=True)) == Rest(OperationState.NOT_APPLIED, resumable=True)
    assert went(step(0, N)) == Rest(OperationState.NOT_APPLIED)


def test_a_step_that_was_left_out_counts_for_nothing() -> None:
    left_out = step(1, N, optional=True, attempts=0, code="NOT_SUPPORTED")
    assert went(step(0, A), left_out).state is OperationState.APPLIED
    assert went(structs.replace(left_out, seq=0), left_out).state is OperationState.NOT_APPLIED


def test_forwards_every_step_is_tried_whatever_came_of_the_others() -> None:
    assert went(step(0, N), step(1, U), step(2, P), policy=Policy.FORWARD) == 2
    assert went(step(0, A), step(1, U), policy=Policy.FORWARD).state is OperationState.UNKNOWN
    again = went(step(0, A), step(1, N, passing=True), policy=Policy.FORWARD)
    assert (again.state, again.again) == (OperationState.UNKNOWN, True)
    assert went(step(0, A), step(1, A), policy=Policy.FORWARD).state is OperationState.APPLIED
