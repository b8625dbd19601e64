"""The share of the processor that unknown documents get together: a token bucket of its seconds.

An unknown document costs milliseconds, a known one a fraction of one. Without a share, whoever sends ever new documents
takes the processor from all who send known ones.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from klantbeeld.errors import Overloaded

Clock = Callable[[], float]


class Share:
    """Lives as long as the engine, and is used by one thread.

    `share` is the part of one processor, `burst` the most seconds of it that are saved up while nothing is spent. `cpu`
    is the clock of this thread's processor time, `monotonic` that of time; both in seconds.
    """

    def __init__(
        self, *, share: float, burst: float, cpu: Clock = time.thread_time, monotonic: Clock = time.monotonic
    ) -> None:
        self._share = share
        self._burst = burst
        self._cpu = cpu
        self._monotonic = monotonic
        self._saved = burst
        self._filled = monotonic()

    def admit(self) -> None:
        """Let an unknown document be looked at; raises Overloaded (429) where the share is spent."""
        now = self._monotonic()
        self._saved = min(self._burst, self._saved + (now - self._filled) * self._share)
        self._filled = now
        if self._saved <= 0:
            raise Overloaded(
                "unknown documents have used their share of the processor",
                code="TOO_MANY_NEW_DOCUMENTS",
                status=429,
                retry_after=max(1, math.ceil(-self._saved / self._share)),
            )

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Take what the block costs from the share, be it more than is left: the next one waits for it."""
        began = self._cpu()
        try:
            yield
        finally:
            self._saved -= self._cpu() - began
