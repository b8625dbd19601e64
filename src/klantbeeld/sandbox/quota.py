"""The rate limit that a product sets for its callers: so many requests a minute."""

import math
from collections.abc import Callable
from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)


class Quota:
    """Counts requests in windows of one minute. ``limit`` None counts nothing. Lives as long as the server's store."""

    def __init__(self, limit: int | None, clock: Callable[[], datetime]) -> None:
        self.limit = limit
        self._clock = clock
        self._window: datetime | None = None
        self._used = 0

    def take(self) -> int:
        """Count one request; return 0 if it is within the limit, else the seconds until the next window."""
        if self.limit is None:
            return 0
        now = self._clock()
        if self._window is None or now >= self._window + MINUTE:
            self._window, self._used = now, 0
        self._used += 1
        if self._used <= self.limit:
            return 0
        return math.ceil((self._window + MINUTE - now).total_seconds())

    @property
    def remaining(self) -> int:
        """The requests still allowed in this window."""
        return max(0, (self.limit or 0) - self._used)
