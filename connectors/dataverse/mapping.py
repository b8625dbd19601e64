"""From rows to the unified model, a table for each record."""

from collections.abc import Sequence
from decimal import Decimal

from klantbeeld.sdk import Mapping, always, records, take
from klantbeeld.sdk.money import from_decimal
from klantbeeld.sdk.words import (
    Channel,
    ContactKind,
    DeliveryStatus,
    Direction,
    OrderStatus,
    PartyKind,
    PartyStatus,
)

from . import records as wire

GENDERS = {1: "male", 2: "female"}
GENDER_CODES = {word: code for code, word in GENDERS.items()}
STAGES = {100000000: PartyStatus.PROSPECT, 100000001: PartyStatus.ACTIVE, 100000002: PartyStatus.FORMER}
STAGE_CODES = {stage: code for code, stage in STAGES.items()}
ORDER_STATES = {
    0: OrderStatus.OPEN,
    1: OrderStatus.SHIPPED,
    2: OrderStatus.CANCELLED,
    3: OrderStatus.COMPLETED,
    4: OrderStatus.COMPLETED,
}
DELIVERY_STATES = {
    100000000: DeliveryStatus.PLANNED,
    100000001: DeliveryStatus.UNDER_WAY,
    100000002: DeliveryStatus.DELIVERED,
    100000003: DeliveryStatus.FAILED,
}
CHANNELS = {
    100000000: Channel.PHONE,
    100000001: Channel.EMAIL,
    100000002: Channel.CHAT,
    100000003: Channel.WEB,
    100000004: Channel.SHOP,
    100000005: Channel.APP,
    100000006: Channel.SMS,
    100000007: Channel.POST,
    100000008: Channel.PUSH,
    100000009: Channel.PARTNER,
}
CHANNEL_CODES = {channel: code for code, channel in CHANNELS.items()}
TYPES = {"phonecall": Channel.PHONE, "email": Channel.EMAIL}
COUNTRY_NAMES = {"NL": "Nederland", "BE": "België", "DE": "Duitsland"}
COUNTRIES = {
    "NEDERLAND": "NL",
    "NETHERLANDS": "NL",
    "BELGIË": "BE",
    "BELGIUM": "BE",
    "DUITSLAND": "DE",
    "GERMANY": "DE",
}
PREFERS_EMAIL, PREFERS_PHONE, PREFERS_POST = 2, 3, 5
CODE_LENGTH = 2


def organisation(account: wire.Account | None, contact: str) -> wire.Account | None:
    """Return the company if this contact is the one who speaks for it; an employee is a person."""
    return account if account and account.primary_contact == contact else None


def kind(account: wire.Account | None, contact: str) -> PartyKind:
    """Tell a company by its primary contact."""
    return PartyKind.ORGANISATION if organisation(account, contact) else PartyKind.PERSON


def organisation_name(account: wire.Account | None, contact: str) -> str | None:
    """Return the company's registered name."""
    company = organisation(account, contact)
    return company.name if company else None


def kvk_number(account: wire.Account | None, contact: str) -> str | None:
    """Return the company's number in the trade register."""
    company = organisation(account, contact)
    return company.new_kvknumber if company else None


PARTY = Mapping(
    records.Party,
    wire.Contact,
    {
        "record_id": take("contactid"),
        "owner": take("contactid"),
        "version": take("etag"),
        "kind": take("account", "contactid", via=kind),
        "full_name": take("fullname"),
        "given_name": take("firstname"),
        "infix": take("middlename"),
        "family_name": take("lastname"),
        "birth_date": take("birthdate"),
        "gender": take("gendercode", via=GENDERS),
        "language": take("new_language"),
        "deceased_on": take("new_deceasedon"),
        "organisation_name": take("account", "contactid", via=organisation_name),
        "kvk_number": take("account", "contactid", via=kvk_number),
        "customer_number": take("new_customernumber"),
        "status": take("new_stage", via=STAGES),
    },
)


def reachable(column: str, medium: ContactKind, label: str, prefers: int | None) -> Mapping[records.ContactMedium]:
    """Make the mapping of one column with an e-mail address or a phone number."""
    return Mapping(
        records.ContactMedium,
        wire.Contact,
        {
            "record_id": take("contactid", via=lambda contact: f"{contact}/{column}"),
            "owner": take("contactid"),
            "version": take("etag"),
            "kind": always(medium),
            "value": take(column),
            "label": always(label),
            "preferred": take("preferredcontactmethodcode", via=lambda code: prefers is not None and code == prefers),
        },
        when=take(column),
    )


def address(  # noqa: PLR0917 - the columns of an address, in their order
    street: str | None,
    number: str | None,
    addition: str | None,
    postcode: str | None,
    city: str | None,
    land: str | None,
) -> records.PostalAddress:
    """Put an address together; this organisation keeps number and addition in lines of their own."""
    return records.PostalAddress(
        street=street,
        house_number=number,
        addition=addition,
        postcode=postcode,
        city=city,
        country=country(land),
    )


def country(name: str | None) -> str | None:
    """Return the ISO 3166-1 code of a country that is written in words; None for one that we do not know."""
    if name is None or len(name) == CODE_LENGTH:
        return name
    return COUNTRIES.get(name.upper())


ADDRESS = tuple(f"address1_{part}" for part in ("line1", "line2", "line3", "postalcode", "city", "country"))
POSTAL_ADDRESS = Mapping(
    records.ContactMedium,
    wire.Contact,
    {
        "record_id": take("contactid", via=lambda contact: f"{contact}/address1"),
        "owner": take("contactid"),
        "version": take("etag"),
        "kind": always(ContactKind.POSTAL_ADDRESS),
        "address": take(*ADDRESS, via=address),
        "preferred": take("preferredcontactmethodcode", via=lambda code: code == PREFERS_POST),
    },
    when=take("address1_line1", "address1_postalcode", via=lambda street, postcode: bool(street or postcode)),
)

CONTACT_MEDIA = (
    reachable("emailaddress1", ContactKind.EMAIL, "main", PREFERS_EMAIL),
    reachable("emailaddress2", ContactKind.EMAIL, "second", None),
    reachable("emailaddress3", ContactKind.EMAIL, "third", None),
    reachable("mobilephone", ContactKind.PHONE, "mobile", PREFERS_PHONE),
    reachable("telephone1", ContactKind.PHONE, "business", None),
    reachable("telephone2", ContactKind.PHONE, "home", None),
    reachable("telephone3", ContactKind.PHONE, "other", None),
    POSTAL_ADDRESS,
)


def money(amount: Decimal | None, currency: wire.Currency | None) -> records.Money | None:
    """Give an amount its currency; without one it is no money."""
    return from_decimal(amount, currency.isocurrencycode if currency else None)


def lines(
    rows: Sequence[wire.Line] | None, rest: str | None, currency: wire.Currency | None
) -> list[records.OrderLine] | None:
    """Translate the lines; None rather than a part of them."""
    if rows is None or rest:
        return None
    return [
        records.OrderLine(
            description=row.productname,
            quantity=row.quantity,
            amount=money(row.extendedamount, currency),
            product_reference=row.productnumber,
        )
        for row in rows
    ]


def deliveries(rows: Sequence[wire.Delivery] | None, rest: str | None) -> list[records.Delivery] | None:
    """Translate the deliveries; None rather than a part of them."""
    if rows is None or rest:
        return None
    return [
        records.Delivery(
            status=DELIVERY_STATES.get(row.new_state) if row.new_state is not None else None,
            carrier=row.new_carrier,
            tracking_code=row.new_trackingnumber,
            expected_on=row.new_plannedon,
            delivered_at=row.new_deliveredon,
        )
        for row in rows
    ]


ORDER = Mapping(
    records.Order,
    wire.Order,
    {
        "record_id": take("salesorderid"),
        "owner": take("customer"),
        "version": take("etag"),
        "number": take("ordernumber"),
        "placed_at": take("submitdate"),
        "status": take("statecode", via=ORDER_STATES),
        "total": take("totalamount", "currency", via=money),
        "lines": take("lines", "lines_rest", "currency", via=lines),
        "deliveries": take("deliveries", "deliveries_rest", via=deliveries),
    },
)

Special = wire.PhoneCall | wire.Task


def special(calls: Sequence[Special], emails: Sequence[Special], tasks: Sequence[Special]) -> Special | None:
    """Return the row of the activity's own type, if it is one that we know."""
    return next(iter((*calls, *emails, *tasks)), None)


def channel(
    activity_type: str | None, calls: Sequence[Special], emails: Sequence[Special], tasks: Sequence[Special]
) -> Channel | None:
    """Return the custom channel, else the one that the type implies."""
    row = special(calls, emails, tasks)
    implied = TYPES.get(activity_type) if activity_type else None
    return CHANNELS.get(row.new_channel, implied) if row and row.new_channel is not None else implied


def direction(calls: Sequence[Special], emails: Sequence[Special], tasks: Sequence[Special]) -> Direction | None:
    """Translate the direction; true is outgoing."""
    row = special(calls, emails, tasks)
    outgoing = row.new_directioncode if isinstance(row, wire.Task) else row.directioncode if row else None
    return {True: Direction.OUTBOUND, False: Direction.INBOUND}.get(outgoing) if outgoing is not None else None


def reference(calls: Sequence[Special], emails: Sequence[Special], tasks: Sequence[Special]) -> str | None:
    """Return what the activity was about: a complaint, else a product."""
    row = special(calls, emails, tasks)
    return (row.new_complaintreference or row.new_productreference) if row else None


INTERACTION = Mapping(
    records.Interaction,
    wire.Activity,
    {
        "record_id": take("activityid"),
        "owner": take("regarding"),
        "version": take("etag"),
        "channel": take("activitytypecode", "phonecalls", "emails", "tasks", via=channel),
        "direction": take("phonecalls", "emails", "tasks", via=direction),
        "subject": take("subject"),
        "note": take("description"),
        "occurred_at": take("actualend"),
        "reference": take("phonecalls", "emails", "tasks", via=reference),
    },
)
