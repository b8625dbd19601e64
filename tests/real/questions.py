"""What is asked of the servers of others, capability by capability, and what they cannot show."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from klantbeeld.sandbox.facts import SystemRecord
from klantbeeld.sdk.examples import Asked, Example

Records = list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """Something that a server cannot show: what is asked, and why it gets no right answer.

    It is refused, or `is_right` does not hold for the records. As soon as neither is so, the server has learned it.
    """

    asks: Example
    because: str
    is_right: Callable[[Records], bool] = field(default=lambda _: True)


def reading(capability: str, *keys: str, **asked: Any) -> Example:
    """Ask for something."""
    said = ", ".join([*keys, *(f"{name}={value}" for name, value in asked.items())])
    return Example(capability=capability, origin="", name=f"{capability}({said})", ask=Asked(keys=list(keys), **asked))


def writing(capability: str, **act: Any) -> Example:
    """Have something done, through the app."""
    return Example(capability=capability, origin="", name=capability, act={"key": "k-1", "channel": "APP", **act})


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingKeys:
    """Ids of things in billing: a customer who pays, one who owes two invoices, and what they have."""

    payer: str
    payers_email: str
    payers_phone: str
    payers_number: str
    debtor: str
    invoice: str
    subscription: str
    article: str
    customers: Sequence[str]


def billing_questions(keys: BillingKeys) -> list[Example]:
    """Return what localstripe can show."""
    return [
        *(reading(name, keys.payer) for name in ("party", "contact_media", "billing_accounts", "products")),
        reading("invoices", keys.payer),
        reading("invoices", keys.debtor, first=1),
        reading("invoice", keys.invoice),
        reading("product", keys.subscription),
        reading("find", arguments={"kind": "EMAIL", "value": keys.payers_email}),
        reading("everyone", first=4),
        reading("everyone", first=4, after=keys.customers[-5]),
        writing("change_billing_details", customer=keys.debtor, email="nieuw@example.nl", name="Andere Naam"),
    ]


def billing_lacks(keys: BillingKeys) -> dict[str, Lack]:
    """Return what localstripe cannot show, by what it is."""
    credit = writing("credit_invoice", customer=keys.payer, invoice=keys.invoice, reason="coulance")
    return {
        "search": Lack(
            asks=reading("search", arguments={"text": "Sanne"}), because="it has no /v1/customers/search, and says 404"
        ),
        "find by phone": Lack(
            asks=reading("find", arguments={"kind": "PHONE", "value": keys.payers_phone}), because="as for search"
        ),
        "find by customer number": Lack(
            asks=reading("find", arguments={"kind": "CUSTOMER_NUMBER", "value": keys.payers_number}),
            because="as for search",
        ),
        "changes": Lack(
            asks=reading("changes", arguments={"since": "2020-01-01T00:00:00Z"}),
            because="its list of events takes one type and no list of them, and says 400",
        ),
        "invoices in a state": Lack(
            asks=reading("invoices", keys.debtor, arguments={"state": "OPEN"}),
            because="its list of invoices takes no status, and fails with 500",
        ),
        "number and due date of an invoice": Lack(
            asks=reading("invoices", keys.debtor),
            because="its invoices have neither",
            is_right=lambda found: all("number" in invoice and "due_on" in invoice for invoice in found),
        ),
        "products with a price": Lack(
            asks=reading("products", keys.payer),
            because="its subscriptions are to a plan, as before API version 2020, and name no price",
            is_right=lambda found: all("price" in product for product in found),
        ),
        "an article with its price": Lack(
            asks=reading("product", keys.article),
            because="its products have no default_price, so to expand it is refused with 400",
        ),
        "several articles at once": Lack(
            asks=reading("product", keys.article, "KB-STOF-70"), because="its list of products takes no ids"
        ),
        "purchases": Lack(
            asks=reading("purchases", keys.payer),
            because="the lines of its invoices name no price, so no article",
            is_right=bool,
        ),
        "credit_invoice": Lack(asks=credit, because="it has no credit notes, and says 404"),
        "withdraw_credit": Lack(
            asks=writing("withdraw_credit", customer=keys.payer, credit="cn_1"), because="as for credit_invoice"
        ),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmKeys:
    """Ids of two customers in the CRM, a version, an order, an activity; and what one of the customers is found by."""

    customer: str
    other: str
    version: str
    order: str
    activity: str
    record: SystemRecord


def crm_questions(keys: CrmKeys) -> list[Example]:
    """Return what the OData server can show."""
    both = (keys.customer, keys.other)
    return [
        *(
            reading(name, *ids)
            for name in ("party", "contact_media", "orders", "interactions")
            for ids in ((keys.customer,), both)
        ),
        reading("orders", *both, arguments={"since": "2020-01-01T00:00:00Z"}),
        reading("interactions", keys.other, arguments={"since": "2100-01-01T00:00:00Z"}),
        reading("order", keys.order),
        reading("interaction", keys.activity),
        *(reading("find", arguments={"kind": kind, "value": value}) for kind, value in match_keys(keys.record).items()),
        reading("everyone"),
        reading("changes", arguments={"since": "2020-01-01T00:00:00Z"}),
        reading("changes", arguments={"since": "2100-01-01T00:00:00Z"}),
        writing("change_contact_details", customer=keys.other, email="nieuw@example.nl", expected=keys.version),
    ]


def match_keys(record: SystemRecord) -> Mapping[str, str]:
    """Return what a customer is found by, normalised as the gateway does it."""
    assert record.address
    assert record.birth_date
    return {
        "EMAIL": record.emails[0],
        "PHONE": record.phones[0],
        "CUSTOMER_NUMBER": record.customer_number or "",
        "NAME_POSTCODE_BIRTH_DATE": f"{record.name.surname}|{record.address.postcode}|{record.birth_date}",
    }


def crm_lacks(keys: CrmKeys) -> dict[str, Lack]:
    """Return what the OData server cannot show, by what it is."""
    no_upsert = "a row that is not there is not made by PATCH (OData v4, part 1, section 11.4.4), but is 404"
    contact = {"customer": keys.customer, "direction": "INBOUND", "subject": "Waar blijft mijn pakket?"}
    learned = {
        "name": "language",
        "value": "nl",
        "learned_from": "app",
        "learned_at": "2026-11-01T12:00:00Z",
        "consent": "profile",
    }
    report = {"customer": keys.customer, "field": "birthDate", "description": "Dag en maand verwisseld."}
    return {
        "search": Lack(
            asks=reading("search", arguments={"text": "Fatima"}),
            because="contains() holds for every row whose column is null",
            is_right=lambda found: len(found) == 1,
        ),
        "pages": Lack(
            asks=reading("everyone", first=2),
            because="it knows neither odata.maxpagesize nor next links",
            is_right=lambda found: len(found) == 2,
        ),
        "record_interaction": Lack(asks=writing("record_interaction", **contact), because=no_upsert),
        "report_data_error": Lack(asks=writing("report_data_error", **report), because=no_upsert),
        "register_customer": Lack(
            asks=writing("register_customer", customer="", given_name="Noor", family_name="Nieuwenhuis"),
            because=no_upsert,
        ),
        "set_attribute": Lack(
            asks=writing("set_attribute", customer=keys.customer, **learned),
            because="it is written whatever the version, as below",
        ),
        "change whatever the version": Lack(
            asks=writing("change_contact_details", customer=keys.customer, email="nieuw@example.nl"),
            because="If-Match: * (RFC 9110, section 13.1.1) is taken for a version, and says 412",
        ),
    }
