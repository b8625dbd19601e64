"""Retry: does again what failed in passing. It is the only place in the product that does.

The first attempt is made outside it, so that what succeeds costs nothing. It retries reads of sources, the keys of
issuers and what the background does; never a write, whose reconciliation decides.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, stop_after_attempt, stop_any
from tenacity.stop import stop_base

from klantbeeld.errors import (
    BreakerOpen,
    SourceError,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
)
from klantbeeld.settings_source import RetrySettings
from klantbeeld.sources.retry_budget import RetryBudget

T = TypeVar("T")

Attempt = Callable[[], Awaitable[T]]
Sleep = Callable[[float], Awaitable[None]]
Draw = Callable[[float, float], float]

PASSING = frozenset({502, 503, 504})
TOO_MANY_REQUESTS = 429


class Retry:
    """How something is done again; should live as long as what it is done to.

    `is_passing` says which failures are worth it; `budget`, if there is one, is asked last. `clock` is that of the
    deadlines; a test brings its own, and its own `sleep` and `draw`.
    """

    def __init__(
        self,
        settings: RetrySettings,
        *,
        clock: Callable[[], float],
        is_passing: Callable[[BaseException], bool],
        budget: RetryBudget | None = None,
        sleep: Sleep = asyncio.sleep,
        draw: Draw = random.uniform,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._is_passing = is_passing
        self._budget = budget
        self._sleep = sleep
        self._draw = draw
        self.retried = 0

    async def again(self, problem: Exception, attempt: Attempt[T], deadline: float) -> T:
        """Attempt again what failed with `problem`; raises the last problem. No attempt starts after the deadline."""
        if self._settings.attempts == 1 or not self._is_passing(problem):
            raise problem
        retrying = AsyncRetrying(
            retry=self._is_worth,
            wait=self._wait,
            stop=stop_any(stop_after_attempt(self._settings.attempts), _Until(deadline, self._clock, self._budget)),
            sleep=self._sleep,
            reraise=True,
        )
        first = True

        async def attempts() -> T:
            nonlocal first
            if first:  # it was made before, and is counted here
                first = False
                raise problem
            self.retried += 1
            try:
                return await attempt()
            finally:
                if self._budget is not None:
                    self._budget.ended()

        return await retrying(attempts)

    def _is_worth(self, state: RetryCallState) -> bool:
        problem = state.outcome.exception() if state.outcome else None
        return problem is not None and self._is_passing(problem)

    def _wait(self, state: RetryCallState) -> float:
        """Draw a wait, behind the `Retry-After` if one was given."""
        problem = state.outcome.exception() if state.outcome else None
        after: float | None = getattr(problem, "retry_after", None)
        return (after or 0.0) + self._draw(self._settings.least_wait, self._settings.most_wait)


class _Until(stop_base):
    """Stops where the next attempt would start at the deadline or later, or there is no budget for it."""

    def __init__(self, deadline: float, clock: Callable[[], float], budget: RetryBudget | None) -> None:
        self._deadline = deadline
        self._clock = clock
        self._budget = budget

    def __call__(self, state: RetryCallState) -> bool:
        now = self._clock()
        if now + state.upcoming_sleep >= self._deadline:
            return True
        return self._budget is not None and not self._budget.take(now)


def is_passing(problem: BaseException) -> bool:
    """Say whether a source's failure may be over in a moment, and asking again does no harm.

    A connection that could not be made or was lost before the answer, 502, 503, 504, and 429 with a `Retry-After`.
    """
    if isinstance(problem, BreakerOpen) or not isinstance(problem, SourceError):
        return False
    if problem.status is not None:
        is_told_when = problem.status == TOO_MANY_REQUESTS and problem.retry_after is not None
        return problem.status in PASSING or (isinstance(problem, SourceRefused) and is_told_when)
    return problem.is_lost or (isinstance(problem, SourceUnavailable | SourceTimeout) and not problem.sent)
