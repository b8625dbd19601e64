"""Shares: how much of each class is let in while more comes than can be answered, the most important first.

A queue alone does not do that: nobody may wait long in it, so whoever happens to come when places get free comes in.
Therefore it is counted how many come of each class and how many are answered, and from that follows for each class the
share that is let in. Those beyond it are refused at once, which costs next to nothing.
"""

from collections.abc import Sequence
from typing import Final

NEW: Final = 0.5  # weight of the last window in what is expected of the next
FULL: Final = 1.25  # of what was answered is let in where all places are taken, so that they stay so,
IDLE: Final = 1.5  # and where places are free, to find out how much more there is
FLOOR: Final = 0.05  # of the capacity is every class's: an agent's new token is not known until it was looked at once


class Shares:
    """The share of each class that is let in; a window ends with each `settle`."""

    def __init__(self, levels: int) -> None:
        self.shares = [1.0] * levels
        self._came = [0] * levels
        self._credit = [0.0] * levels
        self._expected: list[float] | None = None
        self._answered = 0
        self._capacity = 0.0

    def admits(self, level: int) -> bool:
        """Count one who came, and say whether it is one of those who are let in."""
        self._came[level] += 1
        self._credit[level] += self.shares[level]
        if self._credit[level] < 1.0:
            return False
        self._credit[level] -= 1.0
        return True

    def answered(self) -> None:
        """Count one who was answered."""
        self._answered += 1

    def settle(self, *, is_full: bool) -> Sequence[float]:
        """End a window; returns the shares of the next. `is_full` says that no place was free."""
        if self._expected is None:
            self._expected, self._capacity = [float(came) for came in self._came], float(self._answered)
        else:
            self._expected = [old + NEW * (new - old) for old, new in zip(self._expected, self._came, strict=True)]
            self._capacity += NEW * (self._answered - self._capacity)
        capacity = max(self._capacity, 1.0)
        left = capacity * (FULL if is_full else IDLE)
        for level, expected in enumerate(self._expected):
            given = max(left, capacity * FLOOR)
            self.shares[level] = 1.0 if expected <= given else given / expected
            left = max(left - expected, 0.0)
        self._came = [0] * len(self._came)
        self._answered = 0
        return self.shares
