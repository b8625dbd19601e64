"""The words that records, connectors and the graph share: closed sets of values, each with its standard's name."""

from enum import StrEnum


class Category(StrEnum):
    """Data category of a field; every field has one."""

    SOCIAL = "SOCIAL"
    REGISTRATION = "REGISTRATION"
    CUSTOM = "CUSTOM"
    SYSTEM = "SYSTEM"


class Sensitivity(StrEnum):
    """How carefully a field is handled; special (GDPR Art. 9) and national numbers are off by default."""

    ORDINARY = "ORDINARY"
    FINANCIAL = "FINANCIAL"
    SPECIAL = "SPECIAL"
    NATIONAL_NUMBER = "NATIONAL_NUMBER"


class Channel(StrEnum):
    """The way along which somebody is reached or came in (TMF683 channel)."""

    APP = "APP"
    WEB = "WEB"
    CHAT = "CHAT"
    EMAIL = "EMAIL"
    PHONE = "PHONE"
    SMS = "SMS"
    POST = "POST"
    PUSH = "PUSH"
    SHOP = "SHOP"
    PARTNER = "PARTNER"


class Direction(StrEnum):
    """Who began an interaction, seen from the organisation."""

    INBOUND = "INBOUND"
    OUTBOUND = "OUTBOUND"


class InteractionKind(StrEnum):
    """What an entry of the timeline is."""

    CONTACT = "CONTACT"
    PURCHASE = "PURCHASE"
    DELIVERY = "DELIVERY"
    INVOICE = "INVOICE"
    COMPLAINT = "COMPLAINT"


class PartyKind(StrEnum):
    """Who the customer is (TMF632 Individual or Organization)."""

    PERSON = "PERSON"
    ORGANISATION = "ORGANISATION"


class PartyStatus(StrEnum):
    """Where the customer stands with the organisation (TMF629 status)."""

    PROSPECT = "PROSPECT"
    ACTIVE = "ACTIVE"
    FORMER = "FORMER"


class ContactKind(StrEnum):
    """Kind of contact medium (TMF632 mediumType)."""

    EMAIL = "EMAIL"
    PHONE = "PHONE"
    POSTAL_ADDRESS = "POSTAL_ADDRESS"


class ProductStatus(StrEnum):
    """State of what the customer has (TMF637 ProductStatusType)."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    ENDED = "ENDED"


class OrderStatus(StrEnum):
    """State of an order (TMF622 ProductOrderStateType)."""

    OPEN = "OPEN"
    SHIPPED = "SHIPPED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


class DeliveryStatus(StrEnum):
    """State of one delivery of an order."""

    PLANNED = "PLANNED"
    UNDER_WAY = "UNDER_WAY"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


class InvoiceState(StrEnum):
    """State of an invoice (TMF678 StateValue).

    A source says OPEN; whether that is OVERDUE is decided at read time, from the due date.
    """

    DRAFT = "DRAFT"
    OPEN = "OPEN"
    OVERDUE = "OVERDUE"
    PAID = "PAID"
    VOID = "VOID"
    UNCOLLECTIBLE = "UNCOLLECTIBLE"


class AccountState(StrEnum):
    """State of a billing account (TMF666)."""

    ACTIVE = "ACTIVE"
    DELINQUENT = "DELINQUENT"
    CLOSED = "CLOSED"


class ComplaintState(StrEnum):
    """State of a complaint (TMF621 TroubleTicketStatusType)."""

    NEW = "NEW"
    OPEN = "OPEN"
    PENDING = "PENDING"
    SOLVED = "SOLVED"
    CLOSED = "CLOSED"


class Priority(StrEnum):
    """How urgent a complaint is."""

    LOW = "LOW"
    NORMAL = "NORMAL"
    HIGH = "HIGH"
    URGENT = "URGENT"


class AuthorKind(StrEnum):
    """Who wrote a comment."""

    CUSTOMER = "CUSTOMER"
    STAFF = "STAFF"


class ConsentStatus(StrEnum):
    """Where a consent stands (ISO/IEC TS 27560)."""

    GIVEN = "GIVEN"
    WITHDRAWN = "WITHDRAWN"
    NOT_ASKED = "NOT_ASKED"


class MatchKind(StrEnum):
    """What a customer can be found by."""

    EMAIL = "EMAIL"
    PHONE = "PHONE"
    CUSTOMER_NUMBER = "CUSTOMER_NUMBER"
    NAME_POSTCODE_BIRTH_DATE = "NAME_POSTCODE_BIRTH_DATE"


class WriteSafety(StrEnum):
    """What an owner offers against doing a write twice; decides what the gateway may promise."""

    IDEMPOTENCY_KEY = "idempotency_key"
    IF_MATCH = "if_match"
    UNIQUE_REFERENCE = "unique_reference"
    NONE = "none"


class Guard(StrEnum):
    """What keeps a write from going over a newer change: the owner's own check, or ours.

    IF_MATCH and VERSION_FIELD: the owner compares the version that is sent along. LEASE: the owner compares nothing, so
    the gateway reads the version and writes while no other write of ours may; others' writes are not kept out. NONE:
    the owner gives no version.
    """

    IF_MATCH = "if_match"
    VERSION_FIELD = "version_field"
    LEASE = "lease"
    NONE = "none"
