"""What is true of the people in the sandbox, before any system has stored it in its own way.

Each server reads these facts and keeps what its product would keep, in its product's shape. A person's
``records`` say in which systems the person is known and what each of them holds: that is where spellings differ,
addresses are old and e-mail addresses are missing. Orders, invoices, complaints and the rest belong to one system
each, so they hang on the person.

Every moment is in UTC and lies relative to the day that the population was made for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

System = Literal["dataverse", "stripe", "zendesk", "sap_customer_data_cloud"]
Stage = Literal["prospect", "customer", "former"]
Gender = Literal["f", "m", "x"]
Channel = Literal["EMAIL", "PHONE", "SMS", "POST", "APP"]
ContactChannel = Literal["PHONE", "EMAIL", "CHAT", "WEB", "SHOP", "APP"]

SYSTEMS: tuple[System, ...] = ("dataverse", "stripe", "zendesk", "sap_customer_data_cloud")


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A Dutch name. The tussenvoegsel ("van den") is data of its own; ``surname`` glues it where a system cannot."""

    given: str
    family: str
    tussenvoegsel: str | None = None
    initials: str

    @property
    def surname(self) -> str:
        """The family name with its tussenvoegsel before it: "van den Heuvel"."""
        return f"{self.tussenvoegsel} {self.family}" if self.tussenvoegsel else self.family

    @property
    def full(self) -> str:
        """The whole name as one string, for systems that have one field for it."""
        return f"{self.given} {self.surname}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """A company: its trade name and its eight-digit number in the KvK trade register."""

    name: str
    kvk: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A postal address. ``postcode`` is written "1234 AB", ``country`` is ISO 3166-1 alpha-2."""

    street: str
    house_number: int
    addition: str | None = None
    postcode: str
    city: str
    country: str = "NL"

    @property
    def line(self) -> str:
        """Street, number and addition in one line: "Lindelaan 12-A"."""
        return f"{self.street} {self.house_number}" + (f"-{self.addition}" if self.addition else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRecord:
    """What one system holds of a person, under that system's own id.

    ``record_id`` is written as the system writes it: a GUID in Dataverse, ``cus_…`` in Stripe, digits in Zendesk,
    32 hexadecimal digits (a UID) in SAP Customer Data Cloud. ``opt_outs`` are the channels on which this system was
    told not to contact the person (Dataverse: ``donotemail`` and its family), which may contradict the consents.
    The first e-mail address and phone number are the primary ones. Phone numbers are E.164.
    """

    record_id: str
    customer_number: str | None
    name: Name
    birth_date: date | None = None
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    address: Address | None = None
    opt_outs: frozenset[Channel] = frozenset()
    created_at: datetime
    modified_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """An article of the catalogue. ``interval`` is set for what is paid every month or year."""

    sku: str
    name: str
    kind: Literal["device", "accessory", "subscription"]
    price: Decimal
    currency: str = "EUR"
    interval: Literal["month", "year"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """One article in an order. ``unit_price`` is without discount, with VAT."""

    product: Product
    quantity: int
    unit_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One parcel of an order; ``delivered_at`` is None while it is under way."""

    number: str
    carrier: str
    tracking: str
    state: Literal["planned", "underway", "delivered", "failed"]
    planned_for: date
    delivered_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A purchase (Dataverse: salesorder). ``record_id`` is the GUID of the sales order."""

    record_id: str
    number: str
    placed_at: datetime
    state: Literal["active", "fulfilled", "cancelled"]
    channel: ContactChannel
    currency: str
    lines: tuple[OrderLine, ...]
    deliveries: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductHeld:
    """A product or subscription that the customer has (Stripe: a subscription, or a product on an invoice).

    ``account`` is the position of the billing account among the person's Stripe records. ``record_id`` is the id of
    the Stripe subscription (``sub_…``) for subscriptions, and None for devices, which appear as invoice lines.
    """

    product: Product
    record_id: str | None
    account: int
    status: Literal["active", "past_due", "canceled"]
    since: datetime
    until: datetime | None = None
    serial: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    """One line of an invoice; ``product`` is None for a correction or a cost."""

    description: str
    amount: Decimal
    product: Product | None = None
    quantity: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNoteFact:
    """Money given back on an invoice. ``record_id`` is ``cn_…``."""

    record_id: str
    number: str
    amount: Decimal
    reason: Literal["duplicate", "fraudulent", "order_change", "product_unsatisfactory"]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceFact:
    """An invoice in billing. ``account`` is the position of the Stripe record that it was sent to."""

    record_id: str
    number: str
    account: int
    status: Literal["draft", "open", "paid", "void", "uncollectible"]
    issued_at: datetime
    due_at: datetime
    paid_at: datetime | None = None
    currency: str = "EUR"
    lines: tuple[InvoiceLine, ...]
    credit_notes: tuple[CreditNoteFact, ...] = ()

    @property
    def total(self) -> Decimal:
        """The sum of the lines, before credit notes."""
        return sum((line.amount * line.quantity for line in self.lines), Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentFact:
    """One remark in a complaint, by the customer or by an agent."""

    author: Literal["customer", "agent"]
    body: str
    at: datetime
    public: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintFact:
    """A complaint (Zendesk: a ticket). ``record_id`` is the ticket's number, in digits."""

    record_id: str
    subject: str
    product: Product | None
    channel: ContactChannel
    status: Literal["new", "open", "pending", "hold", "solved", "closed"]
    priority: Literal["low", "normal", "high", "urgent"]
    opened_at: datetime
    solved_at: datetime | None = None
    comments: tuple[CommentFact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionFact:
    """One contact in the CRM (Dataverse: phonecall, email or task activity). ``record_id`` is the activity's GUID."""

    record_id: str
    kind: Literal["phonecall", "email", "task"]
    channel: ContactChannel
    direction: Literal["IN", "OUT"]
    subject: str
    note: str
    at: datetime
    minutes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentFact:
    """A consent that was given, and perhaps withdrawn again.

    ``purpose`` is the name of a consent statement in SAP Customer Data Cloud ("marketing", "profiling", "partners"),
    ``channel`` None where it holds for all. ``changed_at`` is when the present status came to be.
    """

    purpose: str
    channel: Channel | None
    granted: bool
    changed_at: datetime
    notice: str
    collected_through: ContactChannel


@dataclass(frozen=True, slots=True, kw_only=True)
class OptInFact:
    """A subscription to a mailing ("newsletter") over a channel; ``double`` says that the opt-in was confirmed."""

    mailing: str
    subscribed: bool
    changed_at: datetime
    double: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceFact:
    """A free choice of the customer, such as the channel or the time of day: name and value."""

    name: str
    value: str
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LikeFact:
    """Something the customer said to like."""

    name: str
    category: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationFact:
    """Somebody the customer is related to; ``person`` is that person's key, None where it is no customer."""

    kind: Literal["partner", "parent", "child", "employer", "housemate"]
    name: str
    person: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFact:
    """A campaign that was sent to the customer."""

    number: str
    name: str
    channel: Channel
    sent_at: datetime
    opened: bool
    clicked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFact:
    """A video that the customer watched, wholly or in part."""

    title: str
    product: Product | None
    at: datetime
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PostFact:
    """A public comment of the customer, under a product or a video."""

    text: str
    about: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationFact:
    """A product that the customer registered for its guarantee."""

    product: Product
    serial: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationFact:
    """Where the customer was last seen by the app."""

    city: str
    country: str
    latitude: float
    longitude: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What marketing has seen: likes, relations, campaigns, videos, comments, registrations, log-ins, location."""

    likes: tuple[LikeFact, ...] = ()
    relations: tuple[RelationFact, ...] = ()
    campaigns: tuple[CampaignFact, ...] = ()
    videos: tuple[VideoFact, ...] = ()
    posts: tuple[PostFact, ...] = ()
    registrations: tuple[RegistrationFact, ...] = ()
    logins_last_30_days: int = 0
    last_login: datetime | None = None
    location: LocationFact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One customer: who it is, which systems know of it, and what it bought, owes, said and agreed to.

    ``key`` groups the records of one customer in the cross references. Two people of the population with the same
    ``human`` are in truth one human being whom nobody has linked yet. A person with an ``organisation`` is a company
    whose name and birth date are those of its contact (Dataverse: account and primary contact).
    """

    key: str
    human: str
    name: Name
    organisation: Organisation | None = None
    birth_date: date | None
    gender: Gender
    language: Literal["nl", "en"] = "nl"
    deceased_on: date | None = None
    stage: Stage = "customer"
    household: str | None = None
    records: Mapping[System, tuple[SystemRecord, ...]]
    orders: tuple[Order, ...] = ()
    interactions: tuple[InteractionFact, ...] = ()
    products: tuple[ProductHeld, ...] = ()
    invoices: tuple[InvoiceFact, ...] = ()
    complaints: tuple[ComplaintFact, ...] = ()
    consents: tuple[ConsentFact, ...] = ()
    opt_ins: tuple[OptInFact, ...] = ()
    preferences: tuple[PreferenceFact, ...] = ()
    behaviour: Behaviour = field(default_factory=Behaviour)

    def record(self, system: System) -> SystemRecord | None:
        """Return the person's first record in ``system``, or None where that system does not know the person."""
        held = self.records.get(system, ())
        return held[0] if held else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CastMember:
    """One of the twelve fixed customers: what makes it interesting, and the person (three for three spellings)."""

    key: str
    about: str
    stories: tuple[int, ...]
    persons: tuple[Person, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Everybody the sandbox knows, the catalogue they buy from, and the day that the facts are told on."""

    today: date
    cast: tuple[CastMember, ...]
    crowd: tuple[Person, ...]
    catalogue: tuple[Product, ...]

    @property
    def people(self) -> tuple[Person, ...]:
        """The cast first, then the crowd."""
        return tuple(person for member in self.cast for person in member.persons) + self.crowd

    def member(self, key: str) -> CastMember:
        """Return the cast member with this key; raise KeyError for none."""
        return {member.key: member for member in self.cast}[key]
