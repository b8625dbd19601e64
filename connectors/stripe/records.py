"""The objects of the Stripe API, version 2023-10-16, as far as we read them.

Amounts are in the currency's smallest unit, moments in seconds since 1970.
"""

from msgspec import Struct, field


class Address(Struct, kw_only=True):
    """An address; `line1` has street and house number together."""

    line1: str | None = None
    line2: str | None = None
    postal_code: str | None = None
    city: str | None = None
    country: str | None = None


class Customer(Struct, kw_only=True):
    """A customer, which is also the billing account; one that was deleted has its id left."""

    id: str
    deleted: bool = False
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    address: Address | None = None
    balance: int | None = None
    currency: str | None = None
    delinquent: bool | None = None
    created: int | None = None
    preferred_locales: list[str] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)


class Recurring(Struct, kw_only=True):
    """How often a price is paid."""

    interval: str
    interval_count: int = 1


class Price(Struct, kw_only=True):
    """A price of an article; `product` is the article's id."""

    product: str | None = None
    nickname: str | None = None
    currency: str | None = None
    unit_amount: int | None = None
    recurring: Recurring | None = None


class Item(Struct, kw_only=True):
    """What a subscription is to; where it stands under a plan of the old kind it may name no price."""

    price: Price | None = None
    quantity: int | None = None


class Items(Struct, kw_only=True):
    """The items of a subscription."""

    data: list[Item]


class Product(Struct, kw_only=True):
    """A subscription, or an article of the catalogue.

    An article has `name` and `default_price`; the rest is a subscription's.
    """

    id: str
    name: str | None = None
    default_price: Price | None = None
    customer: str | None = None
    description: str | None = None
    items: Items | None = None
    status: str | None = None
    start_date: int | None = None
    cancel_at: int | None = None
    ended_at: int | None = None


class Period(Struct, kw_only=True):
    """What a line of an invoice is for."""

    start: int


class Line(Struct, kw_only=True):
    """A line of an invoice; `type` is `invoiceitem` for what was bought once."""

    id: str
    type: str | None = None
    description: str | None = None
    quantity: int | None = None
    amount: int | None = None
    currency: str | None = None
    price: Price | None = None
    period: Period | None = None


class Lines(Struct, kw_only=True):
    """The first lines of an invoice; `has_more` where there are others."""

    data: list[Line]
    has_more: bool = False


class Invoice(Struct, kw_only=True):
    """An invoice."""

    id: str
    customer: str | None = None
    number: str | None = None
    created: int | None = None
    due_date: int | None = None
    status: str | None = None
    currency: str | None = None
    total: int | None = None
    amount_due: int | None = None
    amount_paid: int | None = None
    amount_remaining: int | None = None
    lines: Lines | None = None


class CreditNote(Struct, kw_only=True):
    """Money given back on an invoice."""

    id: str
    number: str | None = None
    customer: str | None = None
    invoice: str | None = None
    status: str | None = None
    amount: int | None = None
    currency: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


class CreditNotes(Struct, kw_only=True):
    """The credit notes of an invoice."""

    data: list[CreditNote]


class Told(Struct, kw_only=True):
    """What an event is about."""

    object: Customer


class Event(Struct, kw_only=True):
    """Something that happened to a customer."""

    id: str
    data: Told


class Page(Struct, kw_only=True):
    """What stands beside the objects of a list, or of a search, which has a token for the next page."""

    has_more: bool = False
    next_page: str | None = None


class Failure(Struct, kw_only=True):
    """Why a request was refused; the message may quote data, so it is not read."""

    type: str = ""
    code: str | None = None


class Refusal(Struct, kw_only=True):
    """The body of a refusal."""

    error: Failure
