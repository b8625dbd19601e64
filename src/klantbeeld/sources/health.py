"""What is known of a source from its recent calls: for `sources` in the graph and for metrics."""

import math
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from klantbeeld.errors import SourceError, SourceRejected

# The calls that percentiles and the error rate are taken over.
RECENT = 200


@dataclass(slots=True)
class Health:
    """Recent calls of one source; lives as long as the source. Times are in seconds."""

    last_success_at: datetime | None = None
    last_problem_code: str | None = None
    _seconds: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    _failed: deque[bool] = field(default_factory=lambda: deque(maxlen=RECENT))

    def note(self, seconds: float, problem: SourceError | None, at: datetime) -> None:
        """Remember one call. A refusal of the input is not the source's failure."""
        failed = problem is not None and not isinstance(problem, SourceRejected)
        self._seconds.append(seconds)
        self._failed.append(failed)
        if failed and problem is not None:
            self.last_problem_code = problem.code
        else:
            self.last_success_at = at

    def percentile(self, share: float) -> float | None:
        """Return the time within which this share of recent calls came back, 0 < share <= 1; None before any call."""
        if not self._seconds:
            return None
        ordered = sorted(self._seconds)
        return ordered[math.ceil(len(ordered) * share) - 1]

    @property
    def error_rate(self) -> float | None:
        """Return the share of recent calls that failed; None before any call."""
        return sum(self._failed) / len(self._failed) if self._failed else None
