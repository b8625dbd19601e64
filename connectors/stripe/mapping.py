"""From Stripe's objects to the unified model, a table for each record."""

from datetime import date
from decimal import Decimal
from functools import lru_cache

from klantbeeld.sdk import Mapping, always, records, take
from klantbeeld.sdk.money import from_minor
from klantbeeld.sdk.spellings import cut_address_line
from klantbeeld.sdk.words import AccountState, ContactKind, InvoiceState, ProductStatus

from . import records as wire

SETTLEMENTS = {
    "draft": InvoiceState.DRAFT,
    "open": InvoiceState.OPEN,
    "paid": InvoiceState.PAID,
    "void": InvoiceState.VOID,
    "uncollectible": InvoiceState.UNCOLLECTIBLE,
}
SUBSCRIPTION_STATES = {
    "incomplete": ProductStatus.PENDING,
    "trialing": ProductStatus.ACTIVE,
    "active": ProductStatus.ACTIVE,
    "past_due": ProductStatus.ACTIVE,
    "unpaid": ProductStatus.SUSPENDED,
    "paused": ProductStatus.SUSPENDED,
    "canceled": ProductStatus.ENDED,
    "incomplete_expired": ProductStatus.ENDED,
}
PERIODS = {"day": "D", "week": "W", "month": "M", "year": "Y"}
ONCE = "invoiceitem"
DAY = 86_400
DAY_OF_YEAR_10000 = 253_402_300_800 // DAY
EPOCH = date(1970, 1, 1).toordinal()
CUSTOMER_NUMBER = "customer_number"  # the organisation's own key in a customer's metadata


def day(seconds: int | None) -> date | None:
    """Return the day of a moment, in UTC; None for what is no moment of a calendar."""
    return None if seconds is None else _date(seconds // DAY)


@lru_cache(maxsize=4_096)  # eleven years of days, which all customers share
def _date(day_of_epoch: int) -> date | None:
    return date.fromordinal(EPOCH + day_of_epoch) if 0 <= day_of_epoch < DAY_OF_YEAR_10000 else None


def exists(deleted: bool) -> bool:  # noqa: FBT001 - a member of the wire
    """Say whether a customer is more than the id that deleting leaves."""
    return not deleted


def customer_number(metadata: dict[str, str]) -> str | None:
    """Return the number that the organisation keeps with the customer."""
    return metadata.get(CUSTOMER_NUMBER)


def language(locales: list[str]) -> str | None:
    """Return the first of the customer's languages."""
    return locales[0] if locales else None


PARTY = Mapping(
    records.Party,
    wire.Customer,
    {
        "record_id": take("id"),
        "owner": take("id"),
        "full_name": take("name"),
        "language": take("preferred_locales", via=language),
        "customer_number": take("metadata", via=customer_number),
        "customer_since": take("created", via=day),
    },
    when=take("deleted", via=exists),
)
CHANGED_PARTY = Mapping(
    records.Party, wire.Event, PARTY.members, each=take("data", via=lambda told: (told.object,)), when=PARTY.when
)

EMAIL = Mapping(
    records.ContactMedium,
    wire.Customer,
    {
        "record_id": take("id", via=lambda customer: f"{customer}/email"),
        "owner": take("id"),
        "kind": always(ContactKind.EMAIL),
        "value": take("email"),
        "label": always("invoices"),
    },
    when=take("email"),
)
PHONE = Mapping(
    records.ContactMedium,
    wire.Customer,
    {
        "record_id": take("id", via=lambda customer: f"{customer}/phone"),
        "owner": take("id"),
        "kind": always(ContactKind.PHONE),
        "value": take("phone"),
        "label": always("invoices"),
    },
    when=take("phone"),
)


def postal_address(address: wire.Address) -> records.PostalAddress:
    """Translate an address; its first line is cut into street, number and addition where that is certain."""
    street, number, addition = cut_address_line(address.line1)
    return records.PostalAddress(
        street=street,
        house_number=number,
        addition=addition or address.line2 or None,
        postcode=address.postal_code,
        city=address.city,
        country=address.country,
    )


ADDRESS = Mapping(
    records.ContactMedium,
    wire.Customer,
    {
        "record_id": take("id", via=lambda customer: f"{customer}/address"),
        "owner": take("id"),
        "kind": always(ContactKind.POSTAL_ADDRESS),
        "address": take("address", via=postal_address),
        "label": always("invoices"),
    },
    when=take("address"),
)
CONTACT_MEDIA = (EMAIL, PHONE, ADDRESS)


def account_state(delinquent: bool | None, deleted: bool) -> AccountState:  # noqa: FBT001 - members of the wire
    """Say how an account stands."""
    if deleted:
        return AccountState.CLOSED
    return AccountState.DELINQUENT if delinquent else AccountState.ACTIVE


BILLING_ACCOUNT = Mapping(
    records.BillingAccount,
    wire.Customer,
    {
        "record_id": take("id"),
        "owner": take("id"),
        "name": take("name"),
        "email": take("email"),
        "state": take("delinquent", "deleted", via=account_state),
        "balance": take("balance", "currency", via=from_minor),
        "opened_on": take("created", via=day),
    },
)


def amount_left(remaining: int | None, due: int | None, paid: int | None, currency: str | None) -> records.Money | None:
    """Return what is still to be paid; where it is not said, it is what was due without what was paid."""
    if remaining is None and due is not None and paid is not None:
        remaining = due - paid
    return from_minor(remaining, currency)


def article(price: wire.Price | None) -> str | None:
    """Return the id of the article, which is the product in the other systems too."""
    return price.product if price else None


def invoice_lines(lines: wire.Lines | None) -> list[records.InvoiceLine] | None:
    """Translate the lines; None rather than a part of them."""
    if lines is None or lines.has_more:
        return None
    return [
        records.InvoiceLine(
            description=line.description,
            quantity=Decimal(line.quantity) if line.quantity is not None else None,
            amount=from_minor(line.amount, line.currency),
            product_reference=article(line.price),
        )
        for line in lines.data
    ]


INVOICE = Mapping(
    records.Invoice,
    wire.Invoice,
    {
        "record_id": take("id"),
        "owner": take("customer"),
        "number": take("number"),
        "issued_on": take("created", via=day),
        "due_on": take("due_date", via=day),
        "settlement": take("status", via=SETTLEMENTS),
        "total": take("total", "currency", via=from_minor),
        "due": take("amount_remaining", "amount_due", "amount_paid", "currency", via=amount_left),
        "lines": take("lines", via=invoice_lines),
    },
)


def price_of(items: wire.Items | None, default: wire.Price | None) -> wire.Price | None:
    """Return the price of a subscription's first item, or of an article."""
    return items.data[0].price if items and items.data else default


def product_name(name: str | None, description: str | None, items: wire.Items | None) -> str | None:
    """Return an article's name; a subscription's description, else what its price or its article is called."""
    price = price_of(items, None)
    called = price.nickname or price.product if price else None
    return name or description or called


def product_code(items: wire.Items | None, identifier: str) -> str | None:
    """Return the article's id: what a subscription is to, or the article itself."""
    return article(price_of(items, None)) if items else identifier


def product_price(items: wire.Items | None, default: wire.Price | None) -> records.Money | None:
    """Return the price for each period, or once."""
    price = price_of(items, default)
    return from_minor(price.unit_amount, price.currency) if price else None


def period(items: wire.Items | None, default: wire.Price | None) -> str | None:
    """Return the period that the price is for (ISO 8601)."""
    price = price_of(items, default)
    recurring = price.recurring if price else None
    if recurring is None or recurring.interval not in PERIODS:
        return None
    return f"P{recurring.interval_count}{PERIODS[recurring.interval]}"


def last_day(ended: int | None, ends: int | None) -> date | None:
    """Return the day on which a subscription ended, or is going to."""
    return day(ended if ended is not None else ends)


PRODUCT = Mapping(
    records.Product,
    wire.Product,
    {
        "record_id": take("id"),
        "owner": take("customer"),
        "name": take("name", "description", "items", via=product_name),
        "code": take("items", "id", via=product_code),
        "status": take("status", via=SUBSCRIPTION_STATES),
        "started_on": take("start_date", via=day),
        "ended_on": take("ended_at", "cancel_at", via=last_day),
        "price": take("items", "default_price", via=product_price),
        "period": take("items", "default_price", via=period),
    },
)


def is_bought_once(kind: str | None, price: wire.Price | None) -> bool:
    """Say whether a line is a purchase of an article, not a subscription and not a correction."""
    return kind == ONCE and price is not None and price.product is not None


PURCHASE = Mapping(
    records.Product,
    wire.Invoice,
    {
        "record_id": take("price", via=lambda price: str(price.product)),
        "name": take("description"),
        "code": take("price", via=article),
        "status": always(ProductStatus.ACTIVE),
        "started_on": take("period", via=lambda period: day(period.start) if period else None),
        "price": take("amount", "currency", via=from_minor),
    },
    outer={"owner": take("customer")},
    each=take("lines", via=lambda lines: lines.data if lines else ()),
    when=take("type", "price", via=is_bought_once),
)

CREDIT_NOTE = Mapping(records.Record, wire.CreditNote, {"record_id": take("id"), "owner": take("customer")})
