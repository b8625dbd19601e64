"""The connectors over the servers of others, and the ids of what is asked there."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from klantbeeld.registry import load_connectors
from klantbeeld.sandbox.facts import Population
from klantbeeld.sdk.examples import Example
from klantbeeld.sdk.live import Live

from .landscape import BILLING, CRM, SERVICE_ROOT
from .processes import Server
from .questions import BillingKeys, CrmKeys, reading

CUSTOMER, OTHER = "fatima-el-amrani", "sanne-de-wit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A connector that can be opened over a server."""

    connector: str
    server: Server
    options: Mapping[str, str]
    credentials: Mapping[str, str]

    @asynccontextmanager
    async def open(self, **tokens: str) -> AsyncIterator[Live]:
        """Open the connector; `tokens` are shown instead of those that it would fetch."""
        loaded = load_connectors().load(self.connector)
        async with httpx.AsyncClient() as client:
            yield Live(
                loaded.manifest, loaded.make(self.options), client, self.server.address, self.credentials, dict(tokens)
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Billing(Opened):
    """The Stripe connector over localstripe."""

    keys: BillingKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class Crm(Opened):
    """The Dataverse connector over the OData server."""

    keys: CrmKeys


async def record(system: Opened, questions: Iterable[Example]) -> list[Example]:
    """Ask all questions; return them with what went over the line and the records that came of it."""
    async with system.open() as live:
        return [
            msgspec.structs.replace(await live.record(question), origin=f"real server: {system.connector}")
            for question in questions
        ]


def open_billing(server: Server) -> Billing:
    """Look up the ids of what is asked in billing."""
    headers = {"authorization": f"Bearer {BILLING['secret_key']}"}
    with httpx.Client(base_url=f"{server.address}/v1", headers=headers) as client:

        def listed(path: str, **query: Any) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = client.get(path, params={"limit": 100, **query}).json()["data"]
            return found

        paid = next(invoice for invoice in listed("/invoices") if invoice["status"] == "paid")
        open_ = [invoice["customer"] for invoice in listed("/invoices") if invoice["status"] == "open"]
        payer = client.get(f"/customers/{paid['customer']}").json()
        (subscription,) = listed("/subscriptions", customer=payer["id"])
        keys = BillingKeys(
            payer=payer["id"],
            payers_email=payer["email"],
            payers_phone=payer["phone"],
            payers_number=payer["metadata"]["customer_number"],
            debtor=next(customer for customer in open_ if open_.count(customer) > 1),
            invoice=paid["id"],
            subscription=subscription["id"],
            article=subscription["plan"]["product"],
            customers=[customer["id"] for customer in listed("/customers")],
        )
    credentials = {"secret_key": BILLING["secret_key"]}
    return Billing(connector="stripe", server=server, options={}, credentials=credentials, keys=keys)


async def open_crm(server: Server, population: Population) -> Crm:
    """Look up the ids of what is asked in the CRM."""
    people = {person.key: person for person in population.people}
    record, other = (people[key].records["dataverse"][0] for key in (CUSTOMER, OTHER))
    options = {"tenant_id": CRM["tenant_id"], "authority": server.address, "service_root": SERVICE_ROOT}
    credentials = {name: CRM[name] for name in ("client_id", "client_secret")}
    given: dict[str, Any] = {"connector": "dataverse", "server": server, "options": options, "credentials": credentials}
    keys = CrmKeys(
        customer=record.record_id,
        other=other.record_id,
        version=await version_of(Opened(**given), other.record_id),
        order=people[CUSTOMER].orders[0].record_id,
        activity=people[CUSTOMER].interactions[0].record_id,
        record=record,
    )
    return Crm(**given, keys=keys)


async def version_of(system: Opened, customer: str) -> str:
    """Return the version at which a customer is."""
    async with system.open() as live:
        return str((await live.record(reading("party", customer))).expect[0]["version"])
