"""Acts over several systems: steps that can be taken back, each once, with an honest word about every one."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from klantbeeld.sandbox.facts import System
from klantbeeld.sandbox.launcher import Sandbox

from .acting import act, done_everywhere
from .running import Ask, Deployment, Reply
from .test_part_7_mutations import read, writes

LOTTE, MILA, DAAN = "lotte-jansen", "mila-hendriks", "daan-van-dijk"
NEW = {"street": "Singel", "houseNumber": "250", "addition": "B", "postcode": "1016 AB", "city": "Amsterdam"}
MEDIA = "contactMedia { kind value address { street houseNumber addition postcode city } }"
SYSTEMS: tuple[System, ...] = ("dataverse", "stripe", "sap_customer_data_cloud")
PATIENCE_SECONDS, POLL_SECONDS = 15.0, 0.1


def addresses(ask: Ask, customer_id: str) -> list[Any]:
    media = read(ask, customer_id, MEDIA)["contactMedia"]
    return [medium["address"] for medium in media if medium["kind"] == "POSTAL_ADDRESS"]


def changes(sandbox: Sandbox, *systems: System) -> dict[str, int]:
    """Count what was changed in each system."""
    return {system: len(writes(sandbox, system)) for system in systems or SYSTEMS}


def steps(payload: Any) -> list[tuple[str, str, str | None]]:
    return [(step["source"], step["status"], step["code"]) for step in payload["steps"]]


@pytest.mark.feature("5 what", "Sagas: changeAddress over CRM, billing and marketing, one change in each")
def test_a_move_changes_each_system_once(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    given = {"customerId": ids[LOTTE], "address": NEW, "idempotencyKey": "saga-move-1"}
    payload = done_everywhere(act(ask, "changeAddress", given, who=LOTTE), "changeAddress")
    assert [step["source"] for step in payload["steps"]] == ["dataverse", "stripe", "sap_customer_data_cloud"]
    again = done_everywhere(act(ask, "changeAddress", given, who=LOTTE), "changeAddress")
    assert again["operationId"] == payload["operationId"]
    assert addresses(ask, ids[LOTTE]) == [NEW]
    assert changes(sandbox) == dict.fromkeys(SYSTEMS, 1)


@pytest.mark.feature("5 what", "Sagas: changeEmail over CRM, billing and marketing, and the new address identifies")
def test_a_new_email_address_is_everywhere_and_identifies(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    given = {"customerId": ids[DAAN], "email": "daan.nieuw@example.nl", "idempotencyKey": "saga-email-1"}
    done_everywhere(act(ask, "changeEmail", given, who=DAAN), "changeEmail")
    assert changes(sandbox) == dict.fromkeys(SYSTEMS, 1)
    who = "query Who($email: String!) { identify(by: { email: $email }) { outcome customer { id } } }"
    found = ask(who, {"email": "Daan.Nieuw@example.nl"}).data["identify"]
    assert found == {"outcome": "ONE", "customer": {"id": ids[DAAN]}}


@pytest.mark.feature("5 what", "Compensation: what was applied is taken back when a later step is refused")
def test_what_was_applied_is_taken_back(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    before = addresses(ask, ids[LOTTE])
    sandbox.set_fault("sap_customer_data_cloud", {"mode": "status", "status": 403, "when": "before"})
    given = {"customerId": ids[LOTTE], "address": NEW, "idempotencyKey": "saga-move-2"}
    payload = act(ask, "changeAddress", given, who=LOTTE).data["changeAddress"]
    assert payload["status"] == "COMPENSATED"
    assert steps(payload) == [
        ("dataverse", "COMPENSATED", None),
        ("stripe", "COMPENSATED", None),
        ("sap_customer_data_cloud", "NOT_APPLIED", "SOURCE_REFUSED"),
    ]
    sandbox.clear_fault("sap_customer_data_cloud")
    assert addresses(ask, ids[LOTTE]) == before
    assert changes(sandbox, "dataverse", "stripe") == {"dataverse": 2, "stripe": 2}
    again = act(ask, "changeAddress", given, who=LOTTE).data["changeAddress"]
    assert (again["status"], again["operationId"]) == ("COMPENSATED", payload["operationId"])


@pytest.mark.feature("5 what", "A saga whose owner cannot be found changes nothing and says why")
def test_a_stale_version_stops_before_anything_is_sent(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    version = read(ask, ids[LOTTE], "party { version }")["party"]["version"]
    first = {"customerId": ids[LOTTE], "phone": "+31612345699", "idempotencyKey": "saga-phone-1"}
    act(ask, "changeContactDetails", first)
    given = {"customerId": ids[LOTTE], "address": NEW, "expectedVersion": version, "idempotencyKey": "saga-move-3"}
    payload = act(ask, "changeAddress", given, who=LOTTE).data["changeAddress"]
    assert payload["status"] == "NOT_APPLIED"
    assert [status for _, status, _ in steps(payload)] == ["NOT_APPLIED"] * 3
    assert payload["steps"][0]["code"] == "CONFLICT"
    assert changes(sandbox) == {"dataverse": 1, "stripe": 0, "sap_customer_data_cloud": 0}


@pytest.mark.feature("5 what", "Sagas: withdrawConsent is never taken back, and UNKNOWN until all have confirmed")
def test_a_withdrawn_consent_is_unknown_until_confirmed(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    given = {"customerId": ids[DAAN], "purpose": "marketing", "idempotencyKey": "saga-consent-1"}
    sandbox.set_fault("sap_customer_data_cloud", {"mode": "hang", "when": "after"})
    payload = act(ask, "withdrawConsent", given, who=DAAN).data["withdrawConsent"]
    assert payload["status"] == "UNKNOWN"
    sandbox.clear_fault("sap_customer_data_cloud")
    again = wait_for(lambda: act(ask, "withdrawConsent", given, who=DAAN), "withdrawConsent", "APPLIED")
    assert again["operationId"] == payload["operationId"]
    statuses = {one["status"] for one in read(ask, ids[DAAN], "consents { purpose status }")["consents"]}
    assert statuses == {"WITHDRAWN"}


@pytest.mark.feature("5 what", "Sagas: closeComplaintWithCredit solves the complaint, then gives the credit")
def test_a_complaint_is_closed_with_a_credit(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    given = credit(ask, ids, "40.00") | {"idempotencyKey": "saga-credit-1"}
    payload = done_everywhere(act(ask, "closeComplaintWithCredit", given), "closeComplaintWithCredit")
    assert [step["source"] for step in payload["steps"]] == ["zendesk", "stripe"]
    after = read(ask, ids[MILA], "complaints { nodes { state } } invoices { nodes { number due { amount } } }")
    assert [one["state"] for one in after["complaints"]["nodes"]] == ["SOLVED"]
    assert {"amount": "339.00"} in [one["due"] for one in after["invoices"]["nodes"]]
    assert changes(sandbox, "zendesk", "stripe") == {"zendesk": 1, "stripe": 1}


@pytest.mark.feature("5 what", "The least reversible step is last: without the money the complaint is opened again")
def test_without_the_money_the_complaint_is_opened_again(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    given = credit(ask, ids, "40.00") | {"currency": "USD", "idempotencyKey": "saga-credit-2"}
    payload = act(ask, "closeComplaintWithCredit", given).data["closeComplaintWithCredit"]
    assert payload["status"] == "COMPENSATED"
    assert steps(payload) == [("zendesk", "COMPENSATED", None), ("stripe", "NOT_APPLIED", "SOURCE_REJECTED")]
    assert payload["steps"][1]["reason"] == "currency_mismatch"
    states = [one["state"] for one in read(ask, ids[MILA], "complaints { nodes { state } }")["complaints"]["nodes"]]
    assert states == ["OPEN"]
    assert changes(sandbox, "zendesk", "stripe") == {"zendesk": 2, "stripe": 0}


@pytest.mark.feature("5 bad input", "An act over systems that the caller may not write is refused, and nothing is sent")
def test_a_missing_right_refuses_the_whole(
    ask: Ask, deployment: Deployment, ids: dict[str, str], sandbox: Sandbox
) -> None:
    scopes = ("customer:read", "crm:read", "crm:write", "billing:write")
    token = deployment.issuer.token("agent-2", "agent-desktop", caller_class="agent", scopes=scopes)
    document = "mutation M($input: ChangeAddressInput!) { changeAddress(input: $input) { status } }"
    given = {"customerId": ids[LOTTE], "address": NEW, "channel": "PHONE"}
    reply = ask(document, {"input": given}, token=token)
    assert reply.errors == {"changeAddress": ("SCOPE_MISSING", None)}
    assert changes(sandbox) == dict.fromkeys(SYSTEMS, 0)


def wait_for(again: Callable[[], Reply], name: str, status: str) -> Any:
    """Repeat a mutation under its key until its operation stands somewhere; a repetition may find it in progress."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        reply = again()
        payload = (reply.body.get("data") or {}).get(name)
        if payload and payload["status"] == status:
            return payload
        assert time.monotonic() < deadline, reply.text
        time.sleep(POLL_SECONDS)


def credit(ask: Ask, ids: dict[str, str], amount: str) -> dict[str, Any]:
    """Give the input of settling Mila's complaint with a credit on the invoice of 379 euros."""
    found = read(ask, ids[MILA], "complaints { nodes { id } } invoices { nodes { id due { amount } } }")
    invoice = next(one for one in found["invoices"]["nodes"] if one["due"]["amount"] == "379.00")
    complaint = found["complaints"]["nodes"][0]
    return {"complaintId": complaint["id"], "invoiceId": invoice["id"], "amount": amount, "resolution": "Goedgemaakt."}
