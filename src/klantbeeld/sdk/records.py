"""The unified model: what a source returned, in our words.

A connector's mapping fills these; the graph publishes them member by member, with the docstring under each member as
its description. Every member may be missing: it was not asked for, or the source does not have it. Records are msgspec
structs, which are made three times as quickly as pydantic models; what comes from outside is checked before, when a
reply is decoded into the connector's wire structs. None can be part of a cycle, so the collector does not look at them.
"""

from datetime import date, datetime
from decimal import Decimal

from msgspec import Struct

from klantbeeld.sdk.words import (
    AccountState,
    AuthorKind,
    Category,
    Channel,
    ComplaintState,
    ConsentStatus,
    ContactKind,
    DeliveryStatus,
    Direction,
    InteractionKind,
    InvoiceState,
    OrderStatus,
    PartyKind,
    PartyStatus,
    Priority,
    ProductStatus,
)


class Origin(Struct, frozen=True, gc=False):
    """Where a record came from; set by the gateway, never by a connector."""

    source: str
    customer_id: str
    fetched_at: datetime
    cached: bool = False
    stale: bool = False


class Alternative(Struct, frozen=True, gc=False):
    """A value that was not chosen: what another record says of a member, as text."""

    source: str
    value: str | None


class Choice(Struct, frozen=True, gc=False):
    """How the value of one member was chosen among several records: whose it is, by which rule, instead of what."""

    member: str
    source: str
    rule: str
    alternatives: tuple[Alternative, ...] = ()


class Record(Struct, kw_only=True, gc=False):
    """What every record carries beside its members.

    `record_id` is the source's own id. `owner` is the source's id of the customer to whom the record belongs, and is
    compared with the link before the record goes anywhere. `version` is opaque and goes back with a write. `origin` and
    `choices` are set by the gateway.
    """

    record_id: str = ""
    owner: str | None = None
    version: str | None = None
    origin: Origin | None = None
    choices: tuple[Choice, ...] = ()


class Money(Struct, frozen=True, gc=False):
    """An amount in a currency."""

    amount: Decimal
    """The amount, in units of the currency."""
    currency: str
    """ISO 4217 code."""


class Party(Record, kw_only=True):
    """Who the customer is: a person or an organisation (TM Forum 632 Party)."""

    kind: PartyKind | None = None
    """Person or organisation."""
    full_name: str | None = None
    """The name as it is written on an envelope."""
    given_name: str | None = None
    """Given name."""
    infix: str | None = None
    """Tussenvoegsel, the part before the family name that is not sorted on ("van der")."""
    family_name: str | None = None
    """Family name, without tussenvoegsel."""
    birth_date: date | None = None
    """Date of birth."""
    gender: str | None = None
    """Gender, in the source's own word."""
    language: str | None = None
    """Preferred language (BCP 47)."""
    deceased_on: date | None = None
    """Date of death; null while alive, or not known."""
    organisation_name: str | None = None
    """Registered name of an organisation."""
    kvk_number: str | None = None
    """Number in the Dutch trade register (KvK)."""
    customer_number: str | None = None
    """The number that the customer knows."""
    status: PartyStatus | None = None
    """Prospect, active or former."""
    customer_since: date | None = None
    """First day as a customer."""


class PostalAddress(Struct, frozen=True, kw_only=True, gc=False):
    """A postal address (TM Forum 673)."""

    street: str | None = None
    """Street name."""
    house_number: str | None = None
    """House number, without addition."""
    addition: str | None = None
    """Addition to the house number ("A", "2 hoog")."""
    postcode: str | None = None
    """Postcode."""
    city: str | None = None
    """Town."""
    country: str | None = None
    """ISO 3166-1 alpha-2 code."""


class ContactMedium(Record, kw_only=True):
    """A way to reach the customer (TM Forum 632 ContactMedium)."""

    kind: ContactKind | None = None
    """E-mail, phone or postal address."""
    value: str | None = None
    """The e-mail address, or the phone number in E.164; null for a postal address."""
    address: PostalAddress | None = None
    """The postal address, if it is one."""
    label: str | None = None
    """What the owner calls it ("mobile", "invoices")."""
    preferred: bool | None = None
    """Whether the customer asked to be reached this way first."""
    verified_at: datetime | None = None
    """When it was last shown to reach the customer."""


class Product(Record, kw_only=True):
    """What the customer has (TM Forum 637 Product)."""

    name: str | None = None
    """Name of the product."""
    code: str | None = None
    """The owner's number of this kind of product."""
    status: ProductStatus | None = None
    """Pending, active, suspended or ended."""
    started_on: date | None = None
    """First day."""
    ended_on: date | None = None
    """Last day, if it has ended or is going to."""
    price: Money | None = None
    """Price for each period, or once."""
    period: str | None = None
    """What the price is for, as an ISO 8601 duration; null when it was paid once."""


class OrderLine(Struct, frozen=True, kw_only=True, gc=False):
    """One line of an order."""

    description: str | None = None
    """What was ordered."""
    quantity: Decimal | None = None
    """How many."""
    amount: Money | None = None
    """Amount of the line."""
    product_reference: str | None = None
    """The billing source's id of the product, where the order names one."""


class Delivery(Struct, frozen=True, kw_only=True, gc=False):
    """One delivery of an order."""

    status: DeliveryStatus | None = None
    """Planned, under way, delivered or failed."""
    carrier: str | None = None
    """Who brings it."""
    tracking_code: str | None = None
    """The carrier's number of the parcel."""
    expected_on: date | None = None
    """Day on which it is expected."""
    delivered_at: datetime | None = None
    """When it arrived."""


class Order(Record, kw_only=True):
    """What the customer bought (TM Forum 622 ProductOrder), with its deliveries."""

    number: str | None = None
    """The number on the confirmation."""
    placed_at: datetime | None = None
    """When it was placed."""
    status: OrderStatus | None = None
    """Open, shipped, completed or cancelled."""
    total: Money | None = None
    """Total amount."""
    lines: list[OrderLine] | None = None
    """What was ordered."""
    deliveries: list[Delivery] | None = None
    """What was brought, and when."""


class BillingAccount(Record, kw_only=True):
    """An account on which invoices are made (TM Forum 666 BillingAccount)."""

    name: str | None = None
    """Name on the account."""
    email: str | None = None
    """Address to which invoices are sent."""
    state: AccountState | None = None
    """Active, delinquent or closed."""
    balance: Money | None = None
    """Carried over to the next invoice: still owed, or credit of the customer when it is negative."""
    opened_on: date | None = None
    """Day on which the account was opened."""


class InvoiceLine(Struct, frozen=True, kw_only=True, gc=False):
    """One line of an invoice."""

    description: str | None = None
    """What is charged."""
    quantity: Decimal | None = None
    """How many."""
    amount: Money | None = None
    """Amount of the line."""
    product_reference: str | None = None
    """The billing source's id of the product, where the line names one."""


class Invoice(Record, kw_only=True):
    """A bill (TM Forum 678 CustomerBill)."""

    number: str | None = None
    """The number on the invoice."""
    issued_on: date | None = None
    """Day of the invoice."""
    due_on: date | None = None
    """Last day on which it can be paid in time."""
    settlement: InvoiceState | None = None
    """The state that the source keeps; never OVERDUE."""
    total: Money | None = None
    """Total amount, with tax."""
    due: Money | None = None
    """What is still to be paid."""
    lines: list[InvoiceLine] | None = None
    """What is charged."""


class Complaint(Record, kw_only=True):
    """A complaint (TM Forum 621 TroubleTicket)."""

    number: str | None = None
    """The number that the customer knows."""
    subject: str | None = None
    """What it is about, in a few words."""
    description: str | None = None
    """The complaint in the customer's words."""
    state: ComplaintState | None = None
    """New, open, pending, solved or closed."""
    priority: Priority | None = None
    """How urgent it is."""
    channel: Channel | None = None
    """Channel through which it came in."""
    filed_at: datetime | None = None
    """When it was filed."""
    changed_at: datetime | None = None
    """When it last changed."""
    solved_at: datetime | None = None
    """When it was solved."""
    product_reference: str | None = None
    """The billing source's id of the product that it is about."""


class Comment(Record, kw_only=True):
    """Something said about a complaint."""

    author: AuthorKind | None = None
    """The customer or a member of staff."""
    body: str | None = None
    """What was said."""
    public: bool | None = None
    """Whether the customer can read it."""
    written_at: datetime | None = None
    """When."""


class Consent(Record, kw_only=True):
    """A consent: one purpose, on one channel (ISO/IEC TS 27560, DPV)."""

    purpose: str | None = None
    """What it is for."""
    channel: Channel | None = None
    """Channel for which it holds; null when it holds for all."""
    status: ConsentStatus | None = None
    """Given, withdrawn, or never asked."""
    notice_version: str | None = None
    """Version of the text that the customer saw."""
    changed_at: datetime | None = None
    """When it was given or withdrawn."""
    evidence: str | None = None
    """Where the proof is kept."""


class Preference(Record, kw_only=True):
    """A choice that the customer made about content or frequency."""

    topic: str | None = None
    """What the choice is about."""
    channel: Channel | None = None
    """Channel for which it holds; null when it holds for all."""
    subscribed: bool | None = None
    """Whether the customer wants it."""
    changed_at: datetime | None = None
    """When the choice was made."""


class Campaign(Record, kw_only=True):
    """A campaign that reached the customer."""

    name: str | None = None
    """Name of the campaign."""
    channel: Channel | None = None
    """Channel on which it went."""
    sent_at: datetime | None = None
    """When it was sent."""
    opened: bool | None = None
    """Whether the customer opened it."""


class Attribute(Record, kw_only=True):
    """A single fact that a source keeps and that has no place of its own in the model."""

    name: str | None = None
    """Name of the fact, stable within the source ("likes", "lastLogin")."""
    value: str | None = None
    """The fact as text; several values are separated by a comma."""
    category: Category | None = None
    """Data category."""
    observed_at: datetime | None = None
    """When it was seen or said."""


class Interaction(Record, kw_only=True):
    """A contact with the customer (TM Forum 683 PartyInteraction)."""

    kind: InteractionKind | None = InteractionKind.CONTACT
    """What it was: a contact, or the trace of something else on the timeline."""
    channel: Channel | None = None
    """Channel on which it took place."""
    direction: Direction | None = None
    """Who began."""
    subject: str | None = None
    """What it was about, in a few words."""
    note: str | None = None
    """What was said."""
    occurred_at: datetime | None = None
    """When."""
    reference: str | None = None
    """The complaint, order or product that it was about, as the owner names it."""
    behind: Record | None = None
    """The order, invoice or complaint whose trace this is; set by the gateway, null for a contact."""
