"""The chain: what stands around every call to a source, from the request inwards.

    deadline    no call starts after the request's, none lasts longer
    retry       a read that failed in passing is sent once more            retry.py, budget.py
    hedging     a read that is slow is sent twice, where that was asked    hedging.py
    breaker     a source that fails is left alone                          breaker.py
    quota       what the source allows is shared out                       quota.py
    bulkhead    only so many calls at a time, the important first          bulkhead.py
    attempt     credentials, and the exchange itself                       credentials.py, transport.py

While nothing is amiss each link costs a comparison or an addition: no task, no context manager, no object a call.
"""

from collections.abc import Awaitable, Callable
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
from klantbeeld.sources.budget import Budget
from klantbeeld.sources.bulkhead import Bulkhead
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.hedging import Hedging
from klantbeeld.sources.quota import MemoryLedger, Quota, QuotaLedger
from klantbeeld.sources.retry import TOO_MANY_REQUESTS, Retry, is_passing

Attempt = Callable[[Call[Any], float, CallContext], Awaitable[Reply]]
"""Makes one exchange, by a deadline in the loop's time; raises SourceError."""

CLIENT_ERRORS = range(400, 500)

log = structlog.get_logger(__name__)


class Chain:
    """The links of one source; lives as long as the source, belongs to one event loop.

    `attempt` makes the exchange. `clock` is that of deadlines.
    """

    def __init__(
        self,
        name: str,
        settings: SourceSettings,
        attempt: Attempt,
        *,
        clock: Callable[[], float],
        ledger: QuotaLedger | None = None,
    ) -> None:
        self._name = name
        self._attempt = attempt
        self._clock = clock
        self._timeout = settings.timeout
        self._patience = min(settings.breaker.patience, settings.timeout)
        self.reads = Breaker(settings.breaker, self._breaker_changed)
        self.writes = Breaker(settings.breaker, self._breaker_changed)
        self.bulkhead = Bulkhead(settings.bulkhead, settings.max_connections)
        self.quota = Quota(name, settings.quota, ledger=ledger or MemoryLedger(), clock=clock)
        self.retry_budget = Budget(self.reads.traffic, share=settings.retry.budget, reserve=settings.retry.reserve)
        self.retry = Retry(settings.retry, clock=clock, is_passing=is_passing, budget=self.retry_budget)
        self.hedging = Hedging(settings.hedging, self.reads.traffic, clock=clock) if settings.replicated else None

    async def send(self, call: Call[Any], context: CallContext) -> Reply:
        """Send a call through all links; raises SourceError, whose `sent` says whether it may have left.

        The caller tells what became of the answer by `delivered` or `spoiled`, before it gives control away.
        """
        if call.sends:
            return await self._once(call, context, self.writes)
        try:
            if self.hedging is not None:
                return await self.hedging.race(lambda: self._once(call, context, self.reads))
            return await self._once(call, context, self.reads)
        except SourceError as problem:
            if not is_passing(problem):
                raise
            return await self.retry.again(problem, lambda: self._once(call, context, self.reads), context.deadline)

    def delivered(self, call: Call[Any]) -> None:
        """Be told that an answer was what the source's contract says."""
        (self.writes if call.sends else self.reads).succeed(self._clock())

    def spoiled(self, call: Call[Any], problem: SourceError) -> None:
        """Be told that an answer could not be used, or was a refusal in spite of its status."""
        self._judge(self.writes if call.sends else self.reads, problem, self._patience, self._clock())

    async def _once(self, call: Call[Any], context: CallContext, breaker: Breaker) -> Reply:
        """Go through the links from the breaker inwards, once."""
        began = self._clock()
        if began >= context.deadline:
            raise SourceTimeout("no time is left for a call", sent=False)
        if not breaker.is_closed:
            return await self._probe(call, context, breaker)
        if not self.quota.is_free:
            await self.quota.take(context.priority, context.deadline)
            if not breaker.is_closed:  # it opened meanwhile
                raise BreakerOpen("its breaker has opened", retry_after=0.0)
            began = self._clock()
        bulkhead = self.bulkhead
        if bulkhead.in_flight < bulkhead.limit:
            bulkhead.in_flight += 1
        else:
            await bulkhead.wait(context.priority, context.deadline)
            began = self._clock()
        try:
            reply = await self._attempt(call, min(context.deadline, began + self._timeout), context)
        except BaseException as problem:
            now = self._clock()
            bulkhead.leave(now, now - began if isinstance(problem, SourceTimeout) else None)
            if isinstance(problem, SourceError):
                self._judge(breaker, problem, now - began, now)
            raise
        now = self._clock()
        bulkhead.leave(now, now - began)
        return reply

    async def _probe(self, call: Call[Any], context: CallContext, breaker: Breaker) -> Reply:
        """Send a call to a source that failed, as one of few; raises BreakerOpen for the others."""
        breaker.admit(self._clock())
        try:
            if not self.quota.is_free:
                await self.quota.take(context.priority, context.deadline)
            began = self._clock()
            try:
                return await self._attempt(call, min(began + self._timeout, context.deadline), context)
            except SourceError as problem:
                now = self._clock()
                self._judge(breaker, problem, now - began, now)
                raise
        finally:
            breaker.probed()

    def _judge(self, breaker: Breaker, problem: SourceError, seconds: float, now: float) -> None:
        """Count a call that went wrong: as the source's failure, as its answer, or as neither."""
        if problem.status == TOO_MANY_REQUESTS and problem.retry_after is not None:
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
