"""States of operations and of their steps, as the journal keeps them.

What callers see of them is `outcomes.WriteStatus`.
"""

from enum import StrEnum


class OperationState(StrEnum):
    """Where an operation stands.

    RUNNING: somebody with a lease works on it, or died over it. WAITING: for a date or an event. PENDING_APPROVAL: for
    a person. UNKNOWN: a step was sent and nobody can say yet what came of it. The others are ends.
    """

    RUNNING = "RUNNING"
    WAITING = "WAITING"
    PENDING_APPROVAL = "PENDING_APPROVAL"
    UNKNOWN = "UNKNOWN"
    APPLIED = "APPLIED"
    NOT_APPLIED = "NOT_APPLIED"
    COMPENSATED = "COMPENSATED"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self in ENDS


ENDS = frozenset({OperationState.APPLIED, OperationState.NOT_APPLIED, OperationState.COMPENSATED})


class StepState(StrEnum):
    """Where a step stands.

    PENDING: not begun. SENDING: its intent is durable and it may have been sent. NOT_APPLIED: proved. WAITING: for a
    person, a date or an event. COMPENSATED: applied, and undone by another step. SKIPPED: will not be begun.
    """

    PENDING = "PENDING"
    SENDING = "SENDING"
    WAITING = "WAITING"
    APPLIED = "APPLIED"
    NOT_APPLIED = "NOT_APPLIED"
    UNKNOWN = "UNKNOWN"
    COMPENSATED = "COMPENSATED"
    SKIPPED = "SKIPPED"


# States in which nobody knows whether the owner did it, or will.
DOUBTFUL = frozenset({StepState.SENDING, StepState.UNKNOWN})


class Policy(StrEnum):
    """What a step that was not applied means for the others.

    BACKWARD: what was applied before is undone. FORWARD: the others are tried all the same, and what passes is tried
    again; nothing is ever undone.
    """

    BACKWARD = "BACKWARD"
    FORWARD = "FORWARD"


CALL = "call"  # the kind of a step that is an act of a source; other kinds have handlers of their own
