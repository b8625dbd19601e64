"""The systems of others with the sandbox's cast in them, told through files and the product's own API.

The CRM holds the rows of the sandbox's Dataverse, in JSON files that the OData server reads. Billing is filled over
HTTP, and gives its customers ids of its own.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from klantbeeld.sandbox.dataverse import seed
from klantbeeld.sandbox.dataverse.store import Store
from klantbeeld.sandbox.dataverse.tables import TABLES
from klantbeeld.sandbox.facts import Person, Population, Product, System, SystemRecord
from klantbeeld.sandbox.launcher import Sandbox
from klantbeeld.sandbox.population import make_population
from klantbeeld.sandbox.server import CREDENTIALS

from .processes import NODE, PYTHON, SERVERS, Server

SERVICE_ROOT = "/api/data/v9.2"
CRM = CREDENTIALS["dataverse"]
BILLING = CREDENTIALS["stripe"]
PAYS, IS_DECLINED_LATER = "4242424242424242", "4000000000000341"
CUSTOMER_NUMBER = "metadata[customer_number]"
BILLING_COMMAND = (PYTHON, SERVERS / "billing.py")


def cast() -> Population:
    """Return the twelve customers of the sandbox's stories, and nobody else."""
    return make_population(size=0, today=datetime.now(UTC).date())


def crm_command(rows: Path) -> list[str | Path]:
    """Return the command that starts the CRM over a folder of rows."""
    return [
        NODE or "node",
        SERVERS / "crm.mjs",
        *("--client-id", CRM["client_id"], "--client-secret", CRM["client_secret"], "--tenant", CRM["tenant_id"]),
        *("--metadata", SERVERS / "crm.xml", "--rows", rows, "--service-root", SERVICE_ROOT),
    ]


def write_rows(population: Population, folder: Path) -> None:
    """Write what the CRM knows: a file a table."""
    store = Store(lambda: datetime.now(UTC))
    seed.fill(store, population)
    for table in TABLES:
        rows = list(store.select(table, None))
        (folder / f"{table.entity_set}.json").write_text(json.dumps(rows), encoding="utf-8")


class Landscape(Sandbox):
    """The four systems as the gateway's settings see them: two of the sandbox, and two of others that run already.

    `customers` are billing's ids by those of the sandbox's Stripe.
    """

    def __init__(self, crm: Server, billing: Server, customers: Mapping[str, str]) -> None:
        super().__init__(("zendesk", "sap_customer_data_cloud"), size=0)
        self._others: dict[System, Server] = {"dataverse": crm, "stripe": billing}
        self._customers = customers

    def base_url(self, name: System) -> str:
        """Return where a system answers."""
        return self._others[name].address if name in self._others else super().base_url(name)

    def crossreferences(self) -> Iterator[str]:
        """Yield the import lines of the cast, with billing's own ids."""
        for text in super().crossreferences():
            line = json.loads(text)
            if line["source"] == "stripe":
                line["record_id"] = self._customers[line["record_id"]]
            yield json.dumps(line)


def fill_billing(server: Server, population: Population) -> dict[str, str]:
    """Make articles, customers, subscriptions and with them invoices; return the ids of customers, by the sandbox's."""
    headers = {"authorization": f"Bearer {BILLING['secret_key']}"}
    with httpx.Client(base_url=server.address, headers=headers) as client:
        for product in population.catalogue:
            make_article(client, product)
        return {
            record.record_id: make_customer(client, person, record)
            for person in population.people
            for record in person.records.get("stripe", ())
        }


def make_article(client: httpx.Client, product: Product) -> None:
    """Make an article, and the plan by which it is paid if it is a subscription."""
    post(client, "products", id=product.sku, name=product.name)
    if product.interval:
        amount = {"amount": str(cents(product.price)), "currency": product.currency.lower()}
        post(client, "plans", id=product.sku, product=product.sku, interval=product.interval, **amount)


def make_customer(client: httpx.Client, person: Person, record: SystemRecord) -> str:
    """Make a customer with a card, a device bought and a subscription running; return its id.

    The card of somebody who owes money pays nothing, so that the invoice stays open.
    """
    card = IS_DECLINED_LATER if any(fact.status == "open" for fact in person.invoices) else PAYS
    details = {"number": card, "exp_month": "12", "exp_year": "2040", "cvc": "123"}
    method = post(client, "payment_methods", type="card", **{f"card[{name}]": value for name, value in details.items()})
    customer = post(client, "customers", **billing_members(record), payment_method=method["id"])
    customer_id: str = customer["id"]
    chosen = {"invoice_settings[default_payment_method]": method["id"]}
    post(client, f"customers/{customer_id}", **chosen)
    for held in person.products:
        if held.product.interval:
            post(client, "subscriptions", customer=customer_id, **{"items[0][plan]": held.product.sku})
    return customer_id


def billing_members(record: SystemRecord) -> dict[str, str]:
    """Return the members of a customer in billing, without those that nobody knows."""
    address = record.address
    members = {
        "name": record.name.full,
        "email": record.emails[0] if record.emails else None,
        "phone": record.phones[0] if record.phones else None,
        "preferred_locales[]": "nl",
        CUSTOMER_NUMBER: record.customer_number,
        "address[line1]": address.line if address else None,
        "address[postal_code]": address.postcode if address else None,
        "address[city]": address.city if address else None,
        "address[country]": address.country if address else None,
    }
    return {name: value for name, value in members.items() if value}


def post(client: httpx.Client, path: str, **members: str) -> Any:
    """Make something in billing; return it."""
    response = client.post(f"/v1/{path}", data=members)
    assert response.status_code == httpx.codes.OK, f"{path}: {response.text}"
    return response.json()


def cents(amount: Decimal) -> int:
    """Return an amount in the smallest unit."""
    return int(amount * 100)
