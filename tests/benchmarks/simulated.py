"""An event loop whose time is the processor's: what is measured on it does not depend on what else the machine does.

While something runs, time goes by as it uses the processor; while all wait, time jumps to the next timer. So a request
that waits for another one's work waits as long as that work takes, and nothing else is in its latency. There may be no
sockets and no threads.
"""

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Lives as long as one measurement; `time` is in seconds of the processor and of the waiting that was jumped."""

    def __init__(self) -> None:
        self.jumped = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        """Return the simulated time, in seconds."""
        return time.thread_time() + self.jumped


class _Jumping(selectors.SelectSelector):
    """Waits for nobody: jumps over the time until the next timer."""

    def __init__(self, loop: SimulatedLoop) -> None:
        super().__init__()
        self.loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Jump, and return what is ready, which only another thread's call can be."""
        if timeout is not None and timeout > 0:
            self.loop.jumped += timeout
            timeout = 0
        return super().select(timeout)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run on a simulated loop."""
    loop = SimulatedLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()
