"""Retry budget: how many reads may be sent again, so that a source that is down is spared and none is without."""

import math
from collections import deque
from dataclasses import dataclass

from klantbeeld.settings_source import RetrySettings
from klantbeeld.sources.traffic import Traffic

# More than what sums of tenths are off by.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Run:
    """The calls since one that was sent again: when it was, and the level before it."""

    at: float
    level: float


class RetryBudget:
    """Retries of one source; lives as long as the source.

    Of any calls that its callers made in a row within `seconds`, at most a share is sent again, or `reserve` calls
    where that is more. Good times save nothing up beyond the reserve, and what is taken from it is made up for before
    there is more: a source that is down gets no more than 1 + the share times its callers' calls as soon as these are
    the reserve divided by the share, wherever one begins to count.

    `traffic` counts the calls, retries among them, when they come to an end; a retry that did says so with `ended`.
    """

    __slots__ = ("_ended", "_held", "_reserve", "_seconds", "_share", "_spared", "_traffic", "taken")

    def __init__(self, traffic: Traffic, settings: RetrySettings) -> None:
        self._traffic = traffic
        self._share = settings.budget
        self._reserve = settings.reserve
        self._seconds = settings.seconds
        self._ended = 0
        self.taken = 0
        # The level goes up by the share with each call of a caller, and down by one with each retry; so a run in which
        # it did not fall has no more retries than its share. Runs with fewer retries than the reserve are spared that.
        self._spared: deque[Run] = deque()
        self._held: deque[Run] = deque()  # those that may bind: no later one began at a higher level

    def left(self, now: float) -> int:
        """Return how many reads may be sent again now."""
        self._forget(now)
        level = self._level()
        most = self._reserve
        if self._held:
            most = min(most, math.floor(level - self._held[0].level + ROUNDING))
        for retries, run in enumerate(reversed(self._spared), 1):
            most = min(most, max(self._reserve - retries, math.floor(level - run.level + ROUNDING)))
        return max(most, 0)

    def take(self, now: float) -> bool:
        """Take one retry, if there is one, of a call whose failure the traffic has counted."""
        if not self.left(now):
            return False
        self._spared.append(Run(now, self._level() - self._share))
        self.taken += 1
        if len(self._spared) == self._reserve:
            self._hold(self._spared.popleft())
        return True

    def ended(self) -> None:
        """Be told that a retry has been sent and its traffic counted."""
        self._ended += 1

    def _level(self) -> float:
        return (self._traffic.total - self._ended) * self._share - self.taken

    def _hold(self, run: Run) -> None:
        while self._held and self._held[-1].level <= run.level:
            self._held.pop()
        self._held.append(run)

    def _forget(self, now: float) -> None:
        for runs in (self._held, self._spared):
            while runs and runs[0].at <= now - self._seconds:
                runs.popleft()
