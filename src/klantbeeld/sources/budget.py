"""Budget: how many second calls beside slow ones a source gets, as a share of its callers' calls."""

from klantbeeld.sources.traffic import Traffic

# One, for sums of tenths.
WHOLE = 1 - 1e-9


class Budget:
    """Extra calls to one source; lives as long as the source.

    It begins with none and grows by `share` for each call that was not an extra one, up to what the traffic that is
    recent is worth. So in the long run the source gets at most 1 + `share` times the calls of its callers.
    """

    __slots__ = ("_left", "_seen", "_share", "_traffic", "taken")

    def __init__(self, traffic: Traffic, *, share: float) -> None:
        self._traffic = traffic
        self._share = share
        self._left = 0.0
        self._seen = 0
        self.taken = 0

    def left(self, now: float) -> float:
        """Return how many extra calls may be made now."""
        own = self._traffic.total - self.taken
        calls, _ = self._traffic.recent(now)
        self._left = min(calls * self._share, self._left + max(own - self._seen, 0) * self._share)
        self._seen = max(own, self._seen)
        return self._left

    def take(self, now: float) -> bool:
        """Take one extra call, if there is one."""
        if self.left(now) < WHOLE:
            return False
        self._left -= 1
        self.taken += 1
        return True
