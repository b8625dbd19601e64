"""Steps that are no calls: people, dates, events and engines; repeated after a crash, twice is once."""

import hmac
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from msgspec import structs

from klantbeeld.settings_saga import WorkflowEngine
from klantbeeld.settings_section import Secret
from klantbeeld.store.transactions import Transactions, Unit
from klantbeeld.writes.planning import Done, Waiting
from klantbeeld.writes.sagas.engines import REFUSED, SIGNATURE, TOO_LATE, Engine, Engines
from klantbeeld.writes.sagas.events import Notices, Teller
from klantbeeld.writes.sagas.payloads import Approval, Engaged, Expected, Told, Until
from klantbeeld.writes.sagas.people import People
from klantbeeld.writes.sagas.tasks import Decision, Tasks
from klantbeeld.writes.sagas.waiting import Events, Moments

from .conftest import BEGAN, CUSTOMER, OPERATION, Clock, new_id, operation, step

pytestmark = pytest.mark.asyncio

STARTER, SECOND = b"s" * 32, b"2" * 32
APPROVAL = Approval(
    title_nl="Goedkeuren",
    title_en="Approve",
    scope="tasks:work",
    due=86_400,
    escalates=172_800,
    escalates_to="tasks:escalated",
    starter=STARTER,
)
ROW = operation().operation
APPROVE = step(1, "approve", "approve")
SECRET = b"e" * 32
DAY = timedelta(days=1)


@pytest.fixture
def tell(transactions: Transactions, clock: Clock) -> Teller:
    return Teller(transactions, source="/klantbeeld", wait=5, now=clock)


@pytest.fixture
def people(tasks: Tasks, tell: Teller, clock: Clock) -> People:
    return People(tasks, tell, now=clock, new_id=new_id, keep=7 * DAY)


def encoded(payload: object) -> bytes:
    return msgspec.json.encode(payload)


async def events(transactions: Transactions) -> list[dict[str, Any]]:
    def kept() -> Unit[list[dict[str, Any]]]:
        return [json.loads(row[0]) for row in (yield "SELECT event FROM outbox ORDER BY created_at, id", ())]

    return await transactions.run(kept(), wait=5)


async def test_an_approval_waits_for_a_person_until_it_goes_to_those_above(people: People, tasks: Tasks) -> None:
    came = await people.take(ROW, APPROVE, encoded(APPROVAL))
    assert came == Waiting(wake_at=BEGAN + 2 * DAY, approval=True)
    task = await tasks.of_step(OPERATION, 1)
    assert task is not None
    assert (task.customer_id, task.due_at, task.scope) == (CUSTOMER, BEGAN + DAY, "tasks:work")
    assert await people.take(ROW, APPROVE, encoded(APPROVAL)) == came


async def test_after_two_days_it_escalates_once_and_tells(
    people: People, tasks: Tasks, clock: Clock, transactions: Transactions
) -> None:
    await people.take(ROW, APPROVE, encoded(APPROVAL))
    clock.pass_by(days=2)
    for _ in range(2):
        assert await people.take(ROW, APPROVE, encoded(APPROVAL)) == Waiting(approval=True)
    task = await tasks.of_step(OPERATION, 1)
    assert task is not None
    assert (task.scope, task.escalated_at) == ("tasks:escalated", BEGAN + 2 * DAY)
    (event,) = await events(transactions)
    assert event["type"] == "klantbeeld.operation.task-escalated.v1"
    assert event["data"] == {
        "operationId": OPERATION,
        "customerId": CUSTOMER,
        "mutation": "creditInvoice",
        "step": "approve",
        "channel": "PHONE",
    }


@pytest.mark.parametrize(
    ("decision", "came"),
    [
        (Decision.APPROVED, Done(applied=True)),
        (Decision.REFUSED, Done(applied=False, code="APPROVAL_REFUSED")),
    ],
)
async def test_what_a_person_decided_is_what_comes_of_the_step(
    decision: Decision, came: Done, people: People, tasks: Tasks
) -> None:
    await people.take(ROW, APPROVE, encoded(APPROVAL))
    task = await tasks.of_step(OPERATION, 1)
    assert task is not None
    await tasks.complete(task, decision, SECOND, BEGAN)
    assert await people.take(ROW, APPROVE, encoded(APPROVAL)) == came


async def test_a_new_task_makes_room_for_what_was_decided_long_ago(people: People, tasks: Tasks, clock: Clock) -> None:
    await people.take(ROW, APPROVE, encoded(APPROVAL))
    task = await tasks.of_step(OPERATION, 1)
    assert task is not None
    await tasks.complete(task, Decision.APPROVED, SECOND, BEGAN)
    clock.pass_by(days=8)
    await people.take(ROW, step(2, "approve", "approve"), encoded(APPROVAL))
    assert await tasks.find(task.id) is None


async def test_an_escalation_is_a_task_that_nobody_waits_for(people: People, tasks: Tasks) -> None:
    payload = msgspec.structs.replace(APPROVAL, awaited=False, escalates=None)
    assert await people.take(ROW, step(2, "escalate", "call_back"), encoded(payload)) == Done(applied=True)
    task = await tasks.of_step(OPERATION, 2)
    assert task is not None
    assert not task.awaited


async def test_a_moment_is_waited_for(clock: Clock) -> None:
    moments, row = Moments(now=clock), step(0, "wait", "until")
    payload = encoded(Until(moment=BEGAN + DAY))
    assert await moments.take(ROW, row, payload) == Waiting(BEGAN + DAY)
    clock.pass_by(days=1)
    assert await moments.take(ROW, structs.replace(row, attempts=1), payload) == Done(applied=True)


async def test_seconds_count_from_when_the_step_is_taken_up(clock: Clock) -> None:
    moments, row = Moments(now=clock), step(0, "wait", "before_credit_invoice")
    clock.pass_by(hours=5)
    payload = encoded(Until(seconds=60))
    assert await moments.take(ROW, row, payload) == Waiting(BEGAN + timedelta(hours=5, seconds=60))
    assert await moments.take(ROW, structs.replace(row, attempts=1), payload) == Done(applied=True)


async def test_an_event_that_does_not_come_in_time_ends_the_wait(clock: Clock) -> None:
    waits, row = Events(now=clock), step(0, "event", "returned")
    payload = encoded(Expected(event="returned", longest=60))
    assert await waits.take(ROW, row, payload) == Waiting(BEGAN + timedelta(seconds=60))
    assert await waits.take(ROW, structs.replace(row, attempts=1), payload) == Done(
        applied=False, code="EVENT_DID_NOT_COME"
    )


async def test_whoever_listens_is_told_once_for_each_step(tell: Teller, transactions: Transactions) -> None:
    for _ in range(2):
        assert await Notices(tell).take(ROW, step(3, "notify", "told"), encoded(Told(topic="credited"))) == Done(
            applied=True
        )
    assert [event["type"] for event in await events(transactions)] == ["klantbeeld.operation.credited.v1"]


class Camunda:
    """An engine that answers as it is told, and keeps what it was sent."""

    def __init__(self) -> None:
        self.answers: list[httpx.Response | Exception] = []
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def camunda() -> Camunda:
    return Camunda()


@pytest_asyncio.fixture
async def engines(camunda: Camunda, tasks: Tasks, clock: Clock) -> AsyncIterator[Engines]:
    settings = WorkflowEngine(url="https://camunda.example/start", secret=Secret(env="X"), decides_within=3600)
    async with httpx.AsyncClient(transport=httpx.MockTransport(camunda)) as client:
        yield Engines(tasks, {"camunda": Engine(settings, SECRET)}, client, now=clock, new_id=new_id)


ENGAGED = encoded(Engaged(engine="camunda", process="credit-check"))
ENGAGE = step(1, "engage", "check")


async def test_an_engine_is_told_ids_alone_signed_with_a_correlation_id(
    engines: Engines, camunda: Camunda, tasks: Tasks
) -> None:
    camunda.answers = [httpx.Response(202)]
    assert await engines.take(ROW, ENGAGE, ENGAGED) == Waiting(wake_at=BEGAN + timedelta(hours=1))
    (request,) = camunda.asked
    task = await tasks.of_step(OPERATION, 1)
    assert task is not None
    assert json.loads(request.content) == {
        "correlationId": task.id,
        "process": "credit-check",
        "operationId": OPERATION,
        "mutation": "creditInvoice",
        "customerId": CUSTOMER,
        "channel": "PHONE",
        "decideBy": "2026-11-26T10:00:00Z",
    }
    moment = str(int(BEGAN.timestamp()))
    expected = hmac.digest(SECRET, moment.encode() + b"." + request.content, "sha256").hex()
    assert request.headers[SIGNATURE] == f"t={moment},v1={expected}"
    assert request.headers["idempotency-key"] == task.id


async def test_an_engine_that_took_a_step_is_not_asked_again(engines: Engines, camunda: Camunda) -> None:
    camunda.answers = [httpx.Response(202)]
    for _ in range(2):
        await engines.take(ROW, ENGAGE, ENGAGED)
    assert len(camunda.asked) == 1


@pytest.mark.parametrize(
    ("decision", "came"),
    [("APPROVED", Done(applied=True)), ("REFUSED", Done(applied=False, code=REFUSED))],
)
async def test_an_engine_may_decide_at_once(decision: str, came: Done, engines: Engines, camunda: Camunda) -> None:
    camunda.answers = [httpx.Response(200, json={"decision": decision})]
    assert await engines.take(ROW, ENGAGE, ENGAGED) == came


@pytest.mark.parametrize(
    "answer",
    [
        lambda: httpx.ConnectError("made up"),
        lambda: httpx.ReadTimeout("made up"),
        lambda: httpx.Response(503),
        lambda: httpx.Response(200, content=b"<html>"),
        lambda: httpx.Response(200, json={"decision": "PERHAPS"}),
    ],
)
async def test_an_engine_that_cannot_be_reached_is_asked_again_under_the_same_key(
    answer: Callable[[], httpx.Response | Exception], engines: Engines, camunda: Camunda, clock: Clock
) -> None:
    camunda.answers = [answer(), httpx.Response(202)]
    assert await engines.take(ROW, ENGAGE, ENGAGED) == Waiting(wake_at=BEGAN + timedelta(seconds=30))
    clock.pass_by(seconds=30)
    assert await engines.take(ROW, ENGAGE, ENGAGED) == Waiting(wake_at=BEGAN + timedelta(hours=1))
    assert len({request.headers["idempotency-key"] for request in camunda.asked}) == 1


async def test_an_engine_that_decides_too_late_has_not_decided(
    engines: Engines, camunda: Camunda, clock: Clock
) -> None:
    camunda.answers = [httpx.Response(202)]
    await engines.take(ROW, ENGAGE, ENGAGED)
    clock.pass_by(hours=1)
    assert await engines.take(ROW, ENGAGE, ENGAGED) == Done(applied=False, code=TOO_LATE)


async def test_what_an_engine_decided_through_the_graph_is_what_comes_of_the_step(
    engines: Engines, camunda: Camunda, tasks: Tasks
) -> None:
    camunda.answers = [httpx.Response(202)]
    await engines.take(ROW, ENGAGE, ENGAGED)
    task = await tasks.of_step(OPERATION, 1)
    assert task is not None
    assert task.scope == "tasks:engine"
    await tasks.complete(task, Decision.APPROVED, SECOND, BEGAN)
    assert await engines.take(ROW, ENGAGE, ENGAGED) == Done(applied=True)
