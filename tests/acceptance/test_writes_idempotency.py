"""Issue 5, idempotency: the same key and input is the same answer, whatever happened to the first one."""

import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from klantbeeld.sandbox.launcher import Sandbox

from .acting import PAYLOAD, act, done
from .running import Ask, Deployment, Gateway, Reply, free_port, running

MILA = "mila-hendriks"
FILE = f"mutation File($input: FileComplaintInput!) {{ fileComplaint(input: $input) {{ {PAYLOAD} expiresAt }} }}"


def complaint(customer_id: str, **more: Any) -> dict[str, Any]:
    return {"customerId": customer_id, "subject": "Bel kapot", "description": "Geen geluid.", **more}


def sent(ask: Ask, given: Mapping[str, Any], headers: Mapping[str, str] | None = None, **more: Any) -> Any:
    return ask(FILE, {"input": {"channel": "APP", **given}}, who=MILA, headers=headers, **more)


def told(reply: Reply) -> Any:
    """Give an answer without the token for later reads, which is a new one each time."""
    return {name: value for name, value in reply.data["fileComplaint"].items() if name != "consistencyToken"}


def tickets(sandbox: Sandbox) -> int:
    return sum(entry["method"] == "POST" and entry["path"].endswith("/tickets") for entry in sandbox.log("zendesk"))


@pytest.mark.feature("5 what", "Idempotency: the same key and input gives the same answer, and is sent once")
def test_the_same_key_and_input_is_answered_alike(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    given = complaint(ids[MILA], idempotencyKey=str(uuid.uuid4()))
    first, again = told(sent(ask, given)), told(sent(ask, given))
    assert first == again
    assert first["status"] == "APPLIED"
    assert tickets(sandbox) == 1


@pytest.mark.feature("5 what", "Idempotency: another input under the same key is refused with 422")
def test_another_input_under_the_same_key_is_refused(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    key = str(uuid.uuid4())
    sent(ask, complaint(ids[MILA], idempotencyKey=key))
    reply = sent(ask, complaint(ids[MILA], idempotencyKey=key, subject="Iets anders"))
    assert (reply.status, reply.codes) == (422, ["IDEMPOTENCY_KEY_REUSED"])
    assert tickets(sandbox) == 1


@pytest.mark.feature("5 what", "Idempotency: an operation in progress is 409 with Retry-After")
def test_an_operation_in_progress_is_a_conflict(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    sandbox.set_fault("zendesk", {"mode": "latency", "ms": 1000, "times": 1})
    given = complaint(ids[MILA], idempotencyKey=str(uuid.uuid4()))
    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda _: sent(ask, given), range(2)))
    assert sorted(reply.status for reply in replies) == [200, 409]
    refused = next(reply for reply in replies if reply.status == 409)
    assert refused.codes == ["OPERATION_IN_PROGRESS"]
    assert int(refused.headers["retry-after"]) >= 1
    assert tickets(sandbox) == 1


@pytest.mark.feature("5 what", "Idempotency: a key is required from apps, and offered to agents' desktops")
def test_a_key_is_required_from_apps_and_offered_to_agents(ask: Ask, ids: dict[str, str]) -> None:
    reply = sent(ask, complaint(ids[MILA]))
    assert (reply.status, reply.codes) == (400, ["IDEMPOTENCY_KEY_MISSING"])
    done(act(ask, "fileComplaint", complaint(ids[MILA])), "fileComplaint")


@pytest.mark.feature("5 what", "Idempotency: another caller's key is not seen")
def test_another_callers_key_is_not_seen(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    key = str(uuid.uuid4())
    first = sent(ask, complaint(ids[MILA], idempotencyKey=key)).data["fileComplaint"]
    other = act(ask, "fileComplaint", complaint(ids[MILA], idempotencyKey=key, subject="Van de balie"))
    assert done(other, "fileComplaint")["operationId"] != first["operationId"]
    assert tickets(sandbox) == 2


@pytest.mark.feature("5 what", "Idempotency: the key may come in the header Idempotency-Key, and differs from no other")
def test_the_key_may_come_in_the_header(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    key = str(uuid.uuid4())
    header = {"Idempotency-Key": f'"{key}"'}
    first = sent(ask, complaint(ids[MILA]), header).data["fileComplaint"]
    again = sent(ask, complaint(ids[MILA], idempotencyKey=key)).data["fileComplaint"]
    assert first["operationId"] == again["operationId"]
    differs = sent(ask, complaint(ids[MILA], idempotencyKey="another"), header)
    assert (differs.status, differs.codes) == (400, ["IDEMPOTENCY_KEYS_DIFFER"])
    assert tickets(sandbox) == 1


@pytest.mark.feature("5 what", "Idempotency: kept for seven days, and the answer says until when")
def test_the_answer_says_until_when_it_is_kept(ask: Ask, ids: dict[str, str]) -> None:
    payload = sent(ask, complaint(ids[MILA], idempotencyKey=str(uuid.uuid4()))).data["fileComplaint"]
    kept = datetime.fromisoformat(payload["expiresAt"]) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < kept <= timedelta(days=7)


@pytest.mark.feature("5 what", "Idempotency: on a repetition the changed customer is read live")
def test_on_a_repetition_the_customer_is_read_live(ask: Ask, ids: dict[str, str]) -> None:
    phones = "contactMedia { kind value }"
    given = {"customerId": ids[MILA], "phone": "+31611112222", "idempotencyKey": str(uuid.uuid4())}
    act(ask, "changeContactDetails", given, who=MILA)
    later = {**given, "phone": "+31633334444", "idempotencyKey": str(uuid.uuid4())}
    act(ask, "changeContactDetails", later, who=MILA)
    again = done(act(ask, "changeContactDetails", given, who=MILA, read=phones), "changeContactDetails")
    values = {medium["value"] for medium in again["customer"]["contactMedia"]}
    assert "+31633334444" in values
    assert "+31611112222" not in values


@pytest.mark.feature("5 what", "Idempotency: a passing failure is not frozen, the repetition goes on")
def test_a_passing_failure_is_not_frozen(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    given = complaint(ids[MILA], idempotencyKey=str(uuid.uuid4()))
    sandbox.set_fault("zendesk", {"mode": "status", "status": 429})
    refused = sent(ask, given).data["fileComplaint"]
    assert (refused["status"], refused["steps"][0]["code"]) == ("NOT_APPLIED", "SOURCE_REFUSED")
    sandbox.clear_fault("zendesk")
    again = done(sent(ask, given), "fileComplaint")
    assert again["operationId"] == refused["operationId"]


@pytest.mark.feature("5 figures", "Racing pairs on two replicas: one effect, one answer, another input 422")
@pytest.mark.parametrize("pairs", [40, pytest.param(1_000, marks=pytest.mark.slow)])
def test_racing_pairs_on_two_replicas(
    pairs: int, ask: Ask, deployment: Deployment, ids: dict[str, str], *, sandbox: Sandbox, http: httpx.Client
) -> None:
    with running(Gateway(deployment.file, free_port(), name="racing")) as second:
        there = Ask(second.address, deployment.issuer, deployment.settings, http)
        tokens = {one: one.token(MILA) for one in (ask, there)}
        with ThreadPoolExecutor(2) as pool:
            for number in range(pairs):
                given = complaint(ids[MILA], subject=f"Race {number}", idempotencyKey=f"race-{uuid.uuid4()}")
                pair = list(pool.map(lambda one, given=given: sent(one, given, token=tokens[one]), (ask, there)))
                answers = [told(reply) for reply in pair if reply.status == 200]
                assert {reply.status for reply in pair} <= {200, 409}
                assert answers
                assert all(answer == answers[0] for answer in answers)
                other = sent(there, {**given, "subject": "anders"}, token=tokens[there])
                assert other.status == 422
    assert tickets(sandbox) == pairs
