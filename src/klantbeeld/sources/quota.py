"""Quota: what a source allows us, as a budget that all replicas share and that the less important leave first.

Three things hold a call back: a `Retry-After` of the source, a rate (the generic cell rate algorithm, ITU-T I.371,
divided by the replicas that are up) and the calls of a day, of which a replica takes a small chunk at a time from a
ledger that they share.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

from klantbeeld.errors import SourceBusy, StoreError
from klantbeeld.settings_source import QuotaSettings
from klantbeeld.sources.context import Priority

# Seconds that are no wait but the rounding of many additions.
NOTHING = 1e-6


@dataclass(frozen=True, slots=True)
class Grant:
    """What a ledger gave of a day's budget, and what it has left for everybody."""

    given: int
    left: int


class QuotaLedger(Protocol):
    """Keeps what all replicas used of a source's day; lives as long as the app."""

    async def take(self, source: str, day: date, *, amount: int, most: int) -> Grant:
        """Take up to `amount` of the `most` calls of a day. Raises StoreError."""


class MemoryLedger:
    """The ledger of one process, which forgets at its end."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, date], int] = {}

    async def take(self, source: str, day: date, *, amount: int, most: int) -> Grant:
        """Take up to `amount` of what is left of a day."""
        used = self._used.get((source, day), 0)
        given = max(min(amount, most - used), 0)
        self._used = {(source, day): used + given, **{key: n for key, n in self._used.items() if key != (source, day)}}
        return Grant(given, most - used - given)


def _nobody_hears() -> None:
    """Tell nobody of a pause: there are no other replicas."""


class Quota:
    """The quota of one source; lives as long as the source, belongs to one event loop.

    While `is_free` a call need not ask. `clock` is that of deadlines, in seconds; `now` tells which day it is. `heard`
    is told of each pause that the source asked for.
    """

    def __init__(
        self,
        source: str,
        settings: QuotaSettings,
        *,
        ledger: QuotaLedger,
        clock: Callable[[], float],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._source = source
        self._settings = settings
        self.ledger = ledger
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._floors: Mapping[Priority, float] = {
            Priority.AGENT: 0.0,
            Priority.APP: settings.apps_stop,
            Priority.PARTNER: settings.partners_stop,
            Priority.BACKGROUND: settings.background_stops,
        }
        self.is_free = self._is_unbounded = settings.per_second is None and settings.per_day is None
        self.replicas = 1
        self.heard: Callable[[], None] = _nobody_hears
        self.refused = 0
        self.paused_until = float("-inf")
        self._next_at = float("-inf")
        self._in_hand = 0
        self._share_left = 1.0
        self._day_ends = float("-inf")
        self._taking = asyncio.Lock()

    async def take(self, priority: Priority, deadline: float) -> None:
        """Take one call out of the budget, waiting for its turn; raises SourceBusy when there is none in time."""
        try:
            self._wait_out_pause()
            if self._settings.per_day is not None:
                await self._take_of_day(self._settings.per_day, priority)
            if self._settings.per_second is not None:
                await self._take_turn(self._settings.per_second, priority, deadline)
        except SourceBusy:
            self.refused += 1
            raise

    def pause(self, seconds: float) -> None:
        """Hold all calls back for so long, as the source asked, and tell `heard`. Bounded by the settings."""
        self.pause_until(self._clock() + min(seconds, self._settings.longest_pause))
        self.heard()

    def pause_until(self, until: float) -> None:
        """Hold all calls back until then, by the clock: another replica heard that the source wants it."""
        if until > max(self.paused_until, self._clock()):
            self.paused_until = until
            self.is_free = False

    @property
    def has_rate(self) -> bool:
        """Whether there is a rate, which replicas divide."""
        return self._settings.per_second is not None

    @property
    def is_paused(self) -> bool:
        """Whether the source asked not to be called now."""
        return self._clock() < self.paused_until

    @property
    def left(self) -> float | None:
        """The share of the day's budget that is left for everybody, 0 to 1; None where there is none to keep."""
        if self._settings.per_day is None:
            return None
        return 1.0 if self._clock() >= self._day_ends else self._share_left

    @property
    def stopped(self) -> tuple[Priority, ...]:
        """Whose calls are refused now, the least important first."""
        if self.is_paused:
            return tuple(reversed(Priority))
        left = self.left
        return () if left is None else tuple(one for one in reversed(Priority) if left <= self._floors[one])

    def _wait_out_pause(self) -> None:
        left = self.paused_until - self._clock()
        if left > 0:
            raise SourceBusy("it asked for a pause", retry_after=left)
        self.is_free = self._is_unbounded

    async def _take_of_day(self, most: int, priority: Priority) -> None:
        if self._clock() >= self._day_ends:
            self._in_hand, self._share_left = 0, 1.0
        if self._share_left <= self._floors[priority] and (self._share_left > 0 or not self._in_hand):
            raise self._used_up()
        if not self._in_hand:
            async with self._taking:
                await self._take_chunk(most)
        if not self._in_hand:
            raise self._used_up()
        self._in_hand -= 1

    async def _take_chunk(self, most: int) -> None:
        if self._in_hand:  # whoever waited before has taken one for all
            return
        now = self._now()
        midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
        try:
            grant = await self.ledger.take(
                self._source, now.date(), amount=max(1, int(most * self._settings.chunk)), most=most
            )
        except StoreError as error:
            raise SourceBusy("what is left of its day cannot be read") from error
        self._in_hand = grant.given
        self._share_left = grant.left / most
        self._day_ends = self._clock() + (midnight - now).total_seconds()

    def _used_up(self) -> SourceBusy:
        return SourceBusy("its calls of the day run out", retry_after=max(self._day_ends - self._clock(), 0.0))

    async def _take_turn(self, per_second: float, priority: Priority, deadline: float) -> None:
        """Wait until the rate allows a call. Nobody reserves a turn ahead, so the more important overtake."""
        interval = self.replicas / per_second
        allowance = max(self._settings.burst * (1 - self._floors[priority]) - interval, 0.0)
        while True:
            now = self._clock()
            wait = self._next_at - allowance - now
            if wait <= NOTHING:
                self._next_at = max(self._next_at, now) + interval
                return
            if now + wait >= deadline:
                raise SourceBusy("its calls of a second run out", retry_after=wait)
            await self._sleep(wait)
