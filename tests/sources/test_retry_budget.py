"""The retry budget: wherever one begins to count, a source gets no more than its callers' calls and their share."""

from collections.abc import Iterable, Sequence
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from klantbeeld.settings_source import RetrySettings
from klantbeeld.sources.retry_budget import RetryBudget
from klantbeeld.sources.traffic import Traffic


def budget_of(traffic: Traffic, **settings: float) -> RetryBudget:
    return RetryBudget(traffic, RetrySettings.model_validate(settings))


class Source:
    """Counts the calls of callers; one that fails is sent again if it may, and fails again."""

    def __init__(self, **settings: float) -> None:
        self.traffic = Traffic(10)
        self.budget = budget_of(self.traffic, **settings)

    def succeed(self, now: float) -> None:
        self.traffic.count(now)

    def fail(self, now: float) -> bool:
        """Fail a call; returns whether it was sent again."""
        self.traffic.fail(now)
        if not self.budget.take(now):
            return False
        self.traffic.fail(now)
        self.budget.ended()
        return True


def test_at_the_start_the_reserve_is_in_hand_and_no_more() -> None:
    source = Source(reserve=3)
    assert source.budget.left(0.0) == 3
    assert [source.fail(0.0) for _ in range(4)] == [True, True, True, False]
    assert source.budget.taken == 3
    assert source.budget.left(0.0) == 0


def test_what_was_taken_from_the_reserve_is_made_up_for_before_there_is_more() -> None:
    source = Source(budget=0.1, reserve=3)
    again = [number for number in range(1, 81) if source.fail(0.0)]
    assert again == [1, 2, 3, 40, 50, 60, 79]


def test_good_times_save_nothing_up_beyond_the_reserve() -> None:
    source = Source(budget=0.1, reserve=3)
    for step in range(10_000):
        source.succeed(step / 200)
    assert source.budget.left(50.0) == 3
    assert sum(source.fail(50.0) for _ in range(30)) == 3


def test_the_reserve_is_there_again_when_its_time_is_over() -> None:
    source = Source(reserve=3, seconds=60)
    assert sum(source.fail(0.0) for _ in range(10)) == 3
    assert sum(source.fail(59.9) for _ in range(10)) == 0
    assert sum(source.fail(60.0) for _ in range(10)) == 3


def test_a_minute_of_outage_costs_at_most_a_tenth_more_calls_at_every_moment_after_the_first_hundred() -> None:
    source = Source()
    for step in range(600):  # a better time before, with a failure now and then
        if step % 50:
            source.succeed(step / 50)
        else:
            source.fail(step / 50)
    retries = list(accumulate(source.fail(12.0 + step / 50) for step in range(3_000)))
    assert all(many <= (calls + 1) * 0.1 for calls, many in enumerate(retries) if calls >= 100)
    assert retries[-1] >= 3_000 * 0.1 * 10 / 11 - 10


def test_retries_under_way_earn_nothing() -> None:
    traffic = Traffic(10)
    budget = budget_of(traffic, budget=0.5, reserve=1)
    traffic.fail(0.0)
    assert budget.take(0.0)
    traffic.fail(0.0)  # the retry, whose end is counted
    budget.ended()
    traffic.fail(0.0)
    assert not budget.take(0.0)
    traffic.fail(0.0)
    assert not budget.take(0.0)
    traffic.fail(0.0)
    assert budget.take(0.0)


CALLS = st.lists(st.tuples(st.sampled_from([0.0, 0.01, 1.0, 30.0]), st.booleans()), min_size=1, max_size=150)


@given(CALLS, st.sampled_from([0.1, 0.25, 0.5]), st.integers(1, 5))
def test_no_calls_in_a_row_have_more_retries_than_their_share_or_the_reserve(
    calls: Sequence[tuple[float, bool]], share: float, reserve: int
) -> None:
    source = Source(budget=share, reserve=reserve, seconds=60)
    now = 0.0
    past: list[tuple[float, bool]] = []
    for passed, is_good in calls:
        now += passed
        if is_good:
            source.succeed(now)
            past.append((now, False))
            continue
        expected = _may_be_sent_again(past, now, share, reserve)
        assert source.fail(now) == expected
        past.append((now, expected))


def _may_be_sent_again(past: Iterable[tuple[float, bool]], now: float, share: float, reserve: int) -> bool:
    """Look at every run of calls that ends with this one, within a minute, as its promise is written."""
    retries = number = 1
    for at, again in reversed([*past]):
        number += 1
        retries += again
        if again and at > now - 60 and retries > max(reserve, share * number + 1e-6):
            return False
    return True
