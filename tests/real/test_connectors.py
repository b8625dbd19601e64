"""The connectors over the servers of others: what a recording cannot tell."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pytest

from klantbeeld.errors import SourceConflict, SourceRefused, SourceRejected
from klantbeeld.sdk.acts import ChangeBillingDetails, ChangeContactDetails
from klantbeeld.sdk.calls import Ask
from klantbeeld.sdk.examples import members_on_the_wire
from klantbeeld.sdk.live import Live
from klantbeeld.sdk.records import ContactMedium, PostalAddress, Record
from klantbeeld.sdk.words import Channel, ContactKind

from .asking import Billing, Crm
from .processes import needs_install

pytestmark = [pytest.mark.real, needs_install]

ADDRESS = PostalAddress(street="Kanaalstraat", house_number="8", postcode="3531 CJ", city="Utrecht", country="NL")
NOBODY = {"stripe": "cus_nobody", "dataverse": "00000000-0000-4000-8000-000000000000"}
FOR_ONE_CUSTOMER = {
    "stripe": ("party", "contact_media", "billing_accounts", "invoices", "products"),
    "dataverse": ("party", "contact_media", "orders", "interactions"),
}


async def read(live: Live, capability: str, *keys: str, first: int | None = None) -> list[Record]:
    select = members_on_the_wire(live.connector.readings()[capability])
    records, _ = await live.read(capability, Ask(keys=keys, select=select, first=first, arguments={}))
    return records


def media(records: Iterable[Record]) -> dict[tuple[ContactKind | None, str | None], Any]:
    kept = [record for record in records if isinstance(record, ContactMedium)]
    return {(record.kind, record.label): record.value or record.address for record in kept}


@pytest.mark.asyncio
async def test_nothing_is_found_of_a_customer_that_is_not_there(billing_system: Billing, crm_system: Crm) -> None:
    for system in (billing_system, crm_system):
        async with system.open() as live:
            for capability in FOR_ONE_CUSTOMER[system.connector]:
                found: list[Record] = []
                with suppress(SourceRejected):  # localstripe's lists say that there is no such customer
                    found = await read(live, capability, NOBODY[system.connector])
                assert found == [], capability


@pytest.mark.asyncio
async def test_a_forged_proof_of_identity_is_refused(billing_system: Billing, crm_system: Crm) -> None:
    async with crm_system.open(access_token="forged") as live:
        with pytest.raises(SourceRefused):
            await read(live, "party", crm_system.keys.customer)
    async with billing_system.open() as live:
        forged = Live(live.manifest, live.connector, live.client, live.base_url, {"secret_key": "forged"})
        with pytest.raises(SourceRefused):
            await read(forged, "party", billing_system.keys.payer)


@pytest.mark.asyncio
async def test_page_by_page_everyone_comes_once(billing_system: Billing) -> None:
    async with billing_system.open() as live:
        select = members_on_the_wire(live.connector.readings()["everyone"])
        ask = Ask(keys=(), select=select, first=4, arguments={})
        pages = [[record.record_id for record in page] async for page in live.pages("everyone", ask)]
    assert [len(page) for page in pages] == [4, 4, 3]
    assert [record for page in pages for record in page] == list(billing_system.keys.customers)


@pytest.mark.asyncio
async def test_a_change_in_the_crm_stands_only_on_the_version_that_was_seen(crm_system: Crm) -> None:
    customer = crm_system.keys.other
    async with crm_system.open() as live:
        (before,) = await read(live, "party", customer)
        act = ChangeContactDetails(
            customer=customer,
            key="k",
            channel=Channel.APP,
            email="verhuisd@example.nl",
            address=ADDRESS,
            expected=before.version,
        )
        after = await live.act("change_contact_details", act)
        with pytest.raises(SourceConflict):
            await live.act("change_contact_details", act)
        (now,) = await read(live, "party", customer)
        found = media(await read(live, "contact_media", customer))
    assert after.version == now.version != before.version
    assert found[ContactKind.EMAIL, "main"] == "verhuisd@example.nl"
    assert found[ContactKind.POSTAL_ADDRESS, None] == ADDRESS


@pytest.mark.asyncio
async def test_changed_billing_details_are_read_back(billing_system: Billing) -> None:
    customer = billing_system.keys.debtor
    act = ChangeBillingDetails(
        customer=customer, key="k", channel=Channel.APP, email="rekening@example.nl", address=ADDRESS
    )
    async with billing_system.open() as live:
        await live.act("change_billing_details", act)
        found = media(await read(live, "contact_media", customer))
    assert found[ContactKind.EMAIL, "invoices"] == "rekening@example.nl"
    assert found[ContactKind.POSTAL_ADDRESS, "invoices"] == ADDRESS
