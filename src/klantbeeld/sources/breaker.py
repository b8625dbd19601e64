"""Breaker: stops calling a source that fails, and asks it now and then whether it is back.

Closed, all calls pass. Enough failures open it: no call passes for a while. Then it is half open: a few calls pass as
probes; all of them succeeding closes it, one failing opens it again. (M. Nygard, Release It!, 2007.)
"""

from collections.abc import Callable
from enum import StrEnum

from klantbeeld.errors import BreakerOpen
from klantbeeld.settings_source import BreakerSettings
from klantbeeld.sources.traffic import Traffic


class BreakerState(StrEnum):
    """Which calls pass a breaker: all, a few that find out whether the source is back, or none."""

    CLOSED = "CLOSED"
    HALF_OPEN = "HALF_OPEN"
    OPEN = "OPEN"


Changed = Callable[[BreakerState], None]


class Breaker:
    """The breaker of one source for reads, or for writes; lives as long as the source.

    `changed` hears of each opening, and of each closing after it. Times are of one monotonic clock.
    """

    __slots__ = (
        "_again_at",
        "_changed",
        "_in_row",
        "_probes_at",
        "_proved",
        "_settings",
        "is_closed",
        "opened",
        "probing",
        "traffic",
    )

    def __init__(self, settings: BreakerSettings, changed: Changed) -> None:
        self._settings = settings
        self._changed = changed
        self.traffic = Traffic(settings.seconds)
        self.is_closed = True
        self.opened = self.probing = 0
        self._in_row = self._proved = 0
        self._probes_at = self._again_at = 0.0

    def state(self, now: float) -> BreakerState:
        """Return which calls pass."""
        if self.is_closed:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self._probes_at else BreakerState.HALF_OPEN

    def admit(self, now: float) -> None:
        """Let a probe pass while it is not closed; raises BreakerOpen for every other call.

        Whoever passes calls `probed` when its call is over, whatever came of it.
        """
        if now < self._probes_at:
            raise BreakerOpen("its breaker is open", retry_after=self._probes_at - now)
        if self.probing + self._proved >= self._settings.probes:
            raise BreakerOpen("its breaker is half open", retry_after=self._settings.open)
        if self.probing + self._proved == 0:
            # From the first probe, not from its failure: one that hangs would delay the next by its whole time-out.
            self._again_at = now + self._settings.open
        self.probing += 1

    def probed(self) -> None:
        """Give the place of a probe back."""
        self.probing -= 1

    def succeed(self, now: float) -> None:
        """Count a call that the source answered as its contract says, be it with a refusal."""
        self._in_row = 0
        traffic = self.traffic
        if now < traffic.ends:
            traffic.calls += 1
        else:
            traffic.count(now)
        if not self.is_closed and now >= self._probes_at:
            self._proved += 1
            if self._proved >= self._settings.probes:
                self.is_closed = True
                traffic.forgive()  # or the next failure, whenever it comes, would open it for those of before
                self._changed(BreakerState.CLOSED)

    def fail(self, now: float) -> None:
        """Count a call that failed by the source's fault."""
        self._in_row += 1
        self.traffic.fail(now)
        if self.is_closed:
            if self._is_bad(now):
                self.opened += 1
                self._open_until(now + self._settings.open)
        elif now >= self._probes_at:
            self._open_until(self._again_at)

    def _is_bad(self, now: float) -> bool:
        settings = self._settings
        calls, failures = self.traffic.recent(now)
        return self._in_row >= settings.calls or (calls >= settings.calls and failures >= settings.failures * calls)

    def _open_until(self, probes_at: float) -> None:
        self.is_closed = False
        self._proved = self._in_row = 0
        self._probes_at = probes_at
        self._changed(BreakerState.OPEN)
