"""Issue 5, bad input: a clear code, nothing sent or nothing changed, and the status says NOT_APPLIED."""

import asyncio
import uuid
from typing import Any

import pytest

from klantbeeld.identity.ids import CustomerIds
from klantbeeld.sandbox.facts import SYSTEMS
from klantbeeld.sandbox.launcher import Sandbox

from .acting import act
from .running import Ask, Deployment, Reply

MILA = "mila-hendriks"


def changes(sandbox: Sandbox) -> list[str]:
    """List everything that any system was asked to change."""
    return [
        f"{name} {entry['method']} {entry['path']}"
        for name in SYSTEMS
        for entry in sandbox.log(name)
        if entry["method"] in {"PATCH", "PUT"} or entry["path"].endswith(("/tickets", "setAccountInfo"))
        if entry["method"] != "GET"
    ]


def extensions(reply: Reply) -> dict[str, Any]:
    found: dict[str, Any] = reply.body["errors"][0]["extensions"]
    return found


@pytest.mark.feature("5 bad input", "A missing key where one is required: 400 with a code")
def test_a_missing_key_is_refused(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    given = {"customerId": ids[MILA], "phone": "+31612345678", "idempotencyKey": None}
    reply = act(ask, "changeContactDetails", given, who=MILA)
    assert reply.status == 400
    assert (extensions(reply)["code"], extensions(reply)["status"]) == ("IDEMPOTENCY_KEY_MISSING", "NOT_APPLIED")
    assert changes(sandbox) == []


@pytest.mark.feature("5 bad input", "An over-long key and a key with control characters are refused, in the input")
@pytest.mark.parametrize("key", ["k" * 256, "a\nb", "a\x00b", "sleutel\u00e9", ""])
def test_a_key_that_is_none_is_refused(key: str, ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    given = {"customerId": ids[MILA], "phone": "+31612345678", "idempotencyKey": key}
    reply = act(ask, "changeContactDetails", given, who=MILA)
    told = extensions(reply)
    assert (told["code"], told["place"], told["status"]) == ("BAD_USER_INPUT", "input.idempotencyKey", "NOT_APPLIED")
    assert changes(sandbox) == []


@pytest.mark.feature("5 bad input", "An over-long key and a key with control characters are refused, in the header")
@pytest.mark.parametrize("key", ["k" * 256, '"open', '"with space"', "a b", '""'])
def test_a_header_that_is_no_key_is_refused(key: str, ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    document = "mutation X($i: FileComplaintInput!) { fileComplaint(input: $i) { status } }"
    given = {"customerId": ids[MILA], "subject": "x", "description": "y", "channel": "APP"}
    reply = ask(document, {"i": given}, who=MILA, headers={"Idempotency-Key": key})
    assert (reply.status, reply.codes) == (400, ["IDEMPOTENCY_KEY_INVALID"])
    assert changes(sandbox) == []


@pytest.mark.feature("5 bad input", "An expected version that is not ours, or of another system, is refused")
def test_an_expected_version_that_is_not_ours_is_refused(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    read = "query R($id: ID!) { customer(id: $id) { complaints { nodes { version } } } }"
    foreign = ask(read, {"id": ids[MILA]}).data["customer"]["complaints"]["nodes"][0]["version"]
    for version in ('W/"123"', "made-up", foreign):
        given = {"customerId": ids[MILA], "phone": "+31612345678", "expectedVersion": version}
        reply = act(ask, "changeContactDetails", given, who=MILA)
        assert reply.errors == {"changeContactDetails": ("VERSION_INVALID", None)}, version
        assert extensions(reply)["status"] == "NOT_APPLIED"
    assert changes(sandbox) == []


@pytest.mark.feature("5 bad input", "An expected version where the owner has none is refused, and nothing sent")
def test_an_expected_version_where_there_is_none_is_refused(ask: Ask, ids: dict[str, str]) -> None:
    given = {"customerId": ids[MILA], "email": "x@example.nl", "expectedVersion": "abc"}
    reply = act(ask, "changeBillingDetails", given)
    assert reply.errors == {"changeBillingDetails": ("VERSION_NOT_SUPPORTED", "stripe")}


@pytest.mark.feature("5 bad input", "A write to an unknown customer is refused")
def test_a_write_to_an_unknown_customer_is_refused(ask: Ask, sandbox: Sandbox) -> None:
    given = {"customerId": CustomerIds().new(), "phone": "+31612345678"}
    reply = act(ask, "changeContactDetails", given)
    assert reply.errors == {"changeContactDetails": ("CUSTOMER_UNKNOWN", None)}
    assert extensions(reply)["status"] == "NOT_APPLIED"
    assert changes(sandbox) == []


@pytest.mark.feature("5 bad input", "A write to a merged customer is refused, and says that there is another id")
def test_a_write_to_a_merged_customer_is_refused(
    ask: Ask, ids: dict[str, str], deployment: Deployment, sandbox: Sandbox
) -> None:
    former = asyncio.run(_merge_into(deployment, ids[MILA]))
    reply = act(ask, "changeContactDetails", {"customerId": former, "phone": "+31612345678"})
    assert reply.errors == {"changeContactDetails": ("CUSTOMER_MERGED", None)}
    assert extensions(reply)["status"] == "NOT_APPLIED"
    assert changes(sandbox) == []


@pytest.mark.feature("5 bad input", "A field that the caller may not write is refused, and nothing is sent")
def test_a_field_that_the_caller_may_not_write_is_refused(ask: Ask, ids: dict[str, str], sandbox: Sandbox) -> None:
    given = {"customerId": ids["sanne-de-wit"], "phone": "+31600000000"}
    reply = act(ask, "changeContactDetails", given, who="partner")
    assert reply.errors == {"changeContactDetails": ("SCOPE_MISSING", None)}
    assert extensions(reply)["status"] == "NOT_APPLIED"
    assert changes(sandbox) == []


@pytest.mark.feature("5 bad input", "An address that the owner's rules refuse: its reason in safe words, not applied")
def test_what_the_owners_rules_refuse_is_not_applied_with_its_reason(
    ask: Ask, ids: dict[str, str], sandbox: Sandbox
) -> None:
    address = {"street": "Gracht", "houseNumber": "1", "postcode": "P" * 150, "city": "Utrecht"}
    given = {"customerId": ids[MILA], "address": address, "idempotencyKey": str(uuid.uuid4())}
    payload = act(ask, "changeContactDetails", given, who=MILA).data["changeContactDetails"]
    assert payload["status"] == "NOT_APPLIED"
    (step,) = payload["steps"]
    assert (step["status"], step["code"]) == ("NOT_APPLIED", "SOURCE_REJECTED")
    assert step["reason"]
    assert "P" * 150 not in step["reason"]


async def _merge_into(deployment: Deployment, survivor: str) -> str:
    """Make a customer who was merged into another; there is no command for it yet."""
    from klantbeeld.store import open_store  # noqa: PLC0415
    from klantbeeld.store.transactions import Unit, open_transactions  # noqa: PLC0415

    former = CustomerIds().new()

    def merged() -> Unit[None]:
        yield (
            "INSERT INTO customers (id, created_at, merged_into) SELECT ?, created_at, id FROM customers WHERE id = ?",
            (former, survivor),
        )

    async with open_store(deployment.settings.store) as store, open_transactions(store) as transactions:
        await transactions.run(merged(), wait=5)
    return former
