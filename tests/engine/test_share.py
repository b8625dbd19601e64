"""Unknown documents get a share of the processor, and no more."""

from dataclasses import dataclass

import pytest

from klantbeeld.engine.share import Share
from klantbeeld.errors import Overloaded


@dataclass
class Clocks:
    """A processor and a clock that a test moves."""

    cpu: float = 0.0
    now: float = 0.0

    def share(self, share: float = 0.2, burst: float = 1.0) -> Share:
        return Share(share=share, burst=burst, cpu=lambda: self.cpu, monotonic=lambda: self.now)

    def spend(self, share: Share, seconds: float) -> None:
        with share.spending():
            self.cpu += seconds


def test_what_was_saved_up_may_be_spent_at_once() -> None:
    clocks = Clocks()
    share = clocks.share()
    clocks.spend(share, 0.9)
    share.admit()


def test_beyond_it_429_says_when_to_come_back() -> None:
    clocks = Clocks()
    share = clocks.share()
    clocks.spend(share, 1.5)
    with pytest.raises(Overloaded) as caught:
        share.admit()
    assert (caught.value.status, caught.value.reason) == (429, "TOO_MANY_NEW_DOCUMENTS")
    assert caught.value.retry_after == 3  # half a second of the processor, a fifth of each second

    clocks.now += 3
    share.admit()


def test_however_long_it_lasts_no_more_than_the_share_is_spent() -> None:
    clocks = Clocks()
    share = clocks.share()
    for _ in range(100_000):
        clocks.now += 0.001
        try:
            share.admit()
        except Overloaded:
            continue
        clocks.spend(share, 0.005)
    assert clocks.cpu == pytest.approx(0.2 * clocks.now + 1.0, rel=0.01)


def test_no_more_than_the_burst_is_saved_up() -> None:
    clocks = Clocks()
    share = clocks.share()
    clocks.now += 1_000
    share.admit()
    clocks.spend(share, 1.01)
    with pytest.raises(Overloaded):
        share.admit()


def test_what_fails_costs_as_well() -> None:
    clocks = Clocks()
    share = clocks.share()
    with pytest.raises(ValueError, match="bad"):
        _fail(clocks, share)
    with pytest.raises(Overloaded):
        share.admit()


def _fail(clocks: Clocks, share: Share) -> None:
    with share.spending():
        clocks.cpu += 2
        raise ValueError("bad")
