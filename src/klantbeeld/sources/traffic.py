"""Traffic: the calls of the last seconds, counted in steps, so that counting one costs an addition."""

from collections import deque

STEPS = 10


class Traffic:
    """Calls and failures of one kind of call to a source over the last `seconds`; lives as long as the source.

    It is exact to a tenth of `seconds`. Times are of one monotonic clock. Whoever is in a hurry adds one to `calls`,
    which are those of the present step, before it `ends`.
    """

    __slots__ = ("_before", "_failures", "_past", "_step", "calls", "ends")

    def __init__(self, seconds: float) -> None:
        self._step = seconds / STEPS
        self.ends = float("-inf")
        self.calls = self._failures = self._before = 0
        self._past: deque[tuple[int, int]] = deque(maxlen=STEPS - 1)

    def count(self, now: float) -> None:
        """Count a call that came to an end."""
        if now >= self.ends:
            self._turn(now)
        self.calls += 1

    def fail(self, now: float) -> None:
        """Count a call that failed."""
        self.count(now)
        self._failures += 1

    def recent(self, now: float) -> tuple[int, int]:
        """Return the calls, and the failures among them."""
        if now >= self.ends:
            self._turn(now)
        return self.calls + sum(calls for calls, _ in self._past), self._failures + sum(bad for _, bad in self._past)

    def forgive(self) -> None:
        """Forget the failures: what they were held against is over."""
        self._failures = 0
        self._past = deque(((calls, 0) for calls, _ in self._past), maxlen=STEPS - 1)

    @property
    def total(self) -> int:
        """All calls that were ever counted."""
        return self._before + self.calls

    def _turn(self, now: float) -> None:
        """Begin a new step, and forget those that are too old."""
        self._past.append((self.calls, self._failures))
        self._before += self.calls
        passed = int(min((now - self.ends) // self._step, STEPS)) if self._past and self.ends > 0 else 0
        self._past.extend([(0, 0)] * passed)
        self.calls = self._failures = 0
        self.ends = now + self._step
