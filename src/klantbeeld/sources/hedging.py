"""Hedging: a second call beside one that is slower than almost all before it; the first answer is taken.

Only for sources that answer from several replicas, since one that is slow altogether would get more to do. (J. Dean and
L. A. Barroso, The Tail at Scale, 2013.)
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from klantbeeld.settings_source import HedgingSettings
from klantbeeld.sources.budget import Budget
from klantbeeld.sources.traffic import Traffic

T = TypeVar("T")

# Reads whose times are kept, and after how many new ones the wait is worked out again.
KEPT, REFRESHED = 512, 32

WaitFor = Callable[[set["asyncio.Task[Any]"], float | None], Awaitable[Any]]


async def first_of(tasks: set["asyncio.Task[Any]"], seconds: float | None) -> None:
    """Wait until one of the tasks is done, or so many seconds."""
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


class Hedging:
    """The second calls of one source; lives as long as the source."""

    def __init__(
        self,
        settings: HedgingSettings,
        traffic: Traffic,
        *,
        clock: Callable[[], float],
        wait: WaitFor = first_of,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._wait = wait
        self._budget = Budget(traffic, share=settings.budget)
        self._times: deque[float] = deque(maxlen=KEPT)
        self._noted = 0
        self._delay: float | None = None

    @property
    def hedged(self) -> int:
        """How many second calls there were."""
        return self._budget.taken

    async def race(self, attempt: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Attempt once, and a second time beside it if it takes long; whichever answers first is taken.

        The other one is cancelled. Where both fail the first one's problem is raised.
        """
        began = self._clock()
        tasks = [asyncio.create_task(attempt())]
        try:
            await self._wait({*tasks}, self._delay)
            if not tasks[0].done() and self._delay is not None and self._budget.take(self._clock()):
                tasks.append(asyncio.create_task(attempt()))
            answer = await self._first_answer(tasks)
        finally:
            for task in tasks:
                if not task.cancel() and not task.cancelled():
                    task.exception()  # it was lost with the race; asking for it says that it is known
        self._note(self._clock() - began)
        return answer

    async def _first_answer(self, tasks: list["asyncio.Task[T]"]) -> T:
        waiting = set(tasks)
        while waiting:
            await self._wait(waiting, None)
            for task in [one for one in tasks if one in waiting and one.done()]:
                if task.exception() is None:
                    return task.result()
                waiting.discard(task)
        return tasks[0].result()

    def _note(self, seconds: float) -> None:
        self._times.append(seconds)
        self._noted += 1
        if self._noted >= self._settings.calls and self._noted % REFRESHED == 0:
            ordered = sorted(self._times)
            found = ordered[math.ceil(len(ordered) * self._settings.percentile) - 1]
            self._delay = max(found, self._settings.least_wait)
