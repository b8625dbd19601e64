"""The door: how many requests are answered at once, and who comes in where not everybody can.

A request that finds no place waits for one, very shortly and in a short queue; then it is refused, before anything of
it was parsed. Whoever is more important takes the place of whoever is less, and while requests are refused the capacity
is shared out by importance (`shares`). Where the process itself is the bottleneck, the event loop comes late again and
again, and fewer are let in. That it comes late once says nothing: a collection of garbage does that too.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from klantbeeld.errors import Overloaded
from klantbeeld.gateway.shares import Shares
from klantbeeld.settings import DoorSettings

LEVELS: Final = 4  # of importance: agents, apps, partners, all others
TICK: Final = 0.1  # seconds between two looks at how late the loop comes
BUSY: Final = 5  # looks at a loop that came late, one after another, until fewer are let in
SLOWER: Final = 0.9
FASTER: Final = 1.05

Waiting = asyncio.Future[None]


class Importance(Protocol):
    """Says, for next to nothing, how important a request seems."""

    def __call__(self, authorization: bytes | None, /) -> int:
        """Give 0 for the most important, up to LEVELS - 1 for whoever is not known."""


class Door:
    """Lets requests in; lives as long as the app, belongs to one event loop.

    `clock` is monotonic, in seconds.
    """

    def __init__(
        self, settings: DoorSettings, importance: Importance, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limit = settings.most
        self.inside = 0
        self.refused = 0
        self._settings = settings
        self._importance = importance
        self._clock = clock
        self._queues: tuple[deque[Waiting], ...] = tuple(deque() for _ in range(LEVELS))
        self._waiting = 0
        self._shares: Shares | None = None  # while requests are refused
        self._was_full = False  # since the capacity was shared out
        self._refusing_since: float | None = None
        self._last_refusal = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._expected = 0.0
        self._late = 0  # looks, one after another

    @property
    def is_overrun(self) -> bool:
        """Whether requests have been refused for so long that others should be asked instead."""
        now = self._clock()
        if self._refusing_since is None or now - self._last_refusal > self._settings.pause:
            return False
        return now - self._refusing_since >= self._settings.unready_after

    async def enter(self, headers: Mapping[bytes, bytes]) -> None:
        """Come in, or raise Overloaded within the time that a request may wait; whoever came in leaves by `leave`."""
        if self._shares is None and self.inside < self.limit and not self._waiting:
            self.inside += 1
            return
        level = min(self._importance(headers.get(b"authorization")), LEVELS - 1)
        if self._shares is not None and not self._shares.admits(level):
            raise self._refusal()
        if self.inside < self.limit and not self._waiting:
            self.inside += 1
            self._was_full |= self.inside == self.limit
            return
        self._was_full = True
        await self._wait(level)

    def leave(self) -> None:
        """Make room for whoever waits and is the most important."""
        self.inside -= 1
        if self._shares is not None:
            self._shares.answered()
        self._let_in()

    def start(self) -> None:
        """Look from now on how late the loop comes, and who comes."""
        self._schedule(asyncio.get_running_loop())

    def stop(self) -> None:
        """Look no more, and refuse those who wait."""
        if self._timer is not None:
            self._timer.cancel()
        for queue in self._queues:
            while queue:
                self._turn_away(queue.popleft())

    async def _wait(self, level: int) -> None:
        if self._waiting >= self._settings.waiting and not self._displace(level):
            raise self._refusal()
        loop = asyncio.get_running_loop()
        place: Waiting = loop.create_future()
        queue = self._queues[level]
        queue.append(place)
        self._waiting += 1
        timer = loop.call_later(self._settings.wait, self._give_up, queue, place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self.leave()  # the place was given at the moment at which the client went
            else:
                self._forget(queue, place)
            raise
        finally:
            timer.cancel()

    def _let_in(self) -> None:
        while self._waiting and self.inside < self.limit:
            queue = next(queue for queue in self._queues if queue)
            place = queue.popleft()
            self._waiting -= 1
            if not place.done():
                self.inside += 1
                place.set_result(None)

    def _displace(self, level: int) -> bool:
        """Turn away somebody who waits and is less important; say whether there was one."""
        for queue in self._queues[:level:-1]:
            if queue:
                self._waiting -= 1
                self._turn_away(queue.pop())
                return True
        return False

    def _give_up(self, queue: deque[Waiting], place: Waiting) -> None:
        self._forget(queue, place)
        self._turn_away(place)

    def _forget(self, queue: deque[Waiting], place: Waiting) -> None:
        if place in queue:
            queue.remove(place)
            self._waiting -= 1

    def _turn_away(self, place: Waiting) -> None:
        if not place.done():
            place.set_exception(self._refusal())

    def _refusal(self) -> Overloaded:
        self.refused += 1
        now = self._clock()
        if self._refusing_since is None or now - self._last_refusal > self._settings.pause:
            self._refusing_since = now
        self._last_refusal = now
        if self._shares is None:
            self._shares = Shares(LEVELS)
        return Overloaded("as many requests as the gateway can take", retry_after=self._settings.retry_after)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        self._expected = loop.time() + TICK
        self._timer = loop.call_at(self._expected, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._settings.adaptive:
            self.adapt(loop.time() - self._expected)
        self.share_out()
        self._schedule(loop)

    def share_out(self) -> None:
        """Share the capacity out anew, or among all alike after a pause without any refusal."""
        if self._shares is None:
            return
        if self._clock() - self._last_refusal > self._settings.pause:
            self._shares = None
        else:
            self._shares.settle(is_full=self._was_full)
        self._was_full = False

    def adapt(self, lateness: float) -> None:
        """Let fewer in after a loop that keeps coming late, by seconds, and more after one that did not."""
        settings = self._settings
        if lateness > settings.lag:
            self._late += 1
            if self._late >= BUSY:
                self.limit = max(min(settings.least, settings.most), int(min(self.limit, self.inside or 1) * SLOWER))
            return
        self._late = 0
        if self.limit < settings.most:
            self.limit = min(settings.most, int(self.limit * FASTER) + 1)
            self._let_in()
