"""From Zendesk's objects to the unified model, a table for each record."""

from collections.abc import Sequence
from datetime import UTC, datetime

from klantbeeld.sdk import Mapping, always, records, take
from klantbeeld.sdk.words import AuthorKind, Channel, ComplaintState, ContactKind, Priority

from . import records as wire

END_USER = "end-user"
PRODUCT, CHANNEL = "product", "channel"
STATES = {
    "new": ComplaintState.NEW,
    "open": ComplaintState.OPEN,
    "pending": ComplaintState.PENDING,
    "hold": ComplaintState.PENDING,
    "solved": ComplaintState.SOLVED,
    "closed": ComplaintState.CLOSED,
}
PRIORITIES = {"low": Priority.LOW, "normal": Priority.NORMAL, "high": Priority.HIGH, "urgent": Priority.URGENT}
VIA = {
    "voice": Channel.PHONE,
    "email": Channel.EMAIL,
    "chat": Channel.CHAT,
    "web": Channel.WEB,
    "mobile_sdk": Channel.APP,
    "sms": Channel.SMS,
}


def text(number: int | None) -> str | None:
    """Write an id as the gateway keeps it."""
    return None if number is None else str(number)


def is_customer(role: str) -> bool:
    """Say whether a user is a customer; staff are users too."""
    return role == END_USER


PARTY = Mapping(
    records.Party,
    wire.User,
    {
        "record_id": take("id", via=str),
        "owner": take("id", via=str),
        "full_name": take("name"),
        "language": take("locale"),
        "customer_number": take("external_id"),
    },
    when=take("role", via=is_customer),
)


def reachable(member: str, kind: ContactKind) -> Mapping[records.ContactMedium]:
    """Make the mapping of one member with an e-mail address or a phone number."""
    return Mapping(
        records.ContactMedium,
        wire.User,
        {
            "record_id": take("id", via=lambda user: f"{user}/{member}"),
            "owner": take("id", via=str),
            "kind": always(kind),
            "value": take(member),
        },
        when=take(member),
    )


CONTACT_MEDIA = (reachable("email", ContactKind.EMAIL), reachable("phone", ContactKind.PHONE))


def stamp(moment: datetime | None) -> str | None:
    """Write the time of a ticket's last change as `updated_stamp` wants it back."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if moment else None


def meaning(fields: Sequence[wire.FieldValue], wanted: str) -> str | None:
    """Return the value of the field with this meaning, if it is a text."""
    found = next((field.value for field in fields if field.meaning == wanted), None)
    return found if isinstance(found, str) and found else None


def product(fields: Sequence[wire.FieldValue]) -> str | None:
    """Return the product that the complaint is about."""
    return meaning(fields, PRODUCT)


def channel(fields: Sequence[wire.FieldValue], via: wire.Via | None) -> Channel | None:
    """Return the channel that staff wrote down, else the one that the ticket came in by."""
    written = (meaning(fields, CHANNEL) or "").upper()
    if written in Channel.__members__:
        return Channel[written]
    return VIA.get(via.channel) if via and via.channel else None


COMPLAINT = Mapping(
    records.Complaint,
    wire.Ticket,
    {
        "record_id": take("id", via=str),
        "owner": take("requester_id", via=text),
        "version": take("updated_at", via=stamp),
        "number": take("id", via=str),
        "subject": take("subject"),
        "description": take("description"),
        "state": take("status", via=STATES),
        "priority": take("priority", via=PRIORITIES),
        "channel": take("custom_fields", "via", via=channel),
        "filed_at": take("created_at"),
        "changed_at": take("updated_at"),
        "product_reference": take("custom_fields", via=product),
    },
)


def author(role: str | None) -> AuthorKind | None:
    """Tell the customer from staff."""
    if role is None:
        return None
    return AuthorKind.CUSTOMER if role == END_USER else AuthorKind.STAFF


COMMENT = Mapping(
    records.Comment,
    wire.Comment,
    {
        "record_id": take("id", via=str),
        "author": take("author_id", "role", via=lambda _, role: author(role)),
        "body": take("plain_body"),
        "public": take("public"),
        "written_at": take("created_at"),
    },
)
SAVED = Mapping(
    records.Complaint,
    wire.Saved,
    {name: COMPLAINT.members[name] for name in ("record_id", "owner", "version")},
    each=take("ticket", via=lambda ticket: (ticket,)),
)
