"""What goes wrong at an owning system: one word for each time that an operation's write arrives."""

from collections.abc import Sequence
from enum import StrEnum


class Fault(StrEnum):
    """What happens to one write."""

    NONE = "none"
    REFUSED = "refused"  # by the owner's rules: 422, not done
    UNAVAILABLE = "unavailable"  # 503 before it is done
    SLOW = "slow"  # done, answered late and in time
    LOST = "lost"  # done, and no answer before the time-out
    BROKEN = "broken"  # done, and then 500
    CUT = "cut"  # done, and the connection is closed
    LATE = "late"  # no answer before the time-out, and done after it

    @property
    def is_done(self) -> bool:
        """Whether the write is carried out."""
        return self not in {Fault.REFUSED, Fault.UNAVAILABLE}


class Script:
    """The faults of operations at one system, by mark; each write takes the next, and none is left for later ones."""

    def __init__(self) -> None:
        self._of: dict[str, list[Fault]] = {}

    def learn(self, of: dict[str, Sequence[str]]) -> None:
        """Take faults for operations to come."""
        self._of |= {mark: [Fault(one) for one in faults] for mark, faults in of.items()}

    def next(self, mark: str) -> Fault:
        """Give what happens to the next write of an operation."""
        left = self._of.get(mark)
        return left.pop(0) if left else Fault.NONE
