"""What came of a write: done, not done, or not known; never a guess."""

from dataclasses import dataclass
from enum import StrEnum

from klantbeeld.errors import (
    SourceConflict,
    SourceError,
    SourceRefused,
    SourceRejected,
)


class WriteStatus(StrEnum):
    """What came of a write.

    APPLIED: the owner said that it is done. NOT_APPLIED: the owner did not do it, or was never asked. UNKNOWN: it was
    sent and no answer tells.
    """

    APPLIED = "APPLIED"
    NOT_APPLIED = "NOT_APPLIED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What came of the write to one source. `reason` is the owner's own word, where it is safe to show."""

    source: str
    act: str
    status: WriteStatus
    record_id: str | None = None
    version: str | None = None
    code: str | None = None
    reason: str | None = None

    @property
    def is_conflict(self) -> bool:
        """Whether the record had changed since the expected version."""
        return self.code == SourceConflict.code


@dataclass(frozen=True, slots=True)
class WriteOutcome:
    """What came of a mutation: its id, and one outcome for each source that was to change."""

    operation_id: str
    steps: tuple[StepOutcome, ...]

    @property
    def status(self) -> WriteStatus:
        """UNKNOWN if any step is; APPLIED if all are; else NOT_APPLIED."""
        found = {step.status for step in self.steps}
        if WriteStatus.UNKNOWN in found:
            return WriteStatus.UNKNOWN
        return WriteStatus.APPLIED if found == {WriteStatus.APPLIED} else WriteStatus.NOT_APPLIED


def status_after(error: SourceError) -> WriteStatus:
    """Say what an error proves about the write that met it.

    A refusal by the owner's rules, version or rights proves that nothing was done; so does a request that never left.
    Anything else may have been executed, now or later.
    """
    if not error.sent or isinstance(error, SourceConflict | SourceRejected | SourceRefused):
        return WriteStatus.NOT_APPLIED
    return WriteStatus.UNKNOWN
