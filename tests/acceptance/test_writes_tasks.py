"""What people decide: a large credit waits for a second person, and is taken back when that person refuses."""

from typing import Any

import pytest

from klantbeeld.sandbox.launcher import Sandbox

from .acting import act
from .running import Ask, Deployment, Reply
from .test_part_7_mutations import read, writes
from .test_writes_sagas import MILA, credit, steps

CLOSE = "closeComplaintWithCredit"
TASKS = """
query Tasks($states: [TaskState!]) {
  tasks(states: $states, first: 50) {
    nodes { id title state operationId customer { id } dueAt escalatedAt isClaimedByMe isStartedByMe decision }
    pageInfo { hasNextPage }
  }
}
"""
CLAIM = "mutation C($input: ClaimTaskInput!) { claimTask(input: $input) { task { state isClaimedByMe } } }"
COMPLETE = """
mutation C($input: CompleteTaskInput!) { completeTask(input: $input) { status task { state decision } } }
"""
SUPERVISOR = ("customer:read", "crm:read", "tasks:read", "tasks:decide", "tasks:work", "tasks:escalated")


class Person:
    """Somebody of the staff, with scopes of their own."""

    def __init__(self, ask: Ask, deployment: Deployment, name: str, scopes: tuple[str, ...] = SUPERVISOR) -> None:
        self.ask = ask
        self.token = deployment.issuer.token(name, "agent-desktop", caller_class="agent", scopes=scopes)

    def tasks(self, *states: str, language: str = "nl") -> list[Any]:
        variables = {"states": list(states)} if states else {}
        reply = self.ask(TASKS, variables, token=self.token, headers={"Accept-Language": language})
        return list(reply.data["tasks"]["nodes"])

    def task_of(self, operation_id: str) -> Any:
        return next(task for task in self.tasks() if task["operationId"] == operation_id)

    def claim(self, task: Any) -> Reply:
        return self.ask(CLAIM, {"input": {"taskId": task["id"], "channel": "WEB"}}, token=self.token)

    def complete(self, task: Any, decision: str) -> Reply:
        given = {"taskId": task["id"], "decision": decision, "channel": "WEB"}
        return self.ask(COMPLETE, {"input": given}, token=self.token)


@pytest.fixture
def second(ask: Ask, deployment: Deployment) -> Person:
    """Give somebody else than the agent who begins."""
    return Person(ask, deployment, "supervisor-1")


def states(ask: Ask, ids: dict[str, str]) -> list[str]:
    return [one["state"] for one in read(ask, ids[MILA], "complaints { nodes { state } }")["complaints"]["nodes"]]


def begun(ask: Ask, ids: dict[str, str], key: str, amount: str = "300.00") -> Any:
    """Begin to settle a complaint with a credit."""
    payload = act(ask, CLOSE, credit(ask, ids, amount) | {"idempotencyKey": key}).data[CLOSE]
    assert payload["status"] == "PENDING_APPROVAL", payload
    return payload


@pytest.mark.feature("5 what", "A credit over 250 euros waits for a second person, with the complaint on hold")
def test_a_large_credit_waits_for_a_second_person(
    ask: Ask, ids: dict[str, str], sandbox: Sandbox, second: Person
) -> None:
    payload = begun(ask, ids, "task-credit-1")
    assert steps(payload)[0] == ("zendesk", "APPLIED", None)
    assert len(writes(sandbox, "zendesk")) == 1
    assert writes(sandbox, "stripe") == []
    task = second.task_of(payload["operationId"])
    assert (task["title"], task["state"]) == ("Tegoed op een factuur goedkeuren", "OPEN")
    assert (task["customer"], task["isStartedByMe"], task["decision"]) == ({"id": ids[MILA]}, False, None)
    english = next(one for one in second.tasks(language="en") if one["id"] == task["id"])
    assert english["title"] == "Approve a credit on an invoice"


@pytest.mark.feature("5 what", "Human tasks: tasks, claimTask, completeTask; approved, the saga goes on")
def test_an_approved_credit_is_given(ask: Ask, ids: dict[str, str], sandbox: Sandbox, second: Person) -> None:
    payload = begun(ask, ids, "task-credit-2")
    task = second.task_of(payload["operationId"])
    assert second.claim(task).data["claimTask"]["task"] == {"state": "CLAIMED", "isClaimedByMe": True}
    done = second.complete(task, "APPROVED").data["completeTask"]
    assert done == {"status": "APPLIED", "task": {"state": "DONE", "decision": "APPROVED"}}
    assert states(ask, ids) == ["SOLVED"]
    assert len(writes(sandbox, "stripe")) == 1
    again = act(ask, CLOSE, credit_again(ask, ids) | {"idempotencyKey": "task-credit-2"}).data[CLOSE]
    assert (again["status"], again["operationId"]) == ("APPLIED", payload["operationId"])
    assert second.complete(task, "APPROVED").data["completeTask"]["status"] == "APPLIED"
    assert len(writes(sandbox, "stripe")) == 1


@pytest.mark.feature("5 what", "A refused credit is compensated: the complaint is open again, and no money went")
def test_a_refused_credit_is_compensated(ask: Ask, ids: dict[str, str], sandbox: Sandbox, second: Person) -> None:
    payload = begun(ask, ids, "task-credit-3")
    done = second.complete(second.task_of(payload["operationId"]), "REFUSED").data["completeTask"]
    assert done == {"status": "COMPENSATED", "task": {"state": "DONE", "decision": "REFUSED"}}
    assert states(ask, ids) == ["OPEN"]
    assert len(writes(sandbox, "zendesk")) == 2
    assert writes(sandbox, "stripe") == []


@pytest.mark.feature("5 what", "Four eyes: whoever began an operation does not decide it")
def test_whoever_began_does_not_decide(ask: Ask, ids: dict[str, str], deployment: Deployment, second: Person) -> None:
    payload = begun(ask, ids, "task-credit-4")
    first = Person(ask, deployment, "agent-1")
    task = first.task_of(payload["operationId"])
    assert task["isStartedByMe"]
    assert first.complete(task, "APPROVED").errors == {"completeTask": ("FOUR_EYES", None)}
    assert second.complete(task, "REFUSED").data["completeTask"]["status"] == "COMPENSATED"


@pytest.mark.feature("5 what", "A task that one claimed is not another's to decide, nor one without its scope")
def test_a_claimed_task_is_not_anothers(ask: Ask, ids: dict[str, str], deployment: Deployment, second: Person) -> None:
    payload = begun(ask, ids, "task-credit-5")
    task = second.task_of(payload["operationId"])
    second.claim(task)
    third = Person(ask, deployment, "supervisor-2")
    assert third.claim(task).errors == {"claimTask": ("TASK_TAKEN", None)}
    assert third.complete(task, "APPROVED").errors == {"completeTask": ("TASK_TAKEN", None)}
    junior = Person(ask, deployment, "junior", ("customer:read", "tasks:read", "tasks:decide"))
    assert junior.tasks() == []
    assert junior.complete(task, "APPROVED").errors == {"completeTask": ("TASK_UNKNOWN", None)}
    second.complete(task, "REFUSED")


@pytest.mark.feature("5 bad input", "A task that is not there, and a decision that was made otherwise")
def test_a_decision_that_was_made_otherwise_is_refused(ask: Ask, ids: dict[str, str], second: Person) -> None:
    task = second.task_of(begun(ask, ids, "task-credit-6")["operationId"])
    second.complete(task, "REFUSED")
    assert second.complete(task, "APPROVED").errors == {"completeTask": ("TASK_DONE", None)}
    unknown = {"id": "019ab000-0000-7000-8000-00000000ffff"}
    assert second.complete(unknown, "APPROVED").errors == {"completeTask": ("TASK_UNKNOWN", None)}


def credit_again(ask: Ask, ids: dict[str, str]) -> dict[str, Any]:
    """Give the same input as before the credit changed what is due."""
    found = read(ask, ids[MILA], "complaints { nodes { id } } invoices { nodes { id due { amount } } }")
    invoice = next(one for one in found["invoices"]["nodes"] if one["due"]["amount"] == "79.00")
    complaint = found["complaints"]["nodes"][0]
    return {
        "complaintId": complaint["id"],
        "invoiceId": invoice["id"],
        "amount": "300.00",
        "resolution": "Goedgemaakt.",
    }
