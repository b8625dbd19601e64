"""The retry: what is worth another attempt, when it starts, and what it may cost."""

from collections.abc import Callable

import pytest
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
from klantbeeld.settings_source import RetrySettings
from klantbeeld.sources.retry import Retry, is_passing
from klantbeeld.sources.retry_budget import RetryBudget
from klantbeeld.sources.traffic import Traffic


def with_status(problem: SourceError, status: int) -> SourceError:
    problem.status = status
    return problem


def lost() -> SourceError:
    problem = SourceUnavailable("lost")
    problem.is_lost = True
    return problem


WORTH = {
    "no connection": SourceUnavailable("refused", sent=False),
    "no connection in time": SourceTimeout("connect", sent=False),
    "a connection lost before the answer": lost(),
    "502": with_status(SourceUnavailable("502"), 502),
    "503": with_status(SourceUnavailable("503"), 503),
    "504": with_status(SourceUnavailable("504"), 504),
    "429 that says when": with_status(SourceRefused("429", retry_after=1), 429),
}
NOT_WORTH = {
    "an answer that broke off": SourceUnavailable("half"),
    "a time-out": SourceTimeout("slow"),
    "500": with_status(SourceUnavailable("500"), 500),
    "429 that does not say when": with_status(SourceRefused("429"), 429),
    "401": with_status(SourceRefused("401"), 401),
    "a fault in a 200": with_status(SourceUnavailable("down"), 200),
    "garbage": SourceInvalid("html"),
    "a conflict": with_status(SourceConflict("409"), 409),
    "a refusal": with_status(SourceRejected("400"), 400),
    "an open breaker": BreakerOpen("open", retry_after=1),
    "a full bulkhead": SourceBusy("full"),
    "a fault of ours": KeyError("x"),
}


@pytest.mark.parametrize("name", WORTH)
def test_what_may_pass_is_worth_another_attempt(name: str) -> None:
    assert is_passing(WORTH[name])


@pytest.mark.parametrize("name", NOT_WORTH)
def test_what_does_not_pass_by_itself_is_not(name: str) -> None:
    assert not is_passing(NOT_WORTH[name])


class Scripted:
    """Fails with what a test says, and then succeeds; `at` are the moments of the attempts."""

    def __init__(self, clock: Clock, *problems: Exception) -> None:
        self.clock = clock
        self.problems = list(problems)
        self.at: list[float] = []

    async def __call__(self) -> str:
        self.at.append(self.clock.now)
        if self.problems:
            raise self.problems.pop(0)
        return "answer"


def retry_of(
    clock: Clock, *, budget: RetryBudget | None = None, draw: Callable[[float, float], float] = max, **settings: float
) -> Retry:
    return Retry(
        RetrySettings.model_validate(settings),
        clock=clock,
        is_passing=is_passing,
        budget=budget,
        sleep=clock.sleep,
        draw=draw,
    )


@pytest.mark.asyncio
async def test_a_second_attempt_comes_after_a_drawn_wait() -> None:
    clock = Clock()
    attempt = Scripted(clock)
    drawn = []

    def draw(least: float, most: float) -> float:
        drawn.append((least, most))
        return 0.1

    retry = retry_of(clock, draw=draw)
    assert await retry.again(WORTH["503"], attempt, clock.now + 5) == "answer"
    assert drawn == [(0.025, 0.25)]
    assert attempt.at == [1_000.1]
    assert retry.retried == 1


@pytest.mark.asyncio
async def test_there_are_two_attempts_at_most_and_the_last_problem_is_told() -> None:
    clock = Clock()
    attempt = Scripted(clock, WORTH["502"], WORTH["504"])
    with pytest.raises(SourceUnavailable, match="502"):
        await retry_of(clock).again(WORTH["503"], attempt, clock.now + 5)
    assert len(attempt.at) == 1


@pytest.mark.asyncio
async def test_another_kind_of_problem_ends_it() -> None:
    clock = Clock()
    attempt = Scripted(clock, NOT_WORTH["500"])
    with pytest.raises(SourceUnavailable, match="500"):
        await retry_of(clock, attempts=5).again(WORTH["503"], attempt, clock.now + 5)
    assert len(attempt.at) == 1


@pytest.mark.asyncio
async def test_no_attempt_starts_at_the_deadline_or_later() -> None:
    clock = Clock()
    attempt = Scripted(clock)
    for seconds in (0.25, 0.1, 0):
        with pytest.raises(SourceUnavailable, match="503"):
            await retry_of(clock).again(WORTH["503"], attempt, clock.now + seconds)
    assert (attempt.at, clock.slept) == ([], [])


@pytest.mark.asyncio
async def test_a_retry_after_is_waited_out_where_it_fits() -> None:
    clock = Clock()
    attempt = Scripted(clock)
    await retry_of(clock).again(WORTH["429 that says when"], attempt, clock.now + 2)
    assert attempt.at == [1_001.25]
    with pytest.raises(SourceRefused):
        await retry_of(clock).again(WORTH["429 that says when"], attempt, clock.now + 1.2)


@pytest.mark.asyncio
async def test_without_budget_there_is_no_second_attempt() -> None:
    clock = Clock()
    attempt = Scripted(clock)
    traffic = Traffic(10)
    retry = retry_of(clock, budget=RetryBudget(traffic, RetrySettings(reserve=1)))
    traffic.fail(clock.now)
    assert await retry.again(WORTH["503"], attempt, clock.now + 5) == "answer"
    traffic.count(clock.now)  # what is counted of the second attempt
    with pytest.raises(SourceUnavailable):
        await retry.again(WORTH["503"], attempt, clock.now + 5)
    assert len(attempt.at) == 1
    for _ in range(19):
        traffic.fail(clock.now)
    assert await retry.again(WORTH["503"], attempt, clock.now + 5) == "answer"
    assert len(attempt.at) == 2


@pytest.mark.asyncio
async def test_what_the_deadline_forbids_costs_no_budget() -> None:
    clock = Clock()
    budget = RetryBudget(Traffic(10), RetrySettings())
    with pytest.raises(SourceUnavailable):
        await retry_of(clock, budget=budget).again(WORTH["503"], Scripted(clock), clock.now)
    assert budget.taken == 0


@pytest.mark.asyncio
async def test_one_attempt_means_no_retry() -> None:
    clock = Clock()
    with pytest.raises(SourceUnavailable):
        await retry_of(clock, attempts=1).again(WORTH["503"], Scripted(clock), clock.now + 5)
