"""Bulkhead: how many calls to one source may be under way, and who goes first when that is too few.

The limit follows the source. While its calls take about as long as usual there are as many as there are connections;
when they take longer, fewer are let through, so that a source that slows down is not pressed further and its callers
wait here, where the important go first. It is the gradient of latency that decides, as in Netflix's concurrency-limits
(E. Landau and others, Performance Under Load, 2018), looked at once a second instead of at every call.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from klantbeeld.errors import SourceBusy, SourceError
from klantbeeld.settings_source import BulkheadSettings
from klantbeeld.sources.context import Priority

# Fewest calls between two reviews whose mean time says something.
ENOUGH = 10

# How far the limit moves to what a review found, and how far the usual time follows a slower and a quicker mean.
SMOOTHING, SLOWER, QUICKER = 0.5, 1 / 60, 1 / 4

# The most that one review takes away: half.
STEEPEST = 0.5


@dataclass(order=True, slots=True)
class _Waiting:
    """A call that waits for a place: by priority, then by arrival."""

    priority: Priority
    number: int
    place: asyncio.Future[None] = field(compare=False)


class Bulkhead:
    """The places of one source; lives as long as the source, belongs to one event loop.

    Whoever finds `in_flight` below `limit` takes a place by adding one, and everybody else by `wait`; both give it back
    by `leave`. `shed` counts the calls that were refused. Times are of one monotonic clock.
    """

    __slots__ = (
        "_busy",
        "_calls",
        "_exact",
        "_had_to_wait",
        "_most",
        "_number",
        "_queue",
        "_review_at",
        "_settings",
        "_usual",
        "in_flight",
        "limit",
        "shed",
    )

    def __init__(self, settings: BulkheadSettings, most: int) -> None:
        self._settings = settings
        self._most = most
        self._exact = float(most)
        self.limit = most
        self.in_flight = self.shed = 0
        self._queue: list[_Waiting] = []
        self._number = 0
        self._busy = 0.0
        self._calls = 0
        self._usual: float | None = None
        self._had_to_wait = False
        self._review_at = float("-inf")

    async def wait(self, priority: Priority, deadline: float) -> None:
        """Wait for a place, until the deadline in the loop's time; raises SourceBusy.

        When too many wait, the least important of them is refused, which may be this one.
        """
        self._had_to_wait = True
        if self.waiting >= self._settings.waiting:
            self._make_room(priority)
        place = asyncio.get_running_loop().create_future()
        self._number += 1
        waiting = _Waiting(priority, self._number, place)
        heappush(self._queue, waiting)
        try:
            async with asyncio.timeout_at(deadline):
                await place
        except BaseException as error:
            if waiting in self._queue:
                self._forget(waiting)
            elif not place.cancelled() and place.exception() is None:  # it came, and its caller has gone
                self._free()
            if isinstance(error, TimeoutError):
                self.shed += 1
                raise SourceBusy("no place among its calls in time") from error
            raise

    def leave(self, now: float, seconds: float | None) -> None:
        """Give a place back; `seconds` is the time of the call, None where it says nothing of the source's speed."""
        if seconds is not None:
            self._busy += seconds
            self._calls += 1
            if now >= self._review_at:
                self._review(now)
        self.in_flight -= 1
        if self._queue:
            self._let_in()

    def refuse_waiting(self, make: Callable[[], SourceError]) -> None:
        """End the waiting of everybody: there is nothing to wait for."""
        queue, self._queue = self._queue, []
        for waiting in queue:
            if not waiting.place.done():
                waiting.place.set_exception(make())

    @property
    def waiting(self) -> int:
        """How many calls wait for a place."""
        return len(self._queue)

    def _make_room(self, priority: Priority) -> None:
        self.shed += 1
        problem = SourceBusy("too many of its calls wait")
        last = max(self._queue, default=None)
        if last is None or last.priority <= priority:
            raise problem
        self._forget(last)
        last.place.set_exception(problem)

    def _forget(self, waiting: _Waiting) -> None:
        self._queue.remove(waiting)
        heapify(self._queue)

    def _free(self) -> None:
        self.in_flight -= 1
        self._let_in()

    def _let_in(self) -> None:
        while self._queue and self.in_flight < self.limit:
            place = heappop(self._queue).place
            if not place.done():
                place.set_result(None)
                self.in_flight += 1

    def _review(self, now: float) -> None:
        """Move the limit to what the calls since the last review say."""
        self._review_at = now + self._settings.review
        if self._calls < ENOUGH:
            return
        mean = self._busy / self._calls
        self._busy, self._calls = 0.0, 0
        usual = self._usual or mean
        allowed = self._settings.tolerance * usual + self._settings.slack
        steepness = min(1.0, max(STEEPEST, allowed / mean)) if mean else 1.0
        wanted = self._exact * steepness + math.sqrt(self._exact)
        if wanted < self._exact or self._had_to_wait:
            self._exact += SMOOTHING * (wanted - self._exact)
        self._exact = min(max(self._exact, self._settings.least), self._most)
        self.limit = round(self._exact)
        self._usual = usual + (mean - usual) * (SLOWER if mean > usual else QUICKER)
        self._had_to_wait = bool(self.waiting)
