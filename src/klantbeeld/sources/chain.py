"""The chain: what stands around every call to a source, from the request inwards.

    deadline    no call starts after the request's, none lasts longer
    retry       a read that failed in passing is sent once more            retry.py, retry_budget.py
    hedging     a read that is slow is sent twice, where that was asked    hedging.py
    breaker     a source that fails is left alone                          breaker.py
    quota       what the source allows is shared out                       quota.py
    bulkhead    only so many calls at a time, the important first          bulkhead.py
    attempt     credentials, and the exchange itself                       credentials.py, transport.py

While nothing is amiss each link costs a comparison or an addition: no task, no context manager, no object a call.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from klantbeeld.errors import (
    BreakerOpen,
    SourceError,
    SourceInvalid,
    SourceTimeout,
    SourceUnavailable,
)
from klantbeeld.sdk.calls import Call
from klantbeeld.sdk.replies import Reply
from klantbeeld.settings import SourceSettings
from klantbeeld.sources.breaker import Breaker, BreakerState
from klantbeeld.sources.bulkhead import Bulkhead
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.hedging import Hedging
from klantbeeld.sources.quota import MemoryLedger, Quota, QuotaLedger
from klantbeeld.sources.retry import TOO_MANY_REQUESTS, Retry, is_passing
from klantbeeld.sources.retry_budget import RetryBudget

Attempt = Callable[[Call[Any], float, CallContext], Awaitable[Reply]]
"""Makes one exchange, by a deadline in the loop's time; raises SourceError."""

CLIENT_ERRORS = range(400, 500)

log = structlog.get_logger(__name__)


class Chain:
    """The links of one source; lives as long as the source, belongs to one event loop.

    `attempt` makes the exchange. `clock` is that of deadlines. `quota_is_callers` says that the source is asked with
    its callers' own tokens, so that a pause that it asks for is one caller's affair.
    """

    def __init__(
        self,
        name: str,
        settings: SourceSettings,
        attempt: Attempt,
        *,
        clock: Callable[[], float],
        ledger: QuotaLedger | None = None,
        quota_is_callers: bool = False,
    ) -> None:
        self._name = name
        self._quota_is_callers = quota_is_callers
        self._attempt = attempt
        self._clock = clock
        self._timeout = settings.timeout
        self._patience = min(settings.breaker.patience, settings.timeout)
        self._ended = float("-inf")
        self.reads = Breaker(settings.breaker, self._breaker_changed)
        self.writes = Breaker(settings.breaker, self._breaker_changed)
        self.bulkhead = Bulkhead(settings.bulkhead, settings.max_connections)
        self.quota = Quota(name, settings.quota, ledger=ledger or MemoryLedger(), clock=clock)
        self.retry_budget = RetryBudget(self.reads.traffic, settings.retry)
        self.retry = Retry(settings.retry, clock=clock, is_passing=is_passing, budget=self.retry_budget)
        self.hedging = Hedging(settings.hedging, self.reads.traffic, clock=clock) if settings.replicated else None

    def send(self, call: Call[Any], context: CallContext) -> Coroutine[Any, Any, Reply]:
        """Send a call through all links; raises SourceError, whose `sent` says whether it may have left.

        The caller tells what became of the answer by `delivered` or `spoiled`, before it gives control away.
        """
        if self.hedging is None or call.sends or not self.reads.is_closed:  # a probe is one call
            return self._once(call, context, may_repeat=not call.sends)
        return self._race(self.hedging, call, context)

    @property
    def reads_state(self) -> BreakerState:
        """Which reads pass."""
        return self.reads.state(self._clock())

    @property
    def writes_state(self) -> BreakerState:
        """Which writes pass."""
        return self.writes.state(self._clock())

    @property
    def retries_left(self) -> int:
        """How many reads may be sent again now."""
        return self.retry_budget.left(self._clock())

    def delivered(self, call: Call[Any]) -> None:
        """Be told that an answer was what the source's contract says."""
        (self.writes if call.sends else self.reads).succeed(self._ended)

    def spoiled(self, call: Call[Any], problem: SourceError) -> None:
        """Be told that an answer could not be used, or was a refusal in spite of its status."""
        self._judge(self.writes if call.sends else self.reads, problem, self._patience, self._ended)

    async def _once(self, call: Call[Any], context: CallContext, *, may_repeat: bool = False) -> Reply:
        """Go through the links from the breaker inwards; `may_repeat` hands what failed to the retry."""
        breaker, bulkhead = self.writes if call.sends else self.reads, self.bulkhead
        began = self._clock()
        is_probe = not breaker.is_closed
        if is_probe or began >= context.deadline or not self.quota.is_free or bulkhead.in_flight >= bulkhead.limit:
            await self._enter(breaker, context, is_probe=is_probe)
            began = self._clock()
        else:
            bulkhead.in_flight += 1
        deadline = began + self._timeout
        if deadline > context.deadline:  # noqa: PLR1730 - min() would cost more than all other links
            deadline = context.deadline
        try:
            reply = await self._attempt(call, deadline, context)
        except BaseException as problem:
            self._note(breaker, problem, began)
            if is_probe or not may_repeat or not isinstance(problem, SourceError):
                raise
            failure = problem
        else:
            self._ended = now = self._clock()
            bulkhead.leave(now, now - began)
            return reply
        finally:
            if is_probe:
                breaker.probed()
        return await self._again(failure, call, context)

    async def _enter(self, breaker: Breaker, context: CallContext, *, is_probe: bool) -> None:
        """Take a place where something is amiss; raises SourceError, not sent, where there is none."""
        if self._clock() >= context.deadline:
            raise SourceTimeout("no time is left for a call", sent=False)
        if is_probe:
            breaker.admit(self._clock())
        try:
            if not self.quota.is_free:
                await self.quota.take(context.priority, context.deadline)
            if is_probe or self.bulkhead.in_flight < self.bulkhead.limit:
                self.bulkhead.in_flight += 1  # a probe goes past the calls that hang
            else:
                await self.bulkhead.wait(context.priority, context.deadline)
        except BaseException:
            if is_probe:
                breaker.probed()
            raise
        if not is_probe and not breaker.is_closed:  # it opened while this call waited
            self.bulkhead.leave(self._clock(), None)
            raise BreakerOpen("its breaker has opened", retry_after=0.0)

    async def _race(self, hedging: Hedging, call: Call[Any], context: CallContext) -> Reply:
        try:
            return await hedging.race(lambda: self._once(call, context))
        except SourceError as problem:
            return await self._again(problem, call, context)

    async def _again(self, problem: SourceError, call: Call[Any], context: CallContext) -> Reply:
        return await self.retry.again(problem, lambda: self._once(call, context), context.deadline)

    def _note(self, breaker: Breaker, problem: BaseException, began: float) -> None:
        """Give the place back, and count what went wrong; a caller that went away says nothing of the source."""
        now = self._clock()
        self.bulkhead.leave(now, now - began if isinstance(problem, SourceTimeout) else None)
        if isinstance(problem, SourceError):
            self._judge(breaker, problem, now - began, now)

    def _judge(self, breaker: Breaker, problem: SourceError, seconds: float, now: float) -> None:
        """Count a call that went wrong: as the source's failure, as its answer, or as neither."""
        if problem.status == TOO_MANY_REQUESTS and problem.retry_after is not None and not self._quota_is_callers:
            self.quota.pause(problem.retry_after)
        if isinstance(problem, SourceTimeout):
            if seconds >= self._patience:
                breaker.fail(now)
        elif is_failure(problem):
            breaker.fail(now)
        elif problem.sent:
            breaker.succeed(now)

    def _breaker_changed(self, state: BreakerState) -> None:
        if state is BreakerState.OPEN:
            log.warning("breaker_opened", source=self._name)
            self.bulkhead.refuse_waiting(lambda: BreakerOpen("its breaker has opened", retry_after=0.0))
        else:
            log.warning("breaker_closed", source=self._name)


def is_failure(problem: SourceError) -> bool:
    """Say whether a problem is a failure of the source: not its refusals, and not what we could not even write.

    4xx and conflicts are none; 5xx, lost connections, garbage and faults that mean "down" are.
    """
    if problem.status in CLIENT_ERRORS:
        return False
    if isinstance(problem, SourceUnavailable):
        return True
    return isinstance(problem, SourceInvalid) and problem.sent
