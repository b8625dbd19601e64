"""Part 7. Mutations go through to the owner: once, with version and key, and with an honest outcome."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, build_schema, get_named_type

from klantbeeld.sandbox.facts import System
from klantbeeld.sandbox.launcher import Sandbox

from .acting import act, done
from .running import Ask

MILA = "mila-hendriks"
INVOICES = "invoices { nodes { id number state due { amount } } }"
COMPLAINTS = "complaints { nodes { id number subject state channel version comments { nodes { body public } } } }"
TIMELINE = "interactions(first: 20) { nodes { kind channel direction subject note } }"
HOUSE = {"street": "Nieuwe Gracht", "houseNumber": "77", "postcode": "3512 LN", "city": "Utrecht"}


def read(ask: Ask, customer_id: str, selection: str, *, who: str = "agent") -> Any:
    """Read something of a customer in a request of its own."""
    document = f"query Read($id: ID!) {{ customer(id: $id) {{ {selection} }} }}"
    return ask(document, {"id": customer_id}, who=who).data["customer"]


def _moved(record_id: str, customer_id: str) -> str:
    """Give the id that the same record would have if it were another customer's."""
    shared, dot, own = record_id.partition(".")
    kind, _, source = urlsafe_b64decode(shared + "=" * (-len(shared) % 4)).decode().split("/")
    return urlsafe_b64encode(f"{kind}/{customer_id}/{source}".encode()).decode().rstrip("=") + dot + own


def writes(sandbox: Sandbox, system: System) -> list[str]:
    """List what a system was asked to change, and did."""
    return [
        f"{entry['method']} {entry['path']}"
        for entry in sandbox.log(system)
        if entry["method"] != "GET" and entry["executed"] and entry["status"] and entry["status"] < 300
        if "/oauth2/" not in entry["path"] and not re.search(r"accounts\.(get|search)", entry["path"])
    ]


@pytest.mark.feature("2.7", "Change contact details: in the CRM, seen at the next read")
def test_contact_details_change_in_the_crm(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    given = {"customerId": ids[MILA], "phone": "+31687654321", "address": HOUSE, "idempotencyKey": "move-1"}
    payload = done(act(ask, "changeContactDetails", given, who=MILA), "changeContactDetails")
    assert [step["source"] for step in payload["steps"]] == ["dataverse"]
    media = read(ask, ids[MILA], "contactMedia { kind value address { street houseNumber postcode city } }")
    assert "+31687654321" in [medium["value"] for medium in media["contactMedia"]]
    assert HOUSE in [medium["address"] for medium in media["contactMedia"]]
    assert len(writes(sandbox, "dataverse")) == 1


@pytest.mark.feature("2.7", "Change billing details: in the billing system, seen at the next read")
def test_billing_details_change_in_billing(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    given = {"customerId": ids[MILA], "email": "facturen.mila@example.nl", "idempotencyKey": "billing-1"}
    payload = done(act(ask, "changeBillingDetails", given), "changeBillingDetails")
    assert [step["source"] for step in payload["steps"]] == ["stripe"]
    accounts = read(ask, ids[MILA], "billingAccounts { email }")["billingAccounts"]
    assert accounts == [{"email": "facturen.mila@example.nl"}]
    assert len(writes(sandbox, "stripe")) == 1


@pytest.mark.feature("2.7", "Credit an invoice: once for each idempotency key")
def test_an_invoice_is_credited_once_for_each_key(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    invoices = read(ask, ids[MILA], INVOICES)["invoices"]["nodes"]
    overdue = next(invoice for invoice in invoices if invoice["state"] == "OVERDUE")
    given = {"invoiceId": overdue["id"], "reason": "Storing in het netwerk", "idempotencyKey": "credit-1"}
    first = done(act(ask, "creditInvoice", given), "creditInvoice")
    again = done(act(ask, "creditInvoice", given), "creditInvoice")
    assert first["steps"][0]["recordId"] == again["steps"][0]["recordId"]
    assert writes(sandbox, "stripe").count("POST /v1/credit_notes") == 1
    after = {invoice["number"]: invoice for invoice in read(ask, ids[MILA], INVOICES)["invoices"]["nodes"]}
    assert after[overdue["number"]]["due"] == {"amount": "0.00"}


@pytest.mark.feature("2.7", "A customer's own app cannot credit an invoice")
def test_an_app_cannot_credit_an_invoice(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    invoice = read(ask, ids[MILA], INVOICES)["invoices"]["nodes"][0]
    reply = act(ask, "creditInvoice", {"invoiceId": invoice["id"], "reason": "Voor mij"}, who=MILA)
    assert reply.errors == {"creditInvoice": ("SCOPE_MISSING", None)}
    assert writes(sandbox, "stripe") == []


@pytest.mark.feature("2.7", "A record of another customer under one's own id is not written to")
def test_a_record_of_another_customer_is_not_written_to(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    other = next(
        found
        for key in ids
        if key != MILA
        and (complaints := read(ask, ids[key], COMPLAINTS)["complaints"])
        and (found := next(iter(complaints["nodes"]), None))
    )
    forged = _moved(other["id"], ids[MILA])
    reply = act(ask, "solveComplaint", {"complaintId": forged, "resolution": "Van mij"}, who=MILA)
    assert reply.errors == {"solveComplaint": ("RECORD_UNKNOWN", None)}
    assert writes(sandbox, "zendesk") == []


@pytest.mark.feature("2.7", "File, comment on and solve a complaint: in the complaints system, seen at the next read")
def test_a_complaint_is_filed_commented_on_and_solved(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    filed = {
        "customerId": ids[MILA],
        "subject": "Deurbel doet het niet",
        "description": "Sinds gisteren geen geluid.",
        "idempotencyKey": "complaint-1",
    }
    payload = done(act(ask, "fileComplaint", filed, who=MILA), "fileComplaint")
    complaint = _complaint(ask, ids[MILA], payload["steps"][0]["recordId"])
    assert (complaint["subject"], complaint["channel"]) == ("Deurbel doet het niet", "APP")
    comment = {"complaintId": complaint["id"], "body": "Batterij vervangen?", "expectedVersion": complaint["version"]}
    done(act(ask, "commentOnComplaint", comment), "commentOnComplaint")
    complaint = _complaint(ask, ids[MILA], complaint["number"])
    assert {"body": "Batterij vervangen?", "public": True} in complaint["comments"]["nodes"]
    solved = {"complaintId": complaint["id"], "resolution": "Nieuwe batterij gestuurd."}
    done(act(ask, "solveComplaint", solved), "solveComplaint")
    assert _complaint(ask, ids[MILA], complaint["number"])["state"] == "SOLVED"
    assert len(writes(sandbox, "zendesk")) == 3


@pytest.mark.feature("2.7", "A complaint filed twice under one key is one complaint")
def test_a_complaint_filed_twice_under_one_key_is_one(ask: Ask, ids: dict[str, str]) -> None:
    given = {"customerId": ids[MILA], "subject": "Eén keer", "description": "Maar.", "idempotencyKey": "once"}
    first, again = (done(act(ask, "fileComplaint", given, who=MILA), "fileComplaint") for _ in range(2))
    assert first["steps"][0]["recordId"] == again["steps"][0]["recordId"]
    subjects = [one["subject"] for one in read(ask, ids[MILA], COMPLAINTS)["complaints"]["nodes"]]
    assert subjects.count("Eén keer") == 1


@pytest.mark.feature("2.7", "Give and withdraw consent: in the marketing system, seen at the next read")
def test_a_consent_is_given_and_withdrawn(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    key = "fatima-el-amrani"
    given = {"customerId": ids[key], "purpose": "marketing", "consentChannel": "EMAIL", "noticeVersion": "2026-01"}
    done(act(ask, "giveConsent", given, who=key), "giveConsent")
    assert _consent(ask, ids[key]) == "GIVEN"
    done(act(ask, "withdrawConsent", given, who=key), "withdrawConsent")
    assert _consent(ask, ids[key]) == "WITHDRAWN"
    assert len(writes(sandbox, "sap_customer_data_cloud")) == 2


@pytest.mark.feature("2.7", "Set a preference: in the marketing system, seen at the next read")
def test_a_preference_is_set(ask: Ask, ids: dict[str, str]) -> None:
    given = {"customerId": ids[MILA], "topic": "newsletter", "subscribed": False, "preferenceChannel": "EMAIL"}
    done(act(ask, "setPreference", given, who=MILA), "setPreference")
    preferences = read(ask, ids[MILA], "preferences { topic channel subscribed }")["preferences"]
    assert {"topic": "newsletter", "channel": "EMAIL", "subscribed": False} in preferences


@pytest.mark.feature("2.7", "A chat in the app is in the agent's timeline at the next read")
def test_a_chat_in_the_app_is_in_the_agents_timeline(ask: Ask, ids: dict[str, str]) -> None:
    complaint = read(ask, ids[MILA], COMPLAINTS)["complaints"]["nodes"][0]
    given = {
        "customerId": ids[MILA],
        "channel": "CHAT",
        "direction": "INBOUND",
        "subject": "Vraag over de tablet",
        "note": "Wanneer komt de nieuwe?",
        "aboutId": complaint["id"],
        "idempotencyKey": "chat-1",
    }
    for _ in range(2):  # the app repeats: it is one contact
        done(act(ask, "recordInteraction", given, who=MILA), "recordInteraction")
    entries = read(ask, ids[MILA], TIMELINE)["interactions"]["nodes"]
    assert [entry for entry in entries if entry["subject"] == "Vraag over de tablet"] == [
        {
            "kind": "CONTACT",
            "channel": "CHAT",
            "direction": "INBOUND",
            "subject": "Vraag over de tablet",
            "note": "Wanneer komt de nieuwe?",
        }
    ]


@pytest.mark.feature("2.7", "A report of wrong data goes to the owner")
def test_a_data_error_is_reported_to_the_owner(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    given = {"customerId": ids[MILA], "field": "party.birthDate", "description": "Ik ben van 22 december."}
    payload = done(act(ask, "reportDataError", given, who=MILA), "reportDataError")
    assert [step["source"] for step in payload["steps"]] == ["dataverse"]
    assert "22 december" in next(entry["body"] for entry in sandbox.log("dataverse") if entry["method"] == "PATCH")


@pytest.mark.feature("2.7", "Every mutation carries its channel")
def test_every_mutation_needs_its_channel(ask: Ask) -> None:
    schema = build_schema((Path(__file__).parents[2] / "schema.graphql").read_text(encoding="utf-8"))
    mutations = schema.mutation_type.fields if schema.mutation_type else {}
    assert len(mutations) >= 10
    for name, mutation in mutations.items():
        taken = get_named_type(mutation.args["input"].type)
        assert isinstance(taken, GraphQLInputObjectType), name
        assert str(taken.fields["channel"].type) == "Channel!", name


@pytest.mark.feature("2.7", "The owner's record shows the channel")
@pytest.mark.parametrize("channel", ["APP", "CHAT", "SHOP"])
def test_the_owners_record_shows_the_channel(channel: str, ask: Ask, ids: dict[str, str]) -> None:
    given = {"customerId": ids[MILA], "channel": channel, "subject": f"Via {channel}", "description": "Zo."}
    payload = done(act(ask, "fileComplaint", given), "fileComplaint")
    assert _complaint(ask, ids[MILA], payload["steps"][0]["recordId"])["channel"] == channel


@pytest.mark.feature("2.7", "An expected version passes through; a conflict comes back with the current values")
def test_a_conflict_in_the_crm_comes_back_with_the_current_values(
    ask: Ask, ids: dict[str, str], sandbox: Sandbox
) -> None:
    seen = read(ask, ids[MILA], "party { version }")["party"]["version"]
    given = {"customerId": ids[MILA], "expectedVersion": seen}
    done(act(ask, "changeContactDetails", {**given, "phone": "+31611111111"}), "changeContactDetails")
    reply = act(ask, "changeContactDetails", {**given, "phone": "+31622222222"}, who=MILA)
    payload = reply.data["changeContactDetails"]
    assert payload["status"] == "NOT_APPLIED"
    assert [(step["code"], step["status"]) for step in payload["steps"]] == [("CONFLICT", "NOT_APPLIED")]
    (conflict,) = payload["conflicts"]
    phones = [record["value"] for record in conflict["current"] if record.get("kind") == "PHONE"]
    assert "+31611111111" in phones
    version = read(ask, ids[MILA], "party { version }")["party"]["version"]
    assert version in {record["version"] for record in conflict["current"]}
    again = {**given, "expectedVersion": version, "phone": "+31622222222"}
    done(act(ask, "changeContactDetails", again, who=MILA), "changeContactDetails")
    assert len(writes(sandbox, "dataverse")) == 2


@pytest.mark.feature("2.7", "An expected version passes through; a conflict comes back with the current values")
def test_a_conflict_in_complaints_comes_back_with_the_current_values(ask: Ask, ids: dict[str, str]) -> None:
    complaint = read(ask, ids[MILA], COMPLAINTS)["complaints"]["nodes"][0]
    given = {"complaintId": complaint["id"], "expectedVersion": complaint["version"]}
    done(act(ask, "solveComplaint", {**given, "resolution": "Nieuwe tablet gestuurd."}), "solveComplaint")
    payload = act(ask, "commentOnComplaint", {**given, "body": "Nog iets"}).data["commentOnComplaint"]
    assert payload["status"] == "NOT_APPLIED"
    (conflict,) = payload["conflicts"]
    assert [(record["__typename"], record["state"]) for record in conflict["current"]] == [("Complaint", "SOLVED")]


@pytest.mark.feature("2.7", "A lost answer is UNKNOWN, never a guess")
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("mode", ["drop", "hang", "garbage"])
def test_a_lost_answer_is_unknown(mode: str, when: str, ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    sandbox.set_fault("zendesk", {"mode": mode, "when": when})
    given = {"customerId": ids[MILA], "subject": "Zoek", "description": "Waar is het?", "idempotencyKey": mode + when}
    payload = act(ask, "fileComplaint", given, who=MILA).data["fileComplaint"]
    assert payload["status"] == "UNKNOWN"
    (step,) = payload["steps"]
    assert (step["source"], step["status"], step["recordId"]) == ("zendesk", "UNKNOWN", None)
    assert step["code"].startswith("SOURCE_")
    assert step["message"]
    sandbox.clear_fault("zendesk")
    subjects = [one["subject"] for one in read(ask, ids[MILA], COMPLAINTS)["complaints"]["nodes"]]
    assert ("Zoek" in subjects) is (when == "after")
    # Repeated with the same key it is certain, and there once.
    done(act(ask, "fileComplaint", given, who=MILA), "fileComplaint")
    subjects = [one["subject"] for one in read(ask, ids[MILA], COMPLAINTS)["complaints"]["nodes"]]
    assert subjects.count("Zoek") == 1


@pytest.mark.feature("2.7", "A write that never left is NOT_APPLIED")
def test_a_write_that_never_left_is_not_applied(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    sandbox.stop("zendesk")
    given = {"customerId": ids[MILA], "subject": "Weg", "description": "Niets."}
    payload = act(ask, "fileComplaint", given, who=MILA).data["fileComplaint"]
    assert payload["status"] == "NOT_APPLIED"
    assert payload["steps"][0]["code"] == "SOURCE_UNAVAILABLE"


@pytest.mark.feature("2.7", "Input that is not valid is refused, its place named, and nothing is sent")
@pytest.mark.parametrize(
    ("name", "given", "place", "allowed"),
    [
        ("changeContactDetails", {"email": "geen adres"}, "input.email", r"^[^@\s]+@[^@\s]+\.[^@\s]+$"),
        ("changeContactDetails", {"phone": "0612345678"}, "input.phone", r"^\+[1-9][0-9]{6,14}$"),
        (
            "changeContactDetails",
            {"address": HOUSE | {"houseNumber": "elf"}},
            "input.address.houseNumber",
            "^[0-9]{1,6}$",
        ),
        ("changeContactDetails", {}, "input", "email phone address"),
        ("fileComplaint", {"subject": "", "description": "x"}, "input.subject", "length >= 1"),
        ("fileComplaint", {"subject": "x" * 201, "description": "x"}, "input.subject", "length <= 200"),
        (
            "recordInteraction",
            {"direction": "INBOUND", "subject": "x", "idempotencyKey": "met spatie"},
            "input.idempotencyKey",
            r"^[\x21-\x7e]+$",
        ),
    ],
)
def test_invalid_input_is_refused_and_nothing_is_sent(
    name: str, given: dict[str, Any], place: str, allowed: str, *, ask: Ask, ids: dict[str, str], sandbox: Sandbox
) -> None:
    reply = act(ask, name, {"customerId": ids[MILA], **given}, who=MILA)
    assert reply.errors == {name: ("BAD_USER_INPUT", None)}
    assert reply.body["errors"][0]["extensions"]["place"] == place
    assert " ".join(reply.body["errors"][0]["extensions"]["allowed"]) == allowed
    assert (writes(sandbox, "dataverse"), writes(sandbox, "zendesk")) == ([], [])


@pytest.mark.feature("2.7", "Nobody writes for a customer who is not theirs")
def test_an_app_cannot_write_for_another_customer(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    given = {"customerId": ids["tom-hendriks"], "subject": "Namens Tom", "description": "x"}
    reply = act(ask, "fileComplaint", given, who=MILA)
    assert reply.errors == {"fileComplaint": ("CUSTOMER_UNKNOWN", None)}
    assert sandbox.log("zendesk") == []


@pytest.mark.feature("2.7", "Nobody writes without the scope for it")
def test_a_partner_cannot_write(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    given = {"customerId": ids["sanne-de-wit"], "phone": "+31600000000"}
    reply = act(ask, "changeContactDetails", given, who="partner")
    assert reply.errors == {"changeContactDetails": ("SCOPE_MISSING", None)}
    assert sandbox.log("dataverse") == []


def _complaint(ask: Ask, customer_id: str, number: str) -> Any:
    found = read(ask, customer_id, COMPLAINTS)["complaints"]["nodes"]
    return next(complaint for complaint in found if complaint["number"] == number)


def _consent(ask: Ask, customer_id: str) -> str:
    consents = read(ask, customer_id, "consents { purpose channel status }")["consents"]
    (status,) = [one["status"] for one in consents if (one["purpose"], one["channel"]) == ("marketing", "EMAIL")]
    return str(status)
