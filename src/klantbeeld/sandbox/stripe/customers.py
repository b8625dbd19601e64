"""Customers, and the movements of their balance: ``/v1/customers``."""

from collections.abc import Mapping
from typing import Any

from klantbeeld.sandbox.stripe.bills import balance_transaction
from klantbeeld.sandbox.stripe.endpoints import Asked, Endpoint, merged_metadata
from klantbeeld.sandbox.stripe.listing import CREATED, LIST_PARAMETERS, SEARCH_PARAMETERS, page_of, search_page, within
from klantbeeld.sandbox.stripe.objects import NO_ADDRESS, customer, deleted_customer
from klantbeeld.sandbox.stripe.parameters import (
    Kind,
    email,
    integer,
    metadata,
    nested,
    one_of,
    require,
    text,
    texts,
)
from klantbeeld.sandbox.stripe.search import CUSTOMER_FIELDS, parse_search
from klantbeeld.sandbox.stripe.store import Object

URL = "/v1/customers"
ADDRESS = nested(dict.fromkeys(NO_ADDRESS, text))
WRITABLE: Mapping[str, Kind] = {
    "address": ADDRESS,
    "balance": integer,
    "description": text,
    "email": email,
    "expand": texts,
    "metadata": metadata,
    "name": text,
    "phone": text,
    "preferred_locales": texts,
    "shipping": nested({"address": ADDRESS, "name": text, "phone": text}),
    "tax_exempt": one_of("exempt", "none", "reverse"),
}
WHEN_UNSET: Mapping[str, Any] = {"balance": 0, "preferred_locales": [], "tax_exempt": "none"}


def list_customers(asked: Asked) -> Object:
    """Return customers, all or with one e-mail address, which is compared letter by letter."""
    address = asked.values.get("email")
    found = asked.store.having("customer", "email", address) if address else asked.store.all("customer")
    kept = [each for each in found if within(each["created"], asked.values.get("created"))]
    return page_of(kept, asked.values, url=URL, kind="customer")


def search_customers(asked: Asked) -> Object:
    """Return the customers that a query finds. A write is found at once, where the real index lags a minute."""
    require(asked.values, "query")
    search = parse_search(asked.values["query"], CUSTOMER_FIELDS)
    found = (each for each in asked.store.all("customer") if search.holds(each))
    return search_page(found, asked.values, url=f"{URL}/search")


def create_customer(asked: Asked) -> Object:
    """Make a customer."""
    made = customer(created=asked.store.now)
    return asked.store.make({**made, **fields_of(made, asked.values)}, "customer.created")


def retrieve_customer(asked: Asked) -> Object:
    """Return one customer, or what is left of a deleted one."""
    found = asked.store.get("customer", asked.path["customer"])
    if found and found.get("deleted"):
        return {name: value for name, value in found.items() if name != "created"}
    return asked.store.need("customer", asked.path["customer"])


def update_customer(asked: Asked) -> Object:
    """Change a customer; what is not given stays, and an address that is given replaces the whole of the old one."""
    found = living_customer(asked)
    return asked.store.change(found, fields_of(found, asked.values), "customer.updated")


def delete_customer(asked: Asked) -> Object:
    """Delete a customer for good; its subscriptions end, its invoices stay."""
    found = living_customer(asked)
    for each in asked.store.having("subscription", "customer", found["id"]):
        if each["status"] != "canceled":
            ended = {"status": "canceled", "canceled_at": asked.store.now, "ended_at": asked.store.now}
            asked.store.change(each, ended, "customer.subscription.deleted")
    asked.store.tell("customer.deleted", found)
    asked.store.put(deleted_customer(found["id"], found["created"]))
    return {"id": found["id"], "object": "customer", "deleted": True}


def list_balance_transactions(asked: Asked) -> Object:
    """Return the movements of a customer's balance."""
    found = living_customer(asked)
    moves = asked.store.having("customer_balance_transaction", "customer", found["id"])
    url = f"{URL}/{found['id']}/balance_transactions"
    return page_of(moves, asked.values, url=url, kind="customer_balance_transaction")


def create_balance_transaction(asked: Asked) -> Object:
    """Move a customer's balance; a negative amount is a credit for the customer."""
    require(asked.values, "amount", "currency")
    return move_balance(
        asked,
        living_customer(asked),
        asked.values["amount"],
        kind="adjustment",
        description=asked.values.get("description"),
        metadata=asked.values.get("metadata") or {},
    )


def move_balance(asked: Asked, found: Object, cents: int, *, kind: str, **fields: Any) -> Object:
    """Move a customer's balance and return the transaction."""
    move = balance_transaction(customer=found, cents=cents, created=asked.store.now, kind=kind, **fields)
    asked.store.put(move)
    asked.store.change(found, {"balance": move["ending_balance"]}, "customer.updated")
    return move


def retrieve_cash_balance(asked: Asked) -> Object:
    """Return a customer's cash balance, of which nobody here has any."""
    found = living_customer(asked)
    return {
        "object": "cash_balance",
        "available": None,
        "customer": found["id"],
        "livemode": False,
        "settings": {"reconciliation_mode": "automatic", "using_merchant_default": True},
    }


def living_customer(asked: Asked) -> Object:
    """Return the customer of the path; a deleted one is not there any more."""
    return asked.store.need("customer", asked.path["customer"])


def fields_of(found: Object, values: Mapping[str, Any]) -> Object:
    """Return the fields that the parameters set, in the form in which a customer shows them."""
    fields = {name: value for name, value in values.items() if name != "expand"}
    for name, unset in WHEN_UNSET.items():
        if name in fields and fields[name] is None:
            fields[name] = unset
    if "metadata" in fields:
        fields["metadata"] = merged_metadata(found, fields["metadata"])
    if fields.get("address") is not None:
        fields["address"] = {**NO_ADDRESS, **fields["address"]}
    if fields.get("shipping") is not None:
        require(fields["shipping"], "address", "name")
        address = {**NO_ADDRESS, **fields["shipping"]["address"]}
        fields["shipping"] = {"phone": None, **fields["shipping"], "address": address}
    return fields


BALANCE = f"{URL}/{{customer}}/balance_transactions"
CUSTOMER_ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("GET", f"{URL}/search", search_customers, SEARCH_PARAMETERS),
    Endpoint("GET", URL, list_customers, {**LIST_PARAMETERS, **CREATED, "email": text}),
    Endpoint("POST", URL, create_customer, WRITABLE),
    Endpoint("GET", f"{URL}/{{customer}}", retrieve_customer, {"expand": texts}),
    Endpoint("POST", f"{URL}/{{customer}}", update_customer, WRITABLE),
    Endpoint("DELETE", f"{URL}/{{customer}}", delete_customer),
    Endpoint("GET", BALANCE, list_balance_transactions, LIST_PARAMETERS),
    Endpoint(
        "POST",
        BALANCE,
        create_balance_transaction,
        {"amount": integer, "currency": text, "description": text, "metadata": metadata, "expand": texts},
    ),
    Endpoint("GET", f"{URL}/{{customer}}/cash_balance", retrieve_cash_balance, {"expand": texts}),
)
