"""The owning systems do a write as often as what came with it allows, and say what they did."""

import pytest
from tests.faults.writes.owners.system import Protection, Refused, System

BARE = Protection()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def system(clock: Clock) -> System:
    return System("crm", memory=5.0, compares=True, clock=clock)


def test_a_write_without_protection_is_done_each_time(system: System) -> None:
    for _ in range(2):
        system.create("C1", "interactions", {"subject": "op1ax"}, BARE)

    assert [effect.after for effect in system.log] == ["op1ax", "op1ax"]


def test_a_version_is_good_for_one_change(system: System) -> None:
    seen = Protection(expected=system.read("C1")["version"])
    system.change("C1", {"email": "op1ax@x"}, seen)

    with pytest.raises(Refused, match="stale"):
        system.change("C1", {"email": "op1ax@x"}, seen)
    assert len(system.log) == 1


def test_a_key_gives_the_first_answer_until_it_is_forgotten(system: System, clock: Clock) -> None:
    keyed = Protection(key="k")
    assert system.begin(keyed, "d") is None
    answer = system.change("C1", {"email": "op1ax@x"}, keyed)

    assert system.begin(keyed, "d") == answer
    clock.now = 5.1
    assert system.begin(keyed, "d") is None


def test_a_key_that_is_under_way_or_came_with_something_else_is_refused(system: System) -> None:
    keyed = Protection(key="k")
    system.begin(keyed, "d")

    with pytest.raises(Refused, match="in_progress"):
        system.begin(keyed, "d")
    with pytest.raises(Refused, match="key_reused"):
        system.begin(keyed, "other")


def test_a_reference_is_taken_once(system: System) -> None:
    referred = Protection(reference="r")
    system.create("C1", "complaints", {"subject": "op1ax"}, referred)

    with pytest.raises(Refused, match="reference_taken"):
        system.create("C1", "complaints", {"subject": "op1ax"}, referred)


def test_the_log_says_what_was_there_before(system: System) -> None:
    system.change("C1", {"email": "op1ax@x"}, BARE)
    system.change("C1", {"email": "c1@base.example"}, BARE)

    assert [(effect.before, effect.after) for effect in system.log] == [(None, "op1ax"), ("op1ax", None)]
