"""Story 6. From app to phone.

A chat complaint about yesterday's delivery, then a call from a shared household phone: two masked candidates, one
verified by a question. The agent sees chat, delivery and overdue invoice, solves it with a credit, and the open app
gets `customerChanged` and shows it.
"""

from typing import Any

import pytest

from klantbeeld.cli.views import view

from .acting import act, done, done_everywhere
from .live import Socket, socket_of
from .running import Ask

KEY = "mila-hendriks"
CHAT = "Barst in het scherm van de tablet die gisteren kwam"
WHO = """
query Who($answer: VerificationInput) {
  identify(by: { phone: "020 555 0101", verification: $answer }) {
    outcome customer { id } candidates { maskedName asks }
  }
}
"""
SCREEN = """
query Screen($id: ID!) {
  customer(id: $id) {
    interactions(first: 30) { nodes { kind channel subject } }
    orders(first: 5) { nodes { deliveries { status deliveredAt } } }
    invoices(state: OVERDUE) { nodes { id number daysOverdue due { amount } } }
    complaints(open: true) { nodes { id subject channel version about { name } } }
  }
}
"""


OPEN = """
subscription Open($id: ID!) {
  customerChanged(id: $id) {
    changes { source channel }
    customer { invoices(first: 20) { nodes { state } } complaints(open: true) { nodes { subject } } }
  }
}
"""


def told(app: Socket) -> Any:
    """Wait for what the open app is told."""
    heard = app.hear()["payload"]
    assert "errors" not in heard
    return heard["data"]["customerChanged"]


@pytest.mark.feature(
    "story 6", "From app to phone: a chat, a shared phone, one question, a credit, and the app shows it"
)
def test_a_chat_a_call_and_a_credit(ask: Ask, ids: dict[str, str]) -> None:
    filed = {"customerId": ids[KEY], "channel": "CHAT", "subject": CHAT, "description": CHAT, "idempotencyKey": "barst"}
    done(act(ask, "fileComplaint", filed, who=KEY), "fileComplaint")

    asked = ask(WHO).data["identify"]
    assert (asked["outcome"], asked["customer"]) == ("CANDIDATES", None)
    assert {candidate["maskedName"] for candidate in asked["candidates"]} == {"M. H.", "T. H."}
    assert all("birthDate" in candidate["asks"] for candidate in asked["candidates"])
    verified = ask(WHO, {"answer": {"birthDate": "1990-12-21"}}).data["identify"]
    assert (verified["outcome"], verified["customer"]["id"]) == ("ONE", ids[KEY])

    screen = ask(SCREEN, {"id": ids[KEY]}).data["customer"]
    assert ("COMPLAINT", "CHAT", CHAT) in {
        (entry["kind"], entry["channel"], entry["subject"]) for entry in screen["interactions"]["nodes"]
    }
    assert screen["orders"]["nodes"][0]["deliveries"][0]["status"] == "DELIVERED"
    (overdue,) = screen["invoices"]["nodes"]
    assert overdue["daysOverdue"] > 0
    complaint = next(one for one in screen["complaints"]["nodes"] if one["subject"] == CHAT)

    with socket_of(ask, who=KEY) as app:
        app.subscribe("open", OPEN, {"id": ids[KEY]})
        app.say(type="ping")
        assert app.hear() == {"type": "pong"}
        solving = {
            "complaintId": complaint["id"],
            "expectedVersion": complaint["version"],
            "invoiceId": overdue["id"],
            "amount": overdue["due"]["amount"],
            "resolution": "Tegoed.",
            "idempotencyKey": "barst-credit",
        }
        done_everywhere(act(ask, "closeComplaintWithCredit", solving), "closeComplaintWithCredit")
        changed: list[Any] = []
        while {one["source"] for one in changed} != {"zendesk", "stripe"}:  # told together, or one after another
            heard = told(app)
            changed += heard["changes"]
        assert {one["channel"] for one in changed} == {"PHONE"}
        assert "OVERDUE" not in {one["state"] for one in heard["customer"]["invoices"]["nodes"]}
        assert CHAT not in [one["subject"] for one in heard["customer"]["complaints"]["nodes"]]

    shown = ask(view("self-service"), who=KEY).data["me"]
    assert {one["state"] for one in shown["complaints"]["nodes"] if one["subject"] == CHAT} == {"SOLVED"}
    assert "OVERDUE" not in {invoice["state"] for invoice in shown["invoices"]["nodes"]}


@pytest.mark.feature("story 6", "From app to phone: a wrong answer verifies nobody")
def test_a_wrong_answer_verifies_nobody(ask: Ask) -> None:
    found = ask(WHO, {"answer": {"birthDate": "1970-01-01"}}).data["identify"]
    assert (found["outcome"], found["customer"]) == ("NONE", None)
