"""What is told of the trail and the grants, from a store of each kind."""

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from klantbeeld.access.grants import Grants, Partner, Terms
from klantbeeld.access.register import DataUseRegister
from klantbeeld.access.trail_chain import Entry
from klantbeeld.access.trail_opening import open_trail
from klantbeeld.settings import StoreSettings, TrailSettings
from klantbeeld.store import Store, open_store

START = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
ANNA = "019ab000-0000-7000-8000-000000000001"
BRAM = "019ab000-0000-7000-8000-000000000002"
SHOP = Partner("https://issuer.invalid", "shop")
KEY = base64.b64decode(b"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")


@pytest_asyncio.fixture
async def store(migrated_url: str) -> AsyncIterator[Store]:
    async with open_store(StoreSettings(url=migrated_url)) as opened:
        yield opened


def entry(minutes: int, *customers: str, act: str = "READ") -> Entry:
    return Entry(
        at=START + timedelta(minutes=minutes),
        act="WRITE" if act == "WRITE" else "READ",
        issuer="https://issuer.invalid",
        subject="employee-7",
        client_id=f"client-{minutes}",
        caller_class="agent",
        purpose="service",
        customers=customers,
        fields=("Customer.party",),
        sources=("crm",),
        outcome="COMPLETE",
    )


@pytest.mark.asyncio
async def test_disclosures_are_those_of_the_customer_newest_first_without_the_employee(store: Store) -> None:
    settings = TrailSettings()
    async with open_trail(store, key=KEY, clock=START.timestamp, settings=settings) as trail:
        for one in (entry(1, ANNA), entry(2, BRAM), entry(3, ANNA, BRAM, act="WRITE")):
            trail.record(one)
        await trail.settled()
        found = await DataUseRegister(store).disclosures(ANNA)
    assert [(one.client, one.changed) for one in found] == [("client-3", True), ("client-1", False)]
    assert (found[0].purpose, found[0].fields, found[0].sources) == ("service", ["Customer.party"], ["crm"])
    assert len({one.record_id for one in found}) == 2
    assert "employee-7" not in repr(found)


@pytest.mark.asyncio
async def test_grants_are_told_from_their_beginning_to_their_withdrawal(store: Store) -> None:
    grants = Grants(store)
    given = await grants.give(
        *(SHOP, ANNA),
        purpose="offers",
        terms=Terms(frozenset({"crm:read"}), frozenset({"Customer.party"})),
        evidence="APP 2026-01",
        valid_from=START,
    )
    await grants.give(
        SHOP, BRAM, purpose="offers", terms=Terms(frozenset({"crm:read"})), evidence="x", valid_from=START
    )
    await grants.withdraw(given.id, ANNA, now=START + timedelta(days=1))
    (told,) = await DataUseRegister(store).grants(ANNA)
    assert (told.client, told.purpose, told.scopes, told.fields) == ("shop", "offers", ["crm:read"], ["Customer.party"])
    assert (told.valid_from, told.withdrawn_at) == (START, START + timedelta(days=1))
