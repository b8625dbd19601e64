"""The breaker: when it opens, what passes then, and when it closes."""

import pytest

from klantbeeld.errors import BreakerOpen
from klantbeeld.settings_source import BreakerSettings
from klantbeeld.sources.breaker import Breaker, BreakerState

CLOSED, HALF_OPEN, OPEN = BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN


class Watched(Breaker):
    """A breaker whose changes are kept."""

    __slots__ = ("changes",)

    def __init__(self, settings: BreakerSettings | None = None) -> None:
        self.changes: list[BreakerState] = []
        super().__init__(settings or BreakerSettings(), self.changes.append)


def an_open_one(now: float = 100) -> Watched:
    breaker = Watched()
    for _ in range(20):
        breaker.fail(now)
    assert not breaker.is_closed
    return breaker


def probe(breaker: Breaker, now: float, *, until: float | None = None, works: bool) -> None:
    breaker.admit(now)
    breaker.probed()
    (breaker.succeed if works else breaker.fail)(now if until is None else until)


def test_it_is_closed_at_first_and_few_failures_say_nothing() -> None:
    breaker = Watched()
    for _ in range(19):
        breaker.fail(100)
    assert (breaker.is_closed, breaker.state(100), breaker.changes) == (True, CLOSED, [])


def test_half_of_twenty_calls_failing_opens_it() -> None:
    breaker = Watched()
    for number in range(10):
        breaker.succeed(100 + number / 10)
        breaker.fail(100 + number / 10)
    assert (breaker.is_closed, breaker.changes, breaker.opened) == (False, [OPEN], 1)


def test_fewer_than_half_leave_it_closed() -> None:
    breaker = Watched()
    for number in range(300):
        (breaker.fail if number % 5 < 2 else breaker.succeed)(100 + number / 100)
    assert breaker.is_closed


def test_failures_of_more_than_ten_seconds_ago_count_no_more() -> None:
    breaker = Watched()
    for number in range(60):
        for call in (breaker.fail, breaker.succeed):
            call(100 + number * 1.2)
    assert breaker.is_closed


def test_twenty_failures_in_a_row_open_it_whatever_went_before() -> None:
    breaker = Watched()
    for _ in range(1_000):
        breaker.succeed(100)
    for number in range(20):
        assert breaker.is_closed
        breaker.fail(102 + number / 100)
    assert not breaker.is_closed


def test_while_it_is_open_nothing_passes() -> None:
    breaker = an_open_one(100)
    for now in (100, 102.5, 104.99):
        with pytest.raises(BreakerOpen) as raised:
            breaker.admit(now)
        assert raised.value.sent is False
        assert raised.value.retry_after == pytest.approx(105 - now)
    assert breaker.state(104.99) is OPEN


def test_after_five_seconds_three_probes_pass_and_no_more() -> None:
    breaker = an_open_one(100)
    for _ in range(3):
        breaker.admit(105)
    assert breaker.state(105) is HALF_OPEN
    with pytest.raises(BreakerOpen):
        breaker.admit(105)


def test_three_probes_that_succeed_close_it() -> None:
    breaker = an_open_one(100)
    for number in range(3):
        assert not breaker.is_closed
        probe(breaker, 105 + number, works=True)
    assert (breaker.is_closed, breaker.changes) == (True, [OPEN, CLOSED])


def test_probes_that_succeeded_still_count_towards_the_three() -> None:
    breaker = an_open_one(100)
    probe(breaker, 105, works=True)
    probe(breaker, 105, works=True)
    breaker.admit(105)
    with pytest.raises(BreakerOpen):
        breaker.admit(105)


def test_a_probe_that_fails_opens_it_again_for_five_seconds_from_the_first_probe() -> None:
    breaker = an_open_one(100)
    probe(breaker, 105, until=107, works=False)
    assert breaker.state(109.9) is OPEN
    with pytest.raises(BreakerOpen):
        breaker.admit(109.9)
    for _ in range(3):
        probe(breaker, 110, works=True)
    assert breaker.is_closed


def test_a_probe_whose_caller_has_gone_gives_its_place_back() -> None:
    breaker = an_open_one(100)
    for _ in range(3):
        breaker.admit(105)
        breaker.probed()
    breaker.admit(105)


def test_answers_that_come_late_do_not_close_it() -> None:
    breaker = an_open_one(100)
    for _ in range(50):
        breaker.succeed(101)
    assert breaker.state(101) is OPEN


def test_failures_that_come_late_do_not_keep_it_open() -> None:
    breaker = an_open_one(100)
    for _ in range(50):
        breaker.fail(104)
    breaker.admit(105)
    assert breaker.changes == [OPEN]


def test_closed_again_it_takes_as_many_failures_as_before() -> None:
    breaker = an_open_one(100)
    for _ in range(3):
        probe(breaker, 111, works=True)
    for _ in range(10):
        breaker.fail(111)
    assert breaker.is_closed


def test_closed_again_it_does_not_hold_what_went_before_against_the_source() -> None:
    breaker = an_open_one(100)
    for number in range(3):
        probe(breaker, 105 + number / 10, works=True)
    assert breaker.is_closed
    breaker.fail(106)  # well within the ten seconds of those that opened it
    assert breaker.is_closed
