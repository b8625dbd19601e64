"""The connectors over the sandbox: what was recorded still holds, listings end, and writes are as safe as they say."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from klantbeeld.errors import SourceConflict, SourceInvalid, SourceRejected, SourceUnavailable
from klantbeeld.registry import load_connectors
from klantbeeld.sandbox.facts import SYSTEMS, Population
from klantbeeld.sdk.acts import (
    ChangeBillingDetails,
    ChangeContactDetails,
    CreditInvoice,
    HoldComplaint,
    RecordInteraction,
    RegisterCustomer,
    ReopenComplaint,
    SetAttribute,
    SetConsent,
    SolveComplaint,
    WithdrawCredit,
)
from klantbeeld.sdk.calls import Ask
from klantbeeld.sdk.examples import load_examples, members_on_the_wire
from klantbeeld.sdk.live import Live
from klantbeeld.sdk.records import Money, Record
from klantbeeld.sdk.words import Channel, ComplaintState, ConsentStatus, Direction

from .conftest import Open

FATIMA = {
    "dataverse": "93981250-7f36-5ba7-93d7-6e676b97346d",
    "stripe": "cus_1KB315c4b457aaa4b",
    "zendesk": "380000000120",
    "sap_customer_data_cloud": "1bf89a8bada757e7ba2669bec0b2a7a6",
}


def ask_for(live: Live, capability: str, *keys: str, first: int | None = None) -> Ask:
    select = members_on_the_wire(live.connector.readings()[capability])
    return Ask(keys=keys, select=select, first=first, arguments={})


async def read(live: Live, capability: str, *keys: str) -> list[Record]:
    records, _ = await live.read(capability, ask_for(live, capability, *keys))
    return records


def by_id(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(records, key=lambda record: str(record["record_id"]))


@pytest.mark.asyncio
@pytest.mark.parametrize("name", SYSTEMS)
async def test_the_sandbox_answers_as_it_was_recorded(name: str, open_sandbox: Open) -> None:
    for example in load_examples(load_connectors().manifests[name]):
        if example.origin != "sandbox":
            continue
        async with open_sandbox(name) as live:
            again = await live.record(example)
        assert [each.request.path for each in again.exchanges] == [each.request.path for each in example.exchanges]
        if example.ask is not None and len(example.ask.keys) > 1:  # no product promises an order among customers
            assert by_id(again.expect) == by_id(example.expect), example.name
        elif example.ask is not None:
            assert again.expect == example.expect, example.name


@pytest.mark.asyncio
@pytest.mark.parametrize("name", SYSTEMS)
async def test_everyone_ends_and_is_everyone_once(name: str, open_sandbox: Open, population: Population) -> None:
    async with open_sandbox(name) as live:
        pages = [page async for page in live.pages("everyone", ask_for(live, "everyone", first=4))]
    found = [record.record_id for page in pages for record in page]
    known = {record.record_id for person in population.people for record in person.records.get(name, ())}  # type: ignore[call-overload]  # a system's name
    assert len(found) == len(set(found))
    assert set(found) == known


@pytest.mark.asyncio
@pytest.mark.parametrize("name", SYSTEMS)
async def test_a_customer_that_is_gone_gives_nothing_or_a_refusal(name: str, open_sandbox: Open) -> None:
    nobody = {"dataverse": "00000000-0000-4000-8000-000000000000", "zendesk": "1"}.get(name, "nobody")
    async with open_sandbox(name) as live:
        if name == "sap_customer_data_cloud":  # it says the same of a key that may not read
            with pytest.raises(Exception, match="403005"):
                await read(live, "party", nobody)
        else:
            assert await read(live, "party", nobody) == []


@pytest.mark.asyncio
async def test_dataverse_keeps_a_change_only_on_the_version_that_was_seen(open_sandbox: Open) -> None:
    async with open_sandbox("dataverse") as live:
        (before,) = await read(live, "party", FATIMA["dataverse"])
        act = ChangeContactDetails(
            customer=FATIMA["dataverse"], key="k", channel=Channel.APP, email="a@example.nl", expected=before.version
        )
        after = await live.act("change_contact_details", act)
        assert after.version != before.version
        with pytest.raises(SourceConflict):
            await live.act("change_contact_details", act)


@pytest.mark.asyncio
async def test_dataverse_keeps_one_interaction_for_each_key(open_sandbox: Open) -> None:
    act = RecordInteraction(
        customer=FATIMA["dataverse"],
        key="op-9",
        channel=Channel.CHAT,
        direction=Direction.INBOUND,
        subject="Waar blijft mijn pakket?",
    )
    async with open_sandbox("dataverse") as live:
        first = await live.act("record_interaction", act)
        again = await live.act("record_interaction", act)
        contacts = await read(live, "interactions", FATIMA["dataverse"])
    assert first.record_id == again.record_id
    assert [contact.subject for contact in contacts].count(act.subject) == 1  # type: ignore[attr-defined]  # an Interaction
    assert contacts[0].channel is Channel.CHAT  # type: ignore[attr-defined]  # an Interaction


@pytest.mark.asyncio
async def test_stripe_gives_one_credit_note_for_each_key(open_sandbox: Open) -> None:
    name = "stripe"
    manifest = load_connectors().manifests[name]
    example = next(each for each in load_examples(manifest) if each.name == "credit_invoice_all")
    act = example.acted(manifest)
    async with open_sandbox(name) as live:
        first = await live.act("credit_invoice", act)
        again = await live.act("credit_invoice", act)
        assert first.record_id == again.record_id
        with pytest.raises(SourceRejected):
            await live.act("credit_invoice", structs.replace(act, key="another"))


@pytest.mark.asyncio
async def test_stripe_will_not_say_that_a_key_with_other_parameters_was_refused(open_sandbox: Open) -> None:
    act = ChangeBillingDetails(customer=FATIMA["stripe"], key="k", channel=Channel.APP, email="a@example.nl")
    async with open_sandbox("stripe") as live:
        await live.act("change_billing_details", act)
        with pytest.raises((SourceInvalid, SourceUnavailable)):
            await live.act("change_billing_details", structs.replace(act, email="b@example.nl"))


@pytest.mark.asyncio
async def test_zendesk_keeps_a_change_only_on_the_version_that_was_seen(open_sandbox: Open) -> None:
    async with open_sandbox("zendesk") as live:
        (before,) = await read(live, "complaint", "301")
        act = SolveComplaint(
            customer=FATIMA["zendesk"],
            key="k",
            channel=Channel.PHONE,
            complaint="301",
            resolution="Opgelost.",
            expected=before.version,
        )
        after = await live.act("solve_complaint", act)
        assert after.version != before.version
        with pytest.raises(SourceConflict):
            await live.act("solve_complaint", act)


@pytest.mark.asyncio
async def test_zendesk_files_a_complaint_once_for_each_key(open_sandbox: Open) -> None:
    manifest = load_connectors().manifests["zendesk"]
    example = next(each for each in load_examples(manifest) if each.name == "file_complaint")
    async with open_sandbox("zendesk") as live:
        first = await live.act("file_complaint", example.acted(manifest))
        again = await live.act("file_complaint", example.acted(manifest))
        found = await read(live, "complaint", first.record_id)
    assert first.record_id == again.record_id
    assert found[0].product_reference == "KB-STOF-70"  # type: ignore[attr-defined]  # a Complaint
    assert found[0].channel is Channel.APP  # type: ignore[attr-defined]  # a Complaint


@pytest.mark.asyncio
async def test_a_withdrawn_consent_is_read_as_withdrawn_at_once(open_sandbox: Open) -> None:
    uid = FATIMA["sap_customer_data_cloud"]
    act = SetConsent(
        customer=uid,
        key="k",
        channel=Channel.APP,
        purpose="marketing",
        consent_channel=Channel.EMAIL,
        status=ConsentStatus.WITHDRAWN,
    )
    async with open_sandbox("sap_customer_data_cloud") as live:
        await live.act("set_consent", act)
        consents = await read(live, "consents", uid)
    status = {(each.purpose, each.channel): each.status for each in consents}  # type: ignore[attr-defined]  # Consents
    assert status["marketing", Channel.EMAIL] is ConsentStatus.WITHDRAWN


@pytest.mark.asyncio
async def test_a_new_phone_number_leaves_the_others(open_sandbox: Open) -> None:
    mila = "1e9e2170e58551f99f8ce4ab6e593a26"
    act = ChangeContactDetails(customer=mila, key="k", channel=Channel.APP, phone="+31612345699")
    async with open_sandbox("sap_customer_data_cloud") as live:
        await live.act("change_contact_details", act)
        media = await read(live, "contact_media", mila)
    phones = {medium.value for medium in media if str(medium.value).startswith("+")}  # type: ignore[attr-defined]  # ContactMedium
    assert phones == {"+31612345699", "+31205550101"}


@pytest.mark.asyncio
async def test_orders_of_several_customers_come_in_one_call_and_say_whose_they_are(open_sandbox: Open) -> None:
    sanne = "b65a83df-332e-5f84-8e18-6d560e9fbfa6"
    async with open_sandbox("dataverse") as live:
        both, alone, other = await asyncio.gather(
            read(live, "orders", FATIMA["dataverse"], sanne),
            read(live, "orders", FATIMA["dataverse"]),
            read(live, "orders", sanne),
        )
    assert {record.owner for record in both} == {FATIMA["dataverse"], sanne}
    assert len(both) == len(alone) + len(other)


@pytest.mark.asyncio
async def test_dataverse_makes_one_contact_for_each_key(open_sandbox: Open) -> None:
    act = RegisterCustomer(
        customer="", key="op-8", channel=Channel.SHOP, given_name="Noor", tussenvoegsel="van der", family_name="Linden"
    )
    async with open_sandbox("dataverse") as live:
        first = await live.act("register_customer", act)
        again = await live.act("register_customer", act)
        (party,) = await read(live, "party", first.record_id)
    assert first.record_id == again.record_id
    assert party.full_name == "Noor van der Linden"  # type: ignore[attr-defined]  # a Party


@pytest.mark.asyncio
async def test_dataverse_refuses_an_attribute_that_no_column_holds(open_sandbox: Open) -> None:
    act = SetAttribute(
        customer=FATIMA["dataverse"],
        key="k",
        channel=Channel.APP,
        name="shoeSize",
        value="41",
        learned_from="chat",
        learned_at=datetime(2026, 11, 23, tzinfo=UTC),
        consent="service",
    )
    async with open_sandbox("dataverse") as live:
        with pytest.raises(SourceRejected) as refused:
            await live.act("set_attribute", act)
        assert refused.value.reason == "attribute_not_held"
        with pytest.raises(SourceRejected) as refused:
            await live.act("set_attribute", structs.replace(act, name="birthDate", value="31 april"))
        assert refused.value.reason == "attribute_value_invalid"


@pytest.mark.asyncio
@pytest.mark.parametrize("cents", ["5.00", None])
async def test_stripe_takes_a_credit_back_once_for_each_key(cents: str | None, open_sandbox: Open) -> None:
    credit = CreditInvoice(
        customer=FATIMA["stripe"],
        key="op-9",
        channel=Channel.PHONE,
        invoice="in_1KBe42ac284101e20",
        amount=Money(Decimal(cents), "EUR") if cents else None,
        reason="Te laat",
    )
    async with open_sandbox("stripe") as live:
        note = await live.act("credit_invoice", credit)
        undo = WithdrawCredit(customer=FATIMA["stripe"], key="op-10", channel=Channel.PHONE, credit=note.record_id)
        first = await live.act("withdraw_credit", undo)
        again = await live.act("withdraw_credit", undo)
        assert first.record_id == again.record_id
        with pytest.raises(SourceRejected):
            await live.act("withdraw_credit", structs.replace(undo, customer="cus_other"))


@pytest.mark.asyncio
async def test_zendesk_holds_and_reopens_on_the_version_that_was_seen(open_sandbox: Open) -> None:
    async with open_sandbox("zendesk") as live:
        (seen,) = await read(live, "complaint", "301")
        given = {"customer": FATIMA["zendesk"], "key": "k", "channel": Channel.PHONE, "complaint": "301"}
        hold = HoldComplaint(**given, expected=seen.version, note="Wacht.")  # type: ignore[arg-type]  # a mixed dict
        held = await live.act("hold_complaint", hold)
        reopen = ReopenComplaint(**given, expected=held.version, note="Verder.")  # type: ignore[arg-type]  # as above
        await live.act("reopen_complaint", reopen)
        (after,) = await read(live, "complaint", "301")
    assert after.state is ComplaintState.OPEN  # type: ignore[attr-defined]  # a Complaint
