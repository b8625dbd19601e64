"""What the connectors of the owning systems share: their records, the translation, reading, and how a write is sent."""

from collections.abc import Mapping as Values
from datetime import datetime
from typing import Any

from msgspec import Struct

from klantbeeld.sdk import (
    Ask,
    Call,
    Connector,
    Mapping,
    Reply,
    SourceError,
    SourceInvalid,
    SourceUnavailable,
    always,
    problem_of_status,
    reads,
    records,
    segment,
    take,
)
from klantbeeld.sdk.acts import Act
from klantbeeld.sdk.records import PostalAddress
from klantbeeld.sdk.words import ContactKind


class Customer(Struct, kw_only=True):
    """A customer as every system here has one."""

    id: str
    version: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    street: str | None = None
    number: str | None = None
    postcode: str | None = None
    city: str | None = None


class Item(Struct, kw_only=True):
    """Something that was made for a customer."""

    id: str
    customer: str
    subject: str | None = None
    note: str | None = None
    reference: str | None = None
    filed: datetime | None = None


def address_of(street: str | None, number: str | None, postcode: str | None, city: str | None) -> PostalAddress:
    """Put an address together."""
    return PostalAddress(street=street, house_number=number, postcode=postcode, city=city, country="NL")


def medium(kind: ContactKind, **members: Any) -> Mapping[records.ContactMedium]:
    """Make the mapping of one way to reach a customer."""
    found = {
        "record_id": take("id", via=lambda customer: f"{customer}/{kind.value.lower()}"),
        "owner": take("id"),
        "version": take("version"),
        "kind": always(kind),
    }
    return Mapping(records.ContactMedium, Customer, {**found, **members})


PARTY = Mapping(
    records.Party,
    Customer,
    {"record_id": take("id"), "owner": take("id"), "version": take("version"), "full_name": take("name")},
)
CONTACT_MEDIA = (
    medium(ContactKind.EMAIL, value=take("email")),
    medium(ContactKind.PHONE, value=take("phone")),
    medium(ContactKind.POSTAL_ADDRESS, address=take("street", "number", "postcode", "city", via=address_of)),
)
ACCOUNT = Mapping(
    records.BillingAccount,
    Customer,
    {
        "record_id": take("id"),
        "owner": take("id"),
        "version": take("version"),
        "name": take("name"),
        "email": take("email"),
    },
)
ITEM = Mapping(records.Record, Item, {"record_id": take("id"), "owner": take("customer")})
COMPLAINT = Mapping(
    records.Complaint,
    Item,
    {
        "record_id": take("id"),
        "owner": take("customer"),
        "subject": take("subject"),
        "description": take("note"),
        "filed_at": take("filed"),
    },
)
INTERACTION = Mapping(
    records.Interaction,
    Item,
    {"record_id": take("id"), "owner": take("customer"), "subject": take("subject"), "note": take("note")},
)


class OwningSystem(Connector):
    """What can be asked of each of the systems; `options["system"]` is the beginning of its paths."""

    def problem(self, reply: Reply) -> SourceError | None:
        """Read the word of a refusal: what a key is in use for, or was used for, proves nothing about this write."""
        problem = problem_of_status(reply)
        if problem is None or b'"in_progress"' in reply.body:
            return problem and SourceUnavailable("the key is in use")
        return SourceInvalid("the key came with another write") if b'"key_reused"' in reply.body else problem

    @reads(PARTY, resource="customer")
    def party(self, ask: Ask) -> Call[Customer]:
        """Read a customer."""
        return Call(path=f"{self.customers}/{segment(ask.key)}", record=Customer)

    @reads(*CONTACT_MEDIA, resource="customer")
    def contact_media(self, ask: Ask) -> Call[Customer]:
        """Read the same customer."""
        return self.party(ask)

    @property
    def customers(self) -> str:
        """Return where the customers are."""
        return f"/{self.options['system']}/customers"

    def made(self, ask: Ask, kind: str) -> Call[Item]:
        """Read what was made for a customer."""
        return Call(path=f"{self.customers}/{segment(ask.key)}/{kind}", items=("items",), record=Item)

    def changed(self, act: Act, values: Values[str, str | None], *headers: tuple[str, str]) -> Call[Customer]:
        """Change a customer's record."""
        return Call(
            method="PATCH",
            path=f"{self.customers}/{segment(act.customer)}",
            headers=headers,
            json={name: value for name, value in values.items() if value is not None},
            record=Customer,
            absent=frozenset(),
            sends=True,
        )

    def create(self, act: Act, kind: str, values: Values[str, str | None], *headers: tuple[str, str]) -> Call[Item]:
        """Make something for a customer."""
        return Call(
            method="POST",
            path=f"{self.customers}/{segment(act.customer)}/{kind}",
            headers=headers,
            json={name: value for name, value in values.items() if value is not None},
            record=Item,
            absent=frozenset(),
            sends=True,
        )


def contact_details(email: str | None, phone: str | None, address: PostalAddress | None) -> dict[str, str | None]:
    """Return the members of contact details."""
    known = {"email": email, "phone": phone}
    if address is None:
        return known
    return {
        **known,
        "street": address.street,
        "number": address.house_number,
        "postcode": address.postcode,
        "city": address.city,
    }


def key_of(act: Act) -> tuple[str, str]:
    """Return the header by which a system does a write once."""
    return ("idempotency-key", act.key)
