"""The share of the processor that unknown documents get together: a token bucket of its seconds.

An unknown document costs milliseconds, a known one a fraction of one. Without a share, whoever sends ever new documents
takes the processor from all who send known ones.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from klantbeeld.errors import Overloaded

Clock = Callable[[], float]


class Share:
    """Lives as long as the engine, and is used by one thread.

    `share` is the part of one processor, `burst` the most seconds of it that are saved up while nothing is spent, and
    `most_waiting` how many documents may wait for their turn. `cpu` is the clock of this thread's processor time,
    `monotonic` that of time, the running loop's without it; both in seconds.
    """

    def __init__(
        self,
        *,
        share: float,
        burst: float,
        most_waiting: int,
        cpu: Clock = time.thread_time,
        monotonic: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._share = share
        self._burst = burst
        self._most_waiting = most_waiting
        self._cpu = cpu
        self._monotonic = monotonic or _loop_time
        self._sleep = sleep
        self._saved = burst
        self._filled: float | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._next = 0.0

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left of it just now."""
        now = self._monotonic()
        if self._filled is not None:
            self._saved = min(self._burst, self._saved + (now - self._filled) * self._share)
        self._filled = now
        return self._saved <= 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Be the one whose unknown document is looked at; raises Overloaded (429) where the share is spent.

        After each document there is a pause as long as it took, so that even a burst leaves half of the processor to
        others.
        """
        if self.is_spent or self._waiting >= self._most_waiting:
            raise self._refusal()
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        try:
            await self._sleep(max(0.0, self._next - self._monotonic()))
            if self.is_spent:
                raise self._refusal()
            before = self._saved
            yield
            self._next = self._monotonic() + max(0.0, before - self._saved)
        finally:
            self._turn.release()

    def _refusal(self) -> Overloaded:
        return Overloaded(
            "unknown documents have used their share of the processor",
            code="TOO_MANY_NEW_DOCUMENTS",
            status=429,
            retry_after=max(1, math.ceil(-self._saved / self._share)),
        )

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Take what the block costs from the share, be it more than is left: the next one waits for it.

        The block awaits nothing, or it would pay for whatever others do meanwhile.
        """
        began = self._cpu()
        try:
            yield
        finally:
            self.spend(self._cpu() - began)

    def now(self) -> float:
        """Give this thread's processor time, in seconds."""
        return self._cpu()

    def spend(self, seconds: float) -> None:
        """Take so much of the processor's time from the share."""
        self._saved -= seconds


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
