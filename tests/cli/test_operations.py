"""`klantbeeld operations`: without a gateway, over the store alone."""

import asyncio
from pathlib import Path

import pytest
from msgspec import structs
from tests.writes.test_journal import an_operation

from klantbeeld.cli.demo_settings import demo_settings
from klantbeeld.store import open_store
from klantbeeld.store.transactions import open_transactions
from klantbeeld.writes.journal import Journal
from klantbeeld.writes.rows import OperationView
from klantbeeld.writes.states import OperationState, StepState

from .conftest import Klantbeeld

ID = an_operation().operation.id


async def _park(file: Path) -> None:
    settings = demo_settings(file)
    async with open_store(settings.store) as store, open_transactions(store) as transactions:
        journal = Journal(transactions, wait=5)
        view = an_operation()
        await journal.claim(view)
        operation = structs.replace(
            view.operation, state=OperationState.UNKNOWN, parked=True, leased_until=view.operation.created_at
        )
        step = structs.replace(view.steps[0], state=StepState.UNKNOWN, code="SOURCE_TIMEOUT")
        await journal.finish(view, OperationView(operation, (step,)))


@pytest.fixture
def parked(file: Path) -> Path:
    asyncio.run(_park(file))
    return file


def test_parked_operations_are_listed_and_leave_with_1(klantbeeld: Klantbeeld, parked: Path) -> None:
    done = klantbeeld("operations", "list", "-c", parked)
    assert done.code == 1
    assert ID in done.out
    assert "1 of them parked" in done.err


def test_without_any_it_leaves_with_0(klantbeeld: Klantbeeld, file: Path) -> None:
    assert klantbeeld("operations", "list", "-c", file).code == 0


def test_without_any_settings_it_is_said_where_they_were_looked_for(klantbeeld: Klantbeeld) -> None:
    done = klantbeeld("operations", "list")
    assert done.code == 2
    assert done.err.startswith("There is no klantbeeld.toml in this folder; name the settings file with --config.\n")


def test_settings_from_the_environment_need_no_file(klantbeeld: Klantbeeld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KLANTBEELD__LANGUAGE", "en")
    assert klantbeeld("operations", "list").err.startswith("Error: ")


def test_one_is_shown_with_its_steps(klantbeeld: Klantbeeld, parked: Path) -> None:
    done = klantbeeld("operations", "show", ID, "-c", parked)
    assert done.code == 0
    assert "change_contact_details" in done.out
    assert "It is not known whether the change was made." in " ".join(done.out.split())
    assert "SOURCE_TIMEOUT" in done.out
    assert "Parked" in done.out


@pytest.mark.parametrize("operation_id", ["019ab000-0000-7000-8000-00000000ffff", "nothing"])
def test_one_that_is_not_there_leaves_with_1(operation_id: str, klantbeeld: Klantbeeld, file: Path) -> None:
    assert klantbeeld("operations", "show", operation_id, "-c", file).code == 1
    assert klantbeeld("operations", "resolve", operation_id, "0", "applied", "-c", file).code == 1


def test_a_person_settles_a_step_and_it_can_be_settled_once(klantbeeld: Klantbeeld, parked: Path) -> None:
    done = klantbeeld("operations", "resolve", ID, "0", "not-applied", "-c", parked)
    assert done.code == 0
    assert "RESOLVED_BY_HAND" in done.out
    again = klantbeeld("operations", "resolve", ID, "0", "applied", "-c", parked)
    assert again.code == 1
    assert "OPERATION_NOT_PARKED" in again.err
    assert klantbeeld("operations", "list", "-c", parked).code == 0


def test_a_step_that_is_not_there_is_said_to_be_none(klantbeeld: Klantbeeld, parked: Path) -> None:
    done = klantbeeld("operations", "resolve", ID, "7", "applied", "-c", parked)
    assert (done.code, "OPERATION_NOT_PARKED" in done.err) == (1, True)
