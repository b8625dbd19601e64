"""Story 3. The curious partner.

A partner asks for payment data to make offers: refused, and billing's own log shows no call. The customer consents:
only the granted fields come. The consent is withdrawn: refused at the next request. The customer reads both in
`dataUse`.

A later capability completes it: the customer gives and withdraws the grant in the app by a mutation. Until then the
operator's own store of grants is written to.
"""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from klantbeeld.access.grants import Grants, Partner, Terms
from klantbeeld.cli.demo_people import PARTNER
from klantbeeld.store import open_store

from .running import Ask, Calls, Deployment, Reply

PAYMENTS = """
query Payments($id: ID!) {
  customer(id: $id) { id balances { amount currency } invoices { nodes { number } } party { fullName } }
}
"""
USE = """
{ me { dataUse {
  grants { client purpose isActive withdrawnAt }
  disclosures(first: 50) { nodes { client purpose fields } }
} } }
"""
TERMS = Terms(frozenset({"customer:read", "billing:read"}), frozenset({"Query.customer", "Customer.balances"}))
KEY = "daan-van-dijk"


def curious(ask: Ask, customer_id: str) -> Reply:
    """Ask as the partner, to make offers."""
    return ask(PAYMENTS, {"id": customer_id}, who="partner", purpose="offers")


async def give(deployment: Deployment) -> str:
    """Keep the customer's grant, as the app's consent will; returns its id."""
    async with open_store(deployment.settings.store) as store:
        grant = await Grants(store).give(
            Partner(deployment.issuer.issuer, PARTNER),
            deployment.customers[KEY],
            purpose="offers",
            terms=TERMS,
            evidence="APP 2026-01",
            valid_from=datetime.now(UTC),
        )
    return grant.id


async def withdraw(deployment: Deployment, grant_id: str) -> None:
    """End the grant."""
    async with open_store(deployment.settings.store) as store:
        assert await Grants(store).withdraw(grant_id, deployment.customers[KEY], now=datetime.now(UTC))


@pytest.mark.feature("story 3", "The curious partner: refused, and billing's own log shows no call")
def test_without_a_grant_the_partner_is_refused_and_billing_is_not_called(
    ask: Ask, ids: dict[str, str], calls: Calls
) -> None:
    assert curious(ask, ids[KEY]).data == {"customer": None}
    assert not any(calls().values())


@pytest.mark.feature("story 3", "The curious partner: a stranger and somebody who granted nothing look the same")
def test_unknown_and_forbidden_look_the_same(ask: Ask, ids: dict[str, str]) -> None:
    stranger = curious(ask, "01900000-0000-7000-8000-000000000000")
    assert stranger.body == curious(ask, ids[KEY]).body


@pytest.mark.feature("story 3", "The curious partner: only the granted fields come, until the grant is withdrawn")
def test_a_grant_releases_its_fields_alone_until_it_is_withdrawn(
    ask: Ask, ids: dict[str, str], deployment: Deployment, calls: Calls
) -> None:
    grant_id = asyncio.run(give(deployment))
    try:
        reply = curious(ask, ids[KEY])
        assert reply.part["customer"] == {
            "id": ids[KEY],
            "balances": [{"amount": "0.00", "currency": "EUR"}],
            "invoices": None,
            "party": None,
        }
        assert reply.errors == {
            "customer.invoices": ("NOT_GRANTED", None),
            "customer.party": ("NOT_GRANTED", None),
        }
        asked = calls()
        assert asked["stripe"] != []
        assert (asked["dataverse"], asked["zendesk"], asked["sap_customer_data_cloud"]) == ([], [], [])
        assert "KB-00002" not in reply.text  # what the balance is made of stays behind
        assert ask(PAYMENTS, {"id": ids[KEY]}, who="partner", purpose="fulfilment").data == {"customer": None}
    finally:
        asyncio.run(withdraw(deployment, grant_id))
    assert curious(ask, ids[KEY]).data == {"customer": None}


@pytest.mark.feature("story 3", "The curious partner: the customer reads the grant, its end, and who received what")
def test_the_customer_reads_both_in_data_use(ask: Ask, ids: dict[str, str], deployment: Deployment) -> None:
    grant_id = asyncio.run(give(deployment))
    try:
        assert curious(ask, ids[KEY]).part["customer"]["balances"]
        used = ask(USE, who=KEY).data["me"]["dataUse"]
        assert (PARTNER, "offers", True) in {(one["client"], one["purpose"], one["isActive"]) for one in used["grants"]}
    finally:
        asyncio.run(withdraw(deployment, grant_id))
    used = _used_once_written(ask)
    ended = [one for one in used["grants"] if one["client"] == PARTNER]
    assert ended
    assert all(one["withdrawnAt"] and not one["isActive"] for one in ended)
    received = [one for one in used["disclosures"]["nodes"] if (one["client"], one["purpose"]) == (PARTNER, "offers")]
    assert "Customer.balances" in received[0]["fields"]


def _used_once_written(ask: Ask) -> Any:
    """Read what was done until the partner's question is in it: the trail is written in groups, a moment later."""
    deadline = time.monotonic() + 10.0
    while True:
        used = ask(USE, who=KEY).data["me"]["dataUse"]
        if any(one["client"] == PARTNER for one in used["disclosures"]["nodes"]):
            return used
        assert time.monotonic() < deadline, "the trail does not tell of the partner"
