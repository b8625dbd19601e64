"""From a customer of this system to the unified model.

The model has no place for a segment and a VIP mark: they are attributes. It has no word for `dormant`.
"""

from datetime import date, datetime

from klantbeeld.sdk import Mapping, always, records, take
from klantbeeld.sdk.words import Category, ContactKind, PartyStatus

from . import records as wire

STATUSES = {"active": PartyStatus.ACTIVE, "closed": PartyStatus.FORMER}


def day(moment: datetime | None) -> date | None:
    """Return the day of a moment."""
    return moment.date() if moment else None


def postal_address(address: wire.Address) -> records.PostalAddress:
    """Translate an address; its first line is kept whole."""
    return records.PostalAddress(
        street=address.line1, city=address.city, postcode=address.postal_code, country=address.country
    )


PARTY = Mapping(
    records.Party,
    wire.Customer,
    {
        "record_id": take("id"),
        "owner": take("id"),
        "customer_number": take("id"),
        "given_name": take("first_name"),
        "family_name": take("last_name"),
        "full_name": take("full_name"),
        "status": take("status", via=STATUSES),
        "customer_since": take("created_at", via=day),
        "language": take("language"),
    },
)
EMAIL = Mapping(
    records.ContactMedium,
    wire.Customer,
    {
        "record_id": take("id", via=lambda customer: f"{customer}/email"),
        "owner": take("id"),
        "kind": always(ContactKind.EMAIL),
        "value": take("email"),
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
    },
    when=take("phone"),
)
ADDRESS = Mapping(
    records.ContactMedium,
    wire.Customer,
    {
        "record_id": take("id", via=lambda customer: f"{customer}/address"),
        "owner": take("id"),
        "kind": always(ContactKind.POSTAL_ADDRESS),
        "address": take("address", via=postal_address),
    },
    when=take("address"),
)
SEGMENT = Mapping(
    records.Attribute,
    wire.Customer,
    {
        "record_id": take("id", via=lambda customer: f"{customer}/segment"),
        "owner": take("id"),
        "name": always("segment"),
        "value": take("segment"),
        "category": always(Category.CUSTOM),
    },
    when=take("segment"),
)
VIP = Mapping(
    records.Attribute,
    wire.Customer,
    {
        "record_id": take("id", via=lambda customer: f"{customer}/vip"),
        "owner": take("id"),
        "name": always("vip"),
        "value": take("vip", via=lambda vip: "true" if vip else "false"),
        "category": always(Category.CUSTOM),
    },
)
