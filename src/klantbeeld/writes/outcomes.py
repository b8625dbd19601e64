"""What came of a write: done, not done, or not known; never a guess."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from klantbeeld.errors import (
    SourceConflict,
    SourceError,
    SourceRefused,
    SourceRejected,
)
from klantbeeld.writes.rows import OperationView, StepRow
from klantbeeld.writes.states import OperationState, StepState


class WriteStatus(StrEnum):
    """What came of a write.

    APPLIED: the owner said that it is done. NOT_APPLIED: the owner did not do it, or was never asked. UNKNOWN: it was
    sent and no answer tells. COMPENSATED: it was done in part, and what was done was undone. PENDING_APPROVAL: somebody
    has to agree first, or its day has not come.
    """

    APPLIED = "APPLIED"
    NOT_APPLIED = "NOT_APPLIED"
    UNKNOWN = "UNKNOWN"
    COMPENSATED = "COMPENSATED"
    PENDING_APPROVAL = "PENDING_APPROVAL"


class StepOutcome(Struct, frozen=True):
    """What came of the write to one source, the step of that `number`.

    `reason` is the owner's own word, where it is safe to show.
    """

    source: str
    act: str
    status: WriteStatus
    record_id: str | None = None
    version: str | None = None
    code: str | None = None
    reason: str | None = None
    number: int = 0

    @property
    def is_conflict(self) -> bool:
        """Whether the record had changed since the expected version."""
        return self.code == SourceConflict.code


class WriteOutcome(Struct, frozen=True):
    """What came of a mutation: its id, its status, and one outcome for each source that was to change.

    `expires_at` is until when a repetition with the same key gets the same answer; `consistency_token` lets a later
    read on any replica see this write.
    """

    operation_id: str
    status: WriteStatus
    steps: tuple[StepOutcome, ...]
    expires_at: datetime | None = None
    consistency_token: str | None = None


def status_after(error: SourceError) -> WriteStatus:
    """Say what an error proves about the write that met it.

    A refusal by the owner's rules, version or rights proves that nothing was done; so does a request that never left.
    Anything else may have been executed, now or later.
    """
    if not error.sent or isinstance(error, SourceConflict | SourceRejected | SourceRefused):
        return WriteStatus.NOT_APPLIED
    return WriteStatus.UNKNOWN


class Verdict(Struct, frozen=True):
    """What one sending of a step came to. `passing` says of what was not applied that another try may succeed."""

    state: StepState
    record_id: str | None = None
    version: str | None = None
    code: str | None = None
    reason: str | None = None
    passing: bool = False


def verdict_after(error: SourceError) -> Verdict:
    """Say what an error proves about the first sending of a step, of which nothing was sent before."""
    reason = error.reason if isinstance(error, SourceRejected) else None
    status = status_after(error)
    is_passing = status is WriteStatus.NOT_APPLIED and not isinstance(error, SourceConflict | SourceRejected)
    state = StepState.NOT_APPLIED if status is WriteStatus.NOT_APPLIED else StepState.UNKNOWN
    return Verdict(state, code=error.code, reason=reason, passing=is_passing)


STATUSES = {
    OperationState.RUNNING: WriteStatus.UNKNOWN,
    OperationState.WAITING: WriteStatus.PENDING_APPROVAL,
    OperationState.PENDING_APPROVAL: WriteStatus.PENDING_APPROVAL,
    OperationState.UNKNOWN: WriteStatus.UNKNOWN,
    OperationState.APPLIED: WriteStatus.APPLIED,
    OperationState.NOT_APPLIED: WriteStatus.NOT_APPLIED,
    OperationState.COMPENSATED: WriteStatus.COMPENSATED,
}
STEP_STATUSES = {
    StepState.SENDING: WriteStatus.UNKNOWN,
    StepState.WAITING: WriteStatus.PENDING_APPROVAL,
    StepState.APPLIED: WriteStatus.APPLIED,
    StepState.NOT_APPLIED: WriteStatus.NOT_APPLIED,
    StepState.UNKNOWN: WriteStatus.UNKNOWN,
    StepState.COMPENSATED: WriteStatus.COMPENSATED,
    StepState.SKIPPED: WriteStatus.NOT_APPLIED,
}
WAITING_CODES = {StepState.SKIPPED: "STEP_SKIPPED", StepState.PENDING: "STEP_PENDING"}


def outcome_of(view: OperationView, *, token: str | None = None) -> WriteOutcome:
    """Say in the words of callers where an operation stands; what only undoes another step is not shown."""
    status = STATUSES[view.operation.state]
    steps = tuple(_step_outcome(step, status) for step in view.steps if step.is_call and step.compensates is None)
    return WriteOutcome(view.operation.id, status, steps, view.operation.expires_at, token)


def _step_outcome(step: StepRow, status: WriteStatus) -> StepOutcome:
    return StepOutcome(
        source=step.source or "",
        act=step.act,
        status=STEP_STATUSES.get(step.state, status),  # what has not begun is as open as the whole
        record_id=step.record_id,
        version=step.version,
        code=step.code or WAITING_CODES.get(step.state),
        reason=step.reason,
        number=step.seq,
    )
