"""Who gets how much of what can be answered."""

from klantbeeld.gateway.shares import Shares


def window(shares: Shares, came: list[int], answered: int, *, is_full: bool = True) -> list[int]:
    """Let a window pass; returns how many of each class were let in."""
    let_in = [sum(shares.admits(level) for _ in range(count)) for level, count in enumerate(came)]
    for _ in range(answered):
        shares.answered()
    shares.settle(is_full=is_full)
    return let_in


def test_at_first_everybody_is_let_in() -> None:
    assert window(Shares(2), [10, 20], 5) == [10, 20]


def test_the_capacity_goes_to_the_most_important_first() -> None:
    shares = Shares(3)
    for _ in range(20):
        let_in = window(shares, [20, 40, 40], 40)
    assert let_in[0] == 20
    assert 28 <= let_in[1] <= 32  # what is left of 40, and a quarter more, so that no place stays free
    assert 1 <= let_in[2] <= 3  # a twentieth is every class's, so that a new token comes to be known


def test_it_follows_what_can_be_answered() -> None:
    shares = Shares(1)
    for _ in range(20):
        window(shares, [100], 40)
    assert 48 <= window(shares, [100], 40)[0] <= 52
    for _ in range(20):
        let_in = window(shares, [100], 20)
    assert 24 <= let_in[0] <= 26


def test_it_finds_out_how_much_more_there_is_while_places_are_free() -> None:
    shares, answered = Shares(1), 10
    window(shares, [100], answered)
    for _ in range(20):
        answered = min(window(shares, [100], answered, is_full=False)[0], 60)
    assert answered == 60


def test_whatever_fits_is_let_in_again_when_less_comes() -> None:
    shares = Shares(2)
    for _ in range(10):
        window(shares, [40, 40], 40)
    for _ in range(10):
        let_in = window(shares, [10, 10], 20)
    assert let_in == [10, 10]


def test_nobody_is_shut_out_for_ever_by_a_moment_in_which_nothing_was_answered() -> None:
    shares = Shares(1)
    for _ in range(10):
        window(shares, [10], 0, is_full=False)
    let_in = 0
    for _ in range(30):
        let_in = window(shares, [10], let_in, is_full=False)[0]
    assert let_in == 10
