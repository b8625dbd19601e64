"""Sagas that a deployment declares: found where the settings say, and refused with the way to mend them."""

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from klantbeeld.errors import ConfigurationError
from klantbeeld.sdk.roles import BILLING, CRM
from klantbeeld.sdk.sagas import Approve, Do, Engage, Given, Notify, Reversal, Saga, Title, Undo
from klantbeeld.settings_saga import SagaSettings
from klantbeeld.writes.sagas.loading import load_sagas

TITLE = Title(nl="Iets", en="Something")


def nothing(_given: object) -> dict[str, str]:
    return {}


def saga(name: str, *steps: Do | Engage | Notify | Approve) -> Saga:
    return Saga(name=name, title=TITLE, scope="crm:write", given=Given, steps=steps)


def do(name: str, act: str, *, reversal: Reversal = Reversal.EASY, undo: str | None = None) -> Do:
    taken_back = Undo(act=undo, values=lambda _act, _before: {}) if undo else None
    return Do(name=name, role=CRM, act=act, values=nothing, reversal=reversal, undo=taken_back)


GOOD = saga("good", do("one", "record_interaction"), Notify(name="two", topic="told"))


@pytest.fixture
def module() -> Iterator[ModuleType]:
    """Give a module that the settings can name, with a saga in it."""
    made = ModuleType("sagas_under_test")
    made.__dict__.update(GOOD=GOOD, NOT_ONE=object())
    sys.modules[made.__name__] = made
    yield made
    del sys.modules[made.__name__]


def load(*places: str) -> dict[str, Saga]:
    return load_sagas(SagaSettings(declared=tuple(f"sagas_under_test:{place}" for place in places)), {})


@pytest.mark.usefixtures("module")
def test_a_declared_saga_is_found_by_its_name() -> None:
    assert load("GOOD") == {"good": GOOD}


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize(
    ("places", "said"),
    [
        (("GOOD", "GOOD"), "there is a saga 'good' already"),
        (("MISSING",), "cannot be imported"),
        (("NOT_ONE",), "is no saga"),
    ],
)
def test_what_cannot_be_is_refused(places: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load(*places)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ((do("one", "record_interaction"), do("one", "record_interaction")), "two steps have one name"),
        ((do("one", "fly"),), "CRM has no act 'fly'"),
        ((do("one", "record_interaction", undo="forget"),), "CRM has no act 'forget'"),
        ((Engage(name="one", engine="camunda", process="x"),), "there is no engine 'camunda'"),
    ],
)
def test_a_saga_is_held_against_what_there_is(steps: tuple[Do, ...], said: str, module: ModuleType) -> None:
    module.__dict__["WRONG"] = saga("wrong", *steps)
    with pytest.raises(ConfigurationError, match=said):
        load("WRONG")


def test_of_acts_side_by_side_the_hardest_to_take_back_goes_last_and_people_stay_between() -> None:
    approve = Approve(name="people", title=TITLE, scope="tasks:work")
    money = Do(name="money", role=BILLING, act="credit_invoice", values=nothing, reversal=Reversal.HARD)
    declared = saga("ordered", money, do("first", "record_interaction"), approve, do("after", "record_interaction"))
    assert [step.name for step in declared.ordered()] == ["first", "money", "people", "after"]
