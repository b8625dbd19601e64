"""Registering customers and learning more of them: nobody twice, nothing without consent."""

from typing import Any

import pytest

from klantbeeld.sandbox.launcher import Sandbox

from .acting import PAYLOAD, act, done
from .running import Ask, Deployment, Reply
from .test_part_7_mutations import MILA, read, writes

REGISTER = f"""
mutation Register($input: RegisterCustomerInput!) {{
  registerCustomer(input: $input) {{
    {PAYLOAD} registration candidates {{ maskedName asks }}
    customer {{ id party {{ fullName givenName infix familyName birthDate }} contactMedia {{ kind value }} }}
  }}
}}
"""
HOUSE = {"street": "Oudegracht", "houseNumber": "12", "postcode": "3511 AM", "city": "Utrecht"}
NOOR = {
    "givenName": "Noor",
    "tussenvoegsel": "van der",
    "familyName": "Linden",
    "birthDate": "1991-04-12",
    "email": "noor.linden@example.nl",
    "phone": "+31612340099",
    "address": HOUSE,
}


def register(ask: Ask, **given: Any) -> Any:
    return registered(ask, **given).data["registerCustomer"]


def registered(ask: Ask, **given: Any) -> Reply:
    return ask(REGISTER, {"input": {"channel": "SHOP", **given}})


def identify(ask: Ask, **by: Any) -> Any:
    who = "query Who($by: IdentifyInput!) { identify(by: $by) { outcome customer { id } } }"
    return ask(who, {"by": by}).data["identify"]


@pytest.mark.feature("5 what", "registerCustomer makes a customer in the owner and links it: once for each key")
def test_somebody_new_is_made_and_linked_once(ask: Ask, sandbox: Sandbox) -> None:
    made = register(ask, **NOOR, idempotencyKey="register-noor")
    assert (made["status"], made["registration"], made["candidates"]) == ("APPLIED", "CREATED", [])
    assert made["customer"]["party"] == {
        "fullName": "Noor van der Linden",
        "givenName": "Noor",
        "infix": "van der",
        "familyName": "Linden",
        "birthDate": "1991-04-12",
    }
    customer = {"outcome": "ONE", "customer": {"id": made["customer"]["id"]}}
    assert identify(ask, email="Noor.Linden@example.nl") == customer
    person = {"familyName": "van der Linden", "postcode": "3511AM", "birthDate": "1991-04-12"}
    assert identify(ask, person=person) == customer
    again = register(ask, **NOOR, idempotencyKey="register-noor")
    assert (again["registration"], again["customer"]["id"]) == ("CREATED", made["customer"]["id"])
    assert again["operationId"] == made["operationId"]
    assert len(writes(sandbox, "dataverse")) == 1


@pytest.mark.feature("5 what", "registerCustomer runs identify first: whoever is known is returned, and nobody made")
def test_whoever_is_known_is_returned(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    party = read(ask, ids[MILA], "party { familyName birthDate } contactMedia { kind value }")
    email = next(one["value"] for one in party["contactMedia"] if one["kind"] == "EMAIL")
    given = {"familyName": "HENDRIKS", "birthDate": party["party"]["birthDate"], "email": email.upper()}
    found = register(ask, **given, idempotencyKey="register-mila")
    assert (found["status"], found["registration"]) == ("NOT_APPLIED", "EXISTING")
    assert found["customer"]["id"] == ids[MILA]
    assert writes(sandbox, "dataverse") == []


@pytest.mark.feature(
    "5 what", "registerCustomer shows a possible match masked, and makes nobody until it was looked at"
)
def test_a_possible_match_is_masked(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    held = read(ask, ids["hendrik-smit"], "contactMedia { kind value }")["contactMedia"]
    phone = next(one["value"] for one in held if one["kind"] == "PHONE")
    given = {"givenName": "Lou", "familyName": "Jansen", "birthDate": "2001-09-09", "phone": phone}
    found = register(ask, **given, idempotencyKey="register-lou")
    assert (found["registration"], found["customer"]) == ("POSSIBLE", None)
    (candidate,) = found["candidates"]
    assert candidate == {"maskedName": "H. S.", "asks": ["birthDate", "postcode"]}
    assert writes(sandbox, "dataverse") == []
    made = register(ask, **given, isNew=True, idempotencyKey="register-lou-new")
    assert (made["status"], made["registration"]) == ("APPLIED", "CREATED")
    assert len(writes(sandbox, "dataverse")) == 1


@pytest.mark.feature("5 what", "registerCustomer makes nobody while the owner cannot be asked who is known")
def test_nobody_is_made_while_the_owner_cannot_be_asked(ask: Ask, sandbox: Sandbox) -> None:
    sandbox.set_fault("dataverse", {"mode": "status", "status": 503, "when": "before"})
    given = {"familyName": "Onbekend", "email": "onbekend@example.nl", "idempotencyKey": "register-onbekend"}
    payload = register(ask, **given)
    assert (payload["status"], payload["registration"]) == ("NOT_APPLIED", "NOT_CREATED")
    sandbox.clear_fault("dataverse")
    made = register(ask, **given)
    assert (made["registration"], made["operationId"]) == ("CREATED", payload["operationId"])


@pytest.mark.feature("5 bad input", "registerCustomer needs something to find the customer by, and the right to do it")
def test_registering_needs_something_to_find_the_customer_by(
    ask: Ask, deployment: Deployment, sandbox: Sandbox
) -> None:
    assert registered(ask, familyName="Niemand").errors == {"registerCustomer": ("BAD_USER_INPUT", None)}
    token = deployment.issuer.token("agent-3", "agent-desktop", caller_class="agent", scopes=("crm:read", "crm:write"))
    reply = ask(REGISTER, {"input": {"channel": "SHOP", "familyName": "X", "email": "x@example.nl"}}, token=token)
    assert reply.errors == {"registerCustomer": ("SCOPE_MISSING", None)}
    assert writes(sandbox, "dataverse") == []


ATTRIBUTE = {"learnedFrom": "service call", "consent": "marketing"}


@pytest.mark.feature("5 what", "enrichProfile adds one attribute to its owner, with source and consent")
def test_an_attribute_is_added_with_source_and_consent(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    given = {"customerId": ids[MILA], "name": "callTime", "value": "evening", "idempotencyKey": "enrich-1", **ATTRIBUTE}
    payload = done(act(ask, "enrichProfile", given), "enrichProfile")
    assert [step["source"] for step in payload["steps"]] == ["sap_customer_data_cloud"]
    attributes = read(ask, ids[MILA], "attributes { name value category }")["attributes"]
    assert {"name": "callTime", "value": "evening", "category": "REGISTRATION"} in attributes
    (sent,) = [entry for entry in sandbox.log("sap_customer_data_cloud") if "setAccountInfo" in entry["path"]]
    assert all(word in sent["body"] for word in ("service+call", "marketing"))


@pytest.mark.feature("5 what", "enrichProfile sends each attribute to the system that owns it")
def test_each_attribute_goes_to_its_owner(ask: Ask, ids: dict[str, str]) -> None:
    given = {"customerId": ids[MILA], "name": "language", "value": "fy", "idempotencyKey": "enrich-2", **ATTRIBUTE}
    payload = done(act(ask, "enrichProfile", given), "enrichProfile")
    assert [step["source"] for step in payload["steps"]] == ["dataverse"]
    assert read(ask, ids[MILA], "party { language }")["party"]["language"] == "fy"


@pytest.mark.feature("5 bad input", "enrichProfile keeps nothing without a consent that is given")
def test_nothing_is_kept_without_consent(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    given = {"customerId": ids["tom-hendriks"], "name": "callTime", "value": "evening", **ATTRIBUTE}
    reply = act(ask, "enrichProfile", given)
    assert reply.errors == {"enrichProfile": ("CONSENT_MISSING", None)}
    unknown = given | {"customerId": ids[MILA], "consent": "profiling"}
    assert act(ask, "enrichProfile", unknown).errors == {"enrichProfile": ("CONSENT_MISSING", None)}
    assert writes(sandbox, "sap_customer_data_cloud") == []


@pytest.mark.feature(
    "5 bad input", "An attribute that its owner's rules refuse changes nothing, with the owner's reason"
)
def test_an_attribute_that_the_owner_refuses(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    given = {"customerId": ids[MILA], "name": "birthDate", "value": "31 april", **ATTRIBUTE}
    payload = act(ask, "enrichProfile", given).data["enrichProfile"]
    (step,) = payload["steps"]
    assert (payload["status"], step["code"], step["reason"]) == (
        "NOT_APPLIED",
        "SOURCE_REJECTED",
        "attribute_value_invalid",
    )
    assert writes(sandbox, "dataverse") == []
