"""A product's own rate limit: so many requests in a sliding window, and how long to wait after that."""

import math
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=1)


class Quota:
    """Counts the requests of the last minute; None as a limit is off. Lives as long as the server's app."""

    def __init__(self, limit: int | None, clock: Callable[[], datetime]) -> None:
        self.limit = limit
        self._clock = clock
        self._taken: deque[datetime] = deque()

    def take(self) -> int | None:
        """Count one request; return None where it may go on, or the whole seconds until one may."""
        if self.limit is None:
            return None
        now = self._clock()
        while self._taken and now - self._taken[0] >= WINDOW:
            self._taken.popleft()
        if len(self._taken) < self.limit:
            self._taken.append(now)
            return None
        oldest = self._taken[0] if self._taken else now
        return max(1, math.ceil((oldest + WINDOW - now).total_seconds()))

    @property
    def remaining(self) -> int | None:
        """How many requests are left in the window, or None where there is no limit."""
        return None if self.limit is None else max(0, self.limit - len(self._taken))
