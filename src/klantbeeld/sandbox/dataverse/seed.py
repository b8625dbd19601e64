"""The population as a CRM keeps it: contacts and accounts, orders with lines and deliveries, activities.

Ids that the facts do not give are derived from those that they do, so every process makes the same ones.
"""

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time
from typing import Any

from klantbeeld.sandbox.dataverse.columns import MOMENT_FORMAT
from klantbeeld.sandbox.dataverse.store import Row, Store
from klantbeeld.sandbox.dataverse.tables import (
    ACCOUNTS,
    CONTACTS,
    CURRENCIES,
    DELIVERIES,
    EMAILS,
    PHONECALLS,
    PRODUCTS,
    SALESORDERDETAILS,
    SALESORDERS,
    TASKS,
)
from klantbeeld.sandbox.facts import (
    Address,
    Delivery,
    InteractionFact,
    Order,
    OrderLine,
    Person,
    Population,
    Product,
    SystemRecord,
)

NAMESPACE = uuid.UUID("5f2a9d3e-7b1c-4e86-9c40-2d8e6f1a7b35")
EURO = {"currencyname": "Euro", "isocurrencycode": "EUR", "currencysymbol": "€"}
GENDERS: Mapping[str, int | None] = {"m": 1, "f": 2, "x": None}
STAGES = {"prospect": 100000000, "customer": 100000001, "former": 100000002}
CHANNELS = {
    "PHONE": 100000000,
    "EMAIL": 100000001,
    "CHAT": 100000002,
    "WEB": 100000003,
    "SHOP": 100000004,
    "APP": 100000005,
}
DELIVERY_STATES = {"planned": 100000000, "underway": 100000001, "delivered": 100000002, "failed": 100000003}
ORDER_STATES = {"active": (1, 3), "fulfilled": (3, 100001), "cancelled": (2, 4)}
OPT_OUTS = {
    "EMAIL": ("donotemail", "donotbulkemail"),
    "PHONE": ("donotphone",),
    "POST": ("donotpostalmail",),
    "SMS": ("new_donotsms",),
    "APP": ("new_donotapp",),
}
COUNTRIES = {"NL": "Nederland", "BE": "België", "DE": "Duitsland"}
MOBILE_PREFIX = "+316"


def derived(*parts: object) -> str:
    """Return the GUID that belongs to these parts in every process."""
    return str(uuid.uuid5(NAMESPACE, "/".join(str(part) for part in parts)))


def fill(store: Store, population: Population) -> None:
    """Put everybody that Dataverse knows into ``store``, with what they ordered and every contact with them."""
    start = datetime.combine(population.today.replace(month=1, day=1), time(), UTC)
    store.insert(CURRENCIES, {"transactioncurrencyid": derived("currency", "EUR"), **EURO}, at=start)
    for product in population.catalogue:
        store.insert(PRODUCTS, product_row(product), at=start)
    for person in population.people:
        for record in person.records.get("dataverse", ()):
            add_contact(store, person, record)
        first = person.record("dataverse")
        if first is not None:
            add_dealings(store, person, first.record_id)


def add_contact(store: Store, person: Person, record: SystemRecord) -> None:
    """Add the contact of one record, and the account of the company that the person speaks for."""
    contact = contact_row(person, record)
    if person.organisation is not None:
        account_id = derived("account", record.record_id)
        account = {
            "accountid": account_id,
            "name": person.organisation.name,
            "accountnumber": record.customer_number,
            "new_kvknumber": person.organisation.kvk,
            "emailaddress1": contact["emailaddress1"],
            "telephone1": contact["telephone1"] or contact["mobilephone"],
            **address_columns(record.address),
            "_primarycontactid_value": record.record_id,
        }
        store.insert(ACCOUNTS, account, at=record.created_at)
        contact["_parentcustomerid_value"] = account_id
    contact["modifiedon"] = record.modified_at.strftime(MOMENT_FORMAT)
    store.insert(CONTACTS, contact, at=record.created_at)


def contact_row(person: Person, record: SystemRecord) -> Row:
    """Return the contact that this record is."""
    return {
        "contactid": record.record_id,
        "firstname": record.name.given,
        "middlename": record.name.tussenvoegsel,
        "lastname": record.name.family,
        "birthdate": record.birth_date.isoformat() if record.birth_date else None,
        "gendercode": GENDERS[person.gender],
        **{f"emailaddress{place}": _at(record.emails, place - 1) for place in (1, 2, 3)},
        **phone_columns(record.phones),
        **address_columns(record.address),
        **{column: True for channel in record.opt_outs for column in OPT_OUTS[channel]},
        "new_customernumber": record.customer_number,
        "new_stage": STAGES[person.stage],
        "new_deceasedon": person.deceased_on.isoformat() if person.deceased_on else None,
        "new_language": person.language,
        "new_household": person.household,
        **({"statecode": 1, "statuscode": 2} if person.deceased_on or person.stage == "former" else {}),
    }


def phone_columns(phones: tuple[str, ...]) -> dict[str, str | None]:
    """Return the phone numbers in their columns: the first mobile and the first fixed one where they belong."""
    mobile = next((phone for phone in phones if phone.startswith(MOBILE_PREFIX)), None)
    fixed = next((phone for phone in phones if phone != mobile), None)
    others = [phone for phone in phones if phone not in (mobile, fixed)]
    return {
        "mobilephone": mobile,
        "telephone1": fixed,
        "telephone2": _at(others, 0),
        "telephone3": _at(others, 1),
    }


def address_columns(address: Address | None) -> dict[str, str | None]:
    """Return an address in its columns; none of them for no address."""
    if address is None:
        return {}
    country = COUNTRIES.get(address.country, address.country)
    return {
        "address1_line1": address.street,
        "address1_line2": str(address.house_number),
        "address1_line3": address.addition,
        "address1_postalcode": address.postcode,
        "address1_city": address.city,
        "address1_country": country,
        "address1_composite": f"{address.line}\r\n{address.postcode}  {address.city}\r\n{country}",
    }


def add_dealings(store: Store, person: Person, contact_id: str) -> None:
    """Add the orders of a person and every contact with the person."""
    for order in person.orders:
        add_order(store, order, contact_id)
    for interaction in person.interactions:
        add_activity(store, interaction, contact_id)


def add_order(store: Store, order: Order, contact_id: str) -> None:
    """Add an order with its lines and its deliveries."""
    state, reason = ORDER_STATES[order.state]
    delivered = [parcel.delivered_at for parcel in order.deliveries if parcel.delivered_at]
    row = {
        "salesorderid": order.record_id,
        "name": f"Bestelling {order.number}",
        "ordernumber": order.number,
        "_customerid_value": contact_id,
        "_transactioncurrencyid_value": derived("currency", order.currency),
        "totalamount": float(sum(line.quantity * line.unit_price for line in order.lines)),
        "submitdate": order.placed_at.strftime(MOMENT_FORMAT),
        "datefulfilled": max(delivered).strftime(MOMENT_FORMAT) if delivered else None,
        "new_channel": CHANNELS[order.channel],
        "statecode": state,
        "statuscode": reason,
    }
    store.insert(SALESORDERS, row, at=order.placed_at)
    for position, line in enumerate(order.lines, start=1):
        store.insert(SALESORDERDETAILS, line_row(order, line, position), at=order.placed_at)
    for parcel in order.deliveries:
        store.insert(DELIVERIES, delivery_row(order, parcel), at=order.placed_at)


def line_row(order: Order, line: OrderLine, position: int) -> Row:
    """Return one line of an order."""
    return {
        "salesorderdetailid": derived("line", order.record_id, position),
        "_salesorderid_value": order.record_id,
        "_productid_value": derived("product", line.product.sku),
        "productname": line.product.name,
        "productnumber": line.product.sku,
        "lineitemnumber": position,
        "quantity": line.quantity,
        "priceperunit": float(line.unit_price),
        "extendedamount": float(line.quantity * line.unit_price),
    }


def delivery_row(order: Order, parcel: Delivery) -> Row:
    """Return one delivery of an order."""
    return {
        "new_deliveryid": derived("delivery", parcel.number),
        "new_name": parcel.number,
        "new_carrier": parcel.carrier,
        "new_trackingnumber": parcel.tracking,
        "new_state": DELIVERY_STATES[parcel.state],
        "new_plannedon": parcel.planned_for.isoformat(),
        "new_deliveredon": parcel.delivered_at.strftime(MOMENT_FORMAT) if parcel.delivered_at else None,
        "_new_salesorderid_value": order.record_id,
    }


def product_row(product: Product) -> Row:
    """Return an article of the catalogue."""
    return {
        "productid": derived("product", product.sku),
        "name": product.name,
        "productnumber": product.sku,
        "price": float(product.price),
        "new_kind": product.kind,
    }


def add_activity(store: Store, fact: InteractionFact, contact_id: str) -> None:
    """Add one contact with a customer as the activity that it was; it is over."""
    ended = fact.at.strftime(MOMENT_FORMAT)
    common = {
        "activityid": fact.record_id,
        "subject": fact.subject,
        "description": fact.note,
        "actualstart": ended,
        "actualend": ended,
        "actualdurationminutes": fact.minutes,
        "_regardingobjectid_value": contact_id,
        "new_channel": CHANNELS[fact.channel],
        "statecode": 1,
    }
    table, special = KINDS[fact.kind]
    store.insert(table, {**common, **special(fact.direction == "OUT")}, at=fact.at)


KINDS: Mapping[str, tuple[Any, Callable[[bool], Row]]] = {
    "phonecall": (PHONECALLS, lambda out: {"directioncode": out, "statuscode": 2 if out else 4}),
    "email": (EMAILS, lambda out: {"directioncode": out, "statuscode": 3 if out else 4}),
    "task": (TASKS, lambda out: {"new_directioncode": out, "statuscode": 5}),
}


def _at(values: tuple[str, ...] | list[str], position: int) -> str | None:
    return values[position] if position < len(values) else None
