"""Tasks: claimed by one, decided by one who did not begin, and never lost between a decision and what it sets going."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from klantbeeld.errors import RequestError
from klantbeeld.writes.journal import Journal
from klantbeeld.writes.sagas.tasks import Decision, Task, Tasks, TaskState

from .conftest import BEGAN, CUSTOMER, OPERATION, operation, step

pytestmark = pytest.mark.asyncio

STARTER, FIRST, SECOND = b"s" * 32, b"1" * 32, b"2" * 32
TASK = Task(
    id="019ab000-0000-7000-8000-0000000000a1",
    operation_id=OPERATION,
    seq=1,
    title_nl="Goedkeuren",
    title_en="Approve",
    scope="tasks:work",
    escalates_to="tasks:escalated",
    customer_id=CUSTOMER,
    starter=STARTER,
    created_at=BEGAN,
    due_at=BEGAN + timedelta(days=1),
    escalates_at=BEGAN + timedelta(days=2),
)


async def test_a_step_has_one_task_however_often_it_is_taken_up(tasks: Tasks) -> None:
    again = replace(TASK, id="019ab000-0000-7000-8000-0000000000a2")
    assert await tasks.ensure(TASK) == TASK
    assert await tasks.ensure(again) == TASK
    assert await tasks.find(again.id) is None
    assert await tasks.of_step(OPERATION, 1) == TASK


async def test_one_of_two_who_claim_at_once_has_it(tasks: Tasks) -> None:
    await tasks.ensure(TASK)
    claims = [tasks.claim(TASK, person, BEGAN) for person in (FIRST, SECOND)]
    ended = await asyncio.gather(*claims, return_exceptions=True)
    assert sorted(type(one).__name__ for one in ended) == ["RequestError", "Task"]
    found = await tasks.find(TASK.id)
    assert found is not None
    assert found.state is TaskState.CLAIMED
    assert found.claimed_by in {FIRST, SECOND}


async def test_whoever_claimed_it_may_claim_it_again(tasks: Tasks) -> None:
    await tasks.ensure(TASK)
    first = await tasks.claim(TASK, FIRST, BEGAN)
    assert await tasks.claim(TASK, FIRST, BEGAN + timedelta(hours=1)) == first


async def test_whoever_began_does_not_decide(tasks: Tasks) -> None:
    await tasks.ensure(TASK)
    with pytest.raises(RequestError) as refused:
        await tasks.complete(TASK, Decision.APPROVED, STARTER, BEGAN)
    assert refused.value.reason == "FOUR_EYES"
    assert (await tasks.find(TASK.id)) == TASK


async def test_what_another_claimed_is_not_yours_to_decide(tasks: Tasks) -> None:
    await tasks.ensure(TASK)
    await tasks.claim(TASK, FIRST, BEGAN)
    with pytest.raises(RequestError) as refused:
        await tasks.complete(TASK, Decision.APPROVED, SECOND, BEGAN)
    assert refused.value.reason == "TASK_TAKEN"


async def test_a_decision_holds_and_may_be_repeated_by_who_made_it(tasks: Tasks) -> None:
    await tasks.ensure(TASK)
    done = await tasks.complete(TASK, Decision.REFUSED, FIRST, BEGAN)
    assert (done.state, done.outcome, done.completed_by) == (TaskState.DONE, Decision.REFUSED, FIRST)
    assert await tasks.complete(TASK, Decision.REFUSED, FIRST, BEGAN + timedelta(hours=1)) == done
    for decision, person in ((Decision.APPROVED, FIRST), (Decision.REFUSED, SECOND)):
        with pytest.raises(RequestError) as refused:
            await tasks.complete(TASK, decision, person, BEGAN)
        assert refused.value.reason == "TASK_DONE"
    with pytest.raises(RequestError) as refused:
        await tasks.claim(TASK, FIRST, BEGAN)
    assert refused.value.reason == "TASK_DONE"


async def test_two_who_decide_at_once_make_one_decision(tasks: Tasks) -> None:
    await tasks.ensure(TASK)
    decisions = [
        tasks.complete(TASK, Decision.APPROVED, FIRST, BEGAN),
        tasks.complete(TASK, Decision.REFUSED, SECOND, BEGAN),
    ]
    ended = await asyncio.gather(*decisions, return_exceptions=True)
    assert sorted(type(one).__name__ for one in ended) == ["RequestError", "Task"]


async def test_a_decision_wakes_its_operation_in_the_same_transaction(tasks: Tasks, journal: Journal) -> None:
    await journal.claim(operation(step(1, "approve", "approve")))
    await tasks.ensure(TASK)
    await tasks.complete(TASK, Decision.APPROVED, FIRST, BEGAN)
    assert await journal.due(BEGAN, most=5) == []  # whoever decided has a moment to carry it on
    assert await journal.due(BEGAN + timedelta(seconds=3), most=5) == [OPERATION]


async def test_an_escalated_task_goes_to_those_above_and_is_open_again(tasks: Tasks) -> None:
    await tasks.ensure(TASK)
    await tasks.claim(TASK, FIRST, BEGAN)
    later = BEGAN + timedelta(days=2)
    await tasks.escalate(TASK, later)
    found = await tasks.find(TASK.id)
    assert found == replace(TASK, scope="tasks:escalated", escalated_at=later)


async def test_a_list_has_only_what_somebody_may_decide_the_oldest_first(tasks: Tasks) -> None:
    others = [
        replace(TASK, id=f"019ab000-0000-7000-8000-0000000000b{seq}", seq=seq, scope=scope)
        for seq, scope in ((2, "tasks:work"), (3, "tasks:escalated"), (4, "tasks:work"))
    ]
    for one in (TASK, *others):
        await tasks.ensure(one)
    await tasks.complete(others[2], Decision.APPROVED, FIRST, BEGAN)
    open_states = [TaskState.OPEN, TaskState.CLAIMED]
    listed = await tasks.listed({"tasks:work", "crm:read"}, states=open_states, first=10, skip=0)
    assert [one.seq for one in listed] == [1, 2]
    assert [one.seq for one in await tasks.listed({"tasks:work"}, states=[TaskState.DONE], first=10, skip=0)] == [4]
    assert [one.seq for one in await tasks.listed({"tasks:work"}, states=open_states, first=1, skip=1)] == [2]
    assert await tasks.listed(set(), states=open_states, first=10, skip=0) == []


async def test_what_was_decided_long_ago_is_forgotten(tasks: Tasks) -> None:
    await tasks.ensure(TASK)
    await tasks.complete(TASK, Decision.APPROVED, FIRST, BEGAN)
    await tasks.forget(BEGAN)
    assert await tasks.find(TASK.id) is not None
    await tasks.forget(BEGAN + timedelta(seconds=1))
    assert await tasks.find(TASK.id) is None
