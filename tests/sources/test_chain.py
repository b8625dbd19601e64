"""The chain: that its links stand in their order around every call, and what each of them is told."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.sources.shop import SETTINGS, Bill
from tests.sources.ticking import Clock

from klantbeeld.errors import (
    BreakerOpen,
    SourceBusy,
    SourceConflict,
    SourceError,
    SourceInvalid,
    SourceRefused,
    SourceRejected,
    SourceTimeout,
    SourceUnavailable,
)
from klantbeeld.sdk.calls import Call
from klantbeeld.sdk.replies import Reply
from klantbeeld.settings import SourceSettings
from klantbeeld.sources.breaker import BreakerState
from klantbeeld.sources.chain import Chain
from klantbeeld.sources.context import CallContext, Priority

pytestmark = pytest.mark.asyncio

READ = Call(path="/", record=Bill)
WRITE = Call(path="/", record=Bill, method="POST", sends=True)
OK = Reply(200, (), b"{}")


class System:
    """A source that does what a test says, `seconds` later; `deadlines` are those of the attempts."""

    def __init__(self, *outcomes: Reply | SourceError, seconds: float = 0.01, **settings: Any) -> None:
        self.clock = Clock()
        self.outcomes = list(outcomes)
        self.seconds = seconds
        self.deadlines: list[float] = []
        given = SourceSettings.model_validate({**SETTINGS.model_dump(), **settings})
        self.chain = Chain("shop", given, self.attempt, clock=self.clock)

    async def attempt(self, call: Call[Any], deadline: float, context: CallContext) -> Reply:
        self.deadlines.append(deadline)
        self.clock.now += self.seconds
        outcome = self.outcomes.pop(0) if self.outcomes else OK
        if isinstance(outcome, SourceError):
            raise outcome
        return outcome

    async def ask(self, call: Call[Any] = READ, *, within: float = 5, priority: Priority = Priority.AGENT) -> Reply:
        reply = await self.chain.send(call, CallContext(self.clock.now + within, priority))
        self.chain.delivered(call)
        return reply

    async def fail(self, times: int, problem: Callable[[], SourceError], call: Call[Any] = READ) -> None:
        """Ask so often, and fail each time."""
        for _ in range(times):
            self.outcomes = [problem()]
            with pytest.raises(SourceError):
                await self.ask(call)

    @property
    def states(self) -> tuple[BreakerState, BreakerState]:
        return self.chain.reads.state(self.clock.now), self.chain.writes.state(self.clock.now)


CLOSED, OPEN = BreakerState.CLOSED, BreakerState.OPEN


def down(status: int = 500) -> SourceError:
    return coded(SourceUnavailable(f"{status}"), status)


def coded(problem: SourceError, status: int) -> SourceError:
    problem.status = status
    return problem


async def test_a_call_lasts_no_longer_than_the_sources_time_or_the_requests() -> None:
    system = System(timeout=2)
    began = system.clock.now
    await system.ask(within=5)
    await system.ask(within=0.5)
    assert system.deadlines == [began + 2, began + 0.01 + 0.5]


async def test_no_call_starts_after_the_deadline() -> None:
    system = System()
    for within in (0, -1):
        with pytest.raises(SourceTimeout) as raised:
            await system.ask(within=within)
        assert raised.value.sent is False
    assert system.deadlines == []
    assert system.states == (CLOSED, CLOSED)


async def test_a_read_that_fails_in_passing_is_sent_once_more() -> None:
    system = System(down(503))
    assert await system.ask() is OK
    assert len(system.deadlines) == 2
    assert system.chain.retry.retried == 1


async def test_a_write_is_never_sent_again() -> None:
    for problem in (
        down(503),
        SourceUnavailable("refused", sent=False),
        coded(SourceRefused("429", retry_after=0), 429),
    ):
        system = System(problem)
        with pytest.raises(type(problem)):
            await system.ask(WRITE)
        assert len(system.deadlines) == 1


async def test_a_read_that_fails_for_good_is_not_sent_again() -> None:
    system = System(down(500))
    with pytest.raises(SourceUnavailable):
        await system.ask()
    assert len(system.deadlines) == 1


async def test_twenty_failures_open_the_breaker_and_then_nothing_reaches_the_source() -> None:
    system = System()
    await system.fail(20, down)
    assert system.states == (OPEN, CLOSED)
    reached = len(system.deadlines)
    for _ in range(100):
        with pytest.raises(BreakerOpen):
            await system.ask()
    assert len(system.deadlines) == reached


async def test_reads_and_writes_have_a_breaker_each() -> None:
    system = System()
    await system.fail(20, down, WRITE)
    assert system.states == (CLOSED, OPEN)
    assert await system.ask() is OK


async def test_three_good_probes_close_it() -> None:
    system = System()
    await system.fail(20, down)
    system.clock.now += 5
    for _ in range(3):
        await system.ask()
    assert system.states == (CLOSED, CLOSED)


@pytest.mark.parametrize("replicated", [False, True])
async def test_a_failing_probe_is_not_repeated_and_keeps_it_open(replicated: bool) -> None:  # noqa: FBT001
    system = System(replicated=replicated)
    await system.fail(20, down)
    system.clock.now += 5
    reached = len(system.deadlines)
    await system.fail(1, lambda: down(503))
    assert len(system.deadlines) == reached + 1
    assert system.chain.retry_budget.taken == 0
    with pytest.raises(BreakerOpen):
        await system.ask()


NOT_FAILURES: dict[str, Callable[[], SourceError]] = {
    "400": lambda: coded(SourceRejected("400"), 400),
    "401": lambda: coded(SourceRefused("401"), 401),
    "409": lambda: coded(SourceConflict("409"), 409),
    "412": lambda: coded(SourceConflict("412"), 412),
    "418": lambda: coded(SourceInvalid("418"), 418),
    "409 of a key in use": lambda: coded(SourceUnavailable("409"), 409),
    "a refusal in a 200": lambda: coded(SourceRejected("no"), 200),
    "what we could not write": lambda: SourceInvalid("a header", sent=False),
}
FAILURES: dict[str, Callable[[], SourceError]] = {
    "500": down,
    "503": lambda: down(503),
    "no connection": lambda: SourceUnavailable("refused", sent=False),
    "a lost connection": lambda: SourceUnavailable("lost"),
    "garbage": lambda: SourceInvalid("html"),
    "a redirect": lambda: coded(SourceInvalid("302"), 302),
    "a fault in a 200": lambda: coded(SourceUnavailable("down"), 200),
}


@pytest.mark.parametrize("name", NOT_FAILURES)
async def test_what_is_no_failure_of_the_source_does_not_open_the_breaker(name: str) -> None:
    system = System()
    await system.fail(50, NOT_FAILURES[name], WRITE)
    assert system.states == (CLOSED, CLOSED)


@pytest.mark.parametrize("name", FAILURES)
async def test_what_is_a_failure_of_the_source_opens_it(name: str) -> None:
    system = System()
    await system.fail(20, FAILURES[name], WRITE)
    assert system.states == (CLOSED, OPEN)


async def test_a_time_out_counts_where_the_source_had_its_time() -> None:
    system = System(seconds=2)
    await system.fail(20, lambda: SourceTimeout("slow"))
    assert system.states == (OPEN, CLOSED)


async def test_callers_in_a_hurry_do_not_open_the_breaker() -> None:
    system = System(seconds=0.05)
    await system.fail(100, lambda: SourceTimeout("slow"))
    assert system.states == (CLOSED, CLOSED)


async def test_garbage_that_is_found_when_it_is_decoded_counts() -> None:
    system = System()
    for _ in range(20):
        await system.chain.send(READ, CallContext(system.clock.now + 5))
        system.chain.spoiled(READ, SourceInvalid("not JSON"))
    assert system.states == (OPEN, CLOSED)


async def test_garbage_keeps_a_half_open_breaker_open() -> None:
    system = System()
    await system.fail(20, down)
    system.clock.now += 5
    await system.chain.send(READ, CallContext(system.clock.now + 5))
    system.chain.spoiled(READ, SourceInvalid("not JSON"))
    assert system.states == (OPEN, CLOSED)


async def test_a_refusal_in_the_body_of_a_good_answer_counts_as_an_answer() -> None:
    system = System()
    for _ in range(50):
        await system.chain.send(READ, CallContext(system.clock.now + 5))
        system.chain.spoiled(READ, SourceRejected("no such account"))
    assert system.states == (CLOSED, CLOSED)


async def test_retries_of_a_source_that_is_down_are_at_most_a_tenth() -> None:
    system = System(breaker={"calls": 1_000_000}, retry={"least_wait": 0, "most_wait": 0.0001})
    callers = 500
    for _ in range(callers):
        system.outcomes = [down(503), down(503)]
        with pytest.raises(SourceUnavailable):
            await system.ask()
    assert callers * 1.05 < len(system.deadlines) <= callers * 1.1


async def test_a_retry_after_holds_the_next_calls_back() -> None:
    system = System(retry={"attempts": 1})
    await system.fail(1, lambda: coded(SourceRefused("429", retry_after=3), 429))
    with pytest.raises(SourceBusy) as raised:
        await system.ask()
    assert raised.value.retry_after == pytest.approx(3)
    assert len(system.deadlines) == 1
    system.clock.now += 3
    assert await system.ask() is OK
    assert system.chain.quota.is_free


async def test_a_retry_after_of_one_caller_holds_no_other_back() -> None:
    system = System(retry={"attempts": 1})
    system.chain._quota_is_callers = True  # it is asked with its callers' own tokens
    await system.fail(1, lambda: coded(SourceRefused("429", retry_after=3), 429))
    assert await system.ask() is OK


class Gate:
    """A source that answers when it is let."""

    def __init__(self, **settings: Any) -> None:
        self.open = asyncio.Event()
        self.under_way = self.most = 0
        loop = asyncio.get_running_loop()
        given = SourceSettings.model_validate({**SETTINGS.model_dump(), **settings})
        self.chain = Chain("shop", given, self.attempt, clock=loop.time)
        self.soon = loop.time() + 60

    async def attempt(self, call: Call[Any], deadline: float, context: CallContext) -> Reply:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.open.wait()
        finally:
            self.under_way -= 1
        return OK

    def ask(self, priority: Priority = Priority.APP) -> "asyncio.Task[Reply]":
        return asyncio.create_task(self.chain.send(READ, CallContext(self.soon, priority)))


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_calls_are_under_way_than_there_are_places() -> None:
    gate = Gate(max_connections=3)
    asked = [gate.ask() for _ in range(10)]
    await turn()
    assert (gate.under_way, gate.chain.bulkhead.waiting) == (3, 7)
    gate.open.set()
    await asyncio.gather(*asked)
    assert (gate.most, gate.chain.bulkhead.in_flight) == (3, 0)


async def test_places_are_given_back_whatever_becomes_of_the_calls() -> None:
    gate = Gate(max_connections=3)
    asked = [gate.ask() for _ in range(10)]
    await turn()
    for task in asked:
        task.cancel()
    await turn()
    assert (gate.chain.bulkhead.in_flight, gate.chain.bulkhead.waiting) == (0, 0)
    assert gate.chain.reads.traffic.total == 0


async def test_when_the_breaker_opens_nobody_waits_for_a_place_any_more() -> None:
    gate = Gate(max_connections=1)
    asked = [gate.ask() for _ in range(4)]
    await turn()
    for _ in range(20):
        gate.chain.spoiled(READ, SourceUnavailable("down"))
    await turn()
    assert [isinstance(task.exception(), BreakerOpen) for task in asked[1:]] == [True] * 3
    gate.open.set()
    assert await asked[0] is OK


async def test_a_replicated_source_is_asked_again_beside_a_slow_call() -> None:
    gate = Gate(replicated=True, hedging={"calls": 32})
    gate.open.set()
    for _ in range(100):
        await gate.ask()
        gate.chain.delivered(READ)
    gate.open.clear()
    asked = gate.ask()
    await asyncio.wait({asked}, timeout=0.05)
    assert gate.under_way == 2
    gate.open.set()
    assert await asked is OK
    assert gate.chain.hedging is not None
    assert gate.chain.hedging.hedged == 1
    await turn()
    assert gate.chain.bulkhead.in_flight == 0


async def test_a_source_that_is_not_replicated_is_not() -> None:
    assert System().chain.hedging is None
