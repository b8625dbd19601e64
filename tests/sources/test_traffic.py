"""Traffic: the calls of the last seconds."""

from klantbeeld.sources.traffic import Traffic


def test_calls_and_failures_are_counted_and_forgotten_after_their_time() -> None:
    traffic = Traffic(10)
    for second in range(10):
        traffic.count(second)
        traffic.fail(second + 0.5)
    assert traffic.recent(9.9) == (20, 10)
    assert traffic.recent(15.2) == (8, 4)
    assert traffic.recent(30) == (0, 0)
    assert traffic.total == 20


def test_what_came_after_a_long_pause_stands_alone() -> None:
    traffic = Traffic(10)
    traffic.fail(0)
    traffic.count(100_000)
    assert traffic.recent(100_000) == (1, 0)
    assert traffic.total == 2


def test_a_call_before_the_clocks_first_second_counts() -> None:
    traffic = Traffic(10)
    traffic.count(0.0)
    traffic.count(0.0)
    assert traffic.recent(0.0) == (2, 0)
