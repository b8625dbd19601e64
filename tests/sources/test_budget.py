"""The budget of second calls."""

from klantbeeld.sources.budget import Budget
from klantbeeld.sources.traffic import Traffic


def test_it_begins_with_none() -> None:
    budget = Budget(Traffic(10), share=0.1)
    assert not budget.take(0.0)
    assert budget.taken == 0


def test_ten_calls_earn_one() -> None:
    traffic = Traffic(10)
    budget = Budget(traffic, share=0.1)
    taken = []
    for _ in range(30):
        traffic.count(1.0)
        taken.append(budget.take(1.0))
    assert [number for number, one in enumerate(taken, 1) if one] == [10, 21]


def test_in_the_long_run_there_are_at_most_a_tenth_more_calls() -> None:
    traffic = Traffic(10)
    budget = Budget(traffic, share=0.1)
    calls = 0
    for step in range(6_000):
        now = step / 100
        traffic.fail(now)
        calls += 1
        if budget.take(now):
            traffic.fail(now)
            calls += 1
    assert 6_500 < calls <= 6_600


def test_what_was_saved_is_no_more_than_recent_traffic_is_worth() -> None:
    traffic = Traffic(10)
    budget = Budget(traffic, share=0.1)
    for step in range(100_000):
        traffic.count(step / 100)
    assert 90 <= budget.left(999.99) <= 100
    assert budget.left(2_000.0) == 0
