"""Payloads of writes against Dataverse: checked column by column, references bound, keys kept unique."""

import json
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from klantbeeld.sandbox.dataverse.columns import MOMENT_FORMAT, Kind, Table
from klantbeeld.sandbox.dataverse.errors import BAD_REQUEST, DUPLICATE_KEY, KEY_EXISTS, Refused
from klantbeeld.sandbox.dataverse.keys import guid_text, row_at
from klantbeeld.sandbox.dataverse.store import TABLES_BY_SET, Row, Store

BAD_PAYLOAD = "0x80048d19"
TOO_LONG = "0x80044331"
# The most characters of the columns of a contact that callers fill, as the product makes them.
LONGEST = {"address1_postalcode": 20, "address1_city": 80, "address1_line1": 250, "emailaddress1": 100}
BIND = "@odata.bind"
COMPLETED = 1
REFERENCE = re.compile(r"^(?:https?://[^/]+)?/?(?:api/data/v9\.\d/)?(?P<set>\w+)\((?P<key>[^)]*)\)$")


def read_payload(body: bytes, entity_set: str) -> dict[str, Any]:
    """Return the JSON object in ``body``; raise ``Refused`` (400) for anything else."""
    try:
        payload = json.loads(body)
    except ValueError as error:
        raise bad_payload(entity_set, "Invalid JSON.") from error
    if not isinstance(payload, dict):
        raise bad_payload(entity_set, "A JSON object was expected.")
    return payload


def values_of(store: Store, table: Table, payload: Mapping[str, Any]) -> Row:
    """Return the columns that a payload sets, in the form in which they are kept.

    Read-only columns are passed over, as in the product; unknown ones, wrong types, choices out of range and
    references to rows that are not there are refused.
    """
    values: Row = {}
    for name, value in payload.items():
        if name.endswith(BIND):
            column, row_id = bound(store, table, name.removesuffix(BIND), value)
            values[column] = row_id
        elif "@" not in name:
            column_value = plain_value(table, name, value)
            values.update(column_value)
    return values


def plain_value(table: Table, name: str, value: Any) -> Row:
    """Return one column of a payload, or nothing where the column is read-only."""
    column = table.columns.get(name)
    if name in table.lookups and value is None:
        return {table.lookups[name].column: None}
    if column is None:
        message = f"Invalid property '{name}' was found in entity 'Microsoft.Dynamics.CRM.{table.name}'."
        raise bad_payload(table.entity_set, message)
    if name.startswith("_"):
        message = "CRM do not support direct update of Entity Reference properties, Use Navigation properties instead."
        raise Refused(400, message, code=BAD_REQUEST)
    if name == table.key:
        return {name: guid_text(str(value))}
    if column.is_read_only:
        return {}
    if value is not None and column.kind is Kind.CHOICE and value not in column.labels:
        accepted = ",".join(str(option) for option in column.labels)
        message = f"The value of '{name}' on record of type '{table.name}' is outside the valid range."
        raise Refused(400, f"A validation error occurred. {message} Accepted Values: {accepted}")
    if isinstance(value, str) and len(value) > LONGEST.get(name, len(value)):
        message = (
            f"The length of the '{name}' attribute of the '{table.name}' entity exceeded the maximum allowed length"
        )
        raise Refused(400, f"A validation error occurred. {message} of '{LONGEST[name]}'.", code=TOO_LONG)
    return {name: None if value is None else converted(table, name, column.kind, value)}


def converted(table: Table, name: str, kind: Kind, value: Any) -> Any:
    """Return ``value`` as a column of ``kind`` keeps it."""
    try:
        return CONVERSIONS[kind](value)
    except (TypeError, ValueError) as error:
        message = f"Cannot convert the value of property '{name}' to the expected type '{kind.value}'."
        raise bad_payload(table.entity_set, message) from error


def bound(store: Store, table: Table, navigation: str, value: Any) -> tuple[str, str | None]:
    """Return the column and the id that ``navigation@odata.bind`` sets; null takes the reference away."""
    lookup = table.lookups.get(navigation)
    if lookup is None:
        message = f"Invalid property '{navigation}' was found in entity 'Microsoft.Dynamics.CRM.{table.name}'."
        raise bad_payload(table.entity_set, message)
    if value is None:
        return lookup.column, None
    match = REFERENCE.match(str(value))
    target = TABLES_BY_SET.get(match["set"]) if match else None
    if match is None or target is None or target.name != lookup.target:
        raise bad_payload(table.entity_set, f"'{value}' is no reference to a {lookup.target}.")
    row = row_at(store, target, match["key"])
    return lookup.column, str(row[target.key])


def refuse_duplicates(store: Store, table: Table, values: Row, *, own_id: str) -> None:
    """Raise ``Refused`` (412) where another row already has one of the table's alternate keys."""
    for column in sorted(table.alternate_keys):
        value = values.get(column)
        if value is None:
            continue
        if any(row[table.key] != own_id for row in store.find(table.name, column, value)):
            message = f"A record that has the attribute values {column} already exists."
            raise Refused(412, f"{message} The entity key requires unique values.", code=KEY_EXISTS)


def create(store: Store, table: Table, values: Row) -> Row:
    """Insert a row under the id that it brings, or a new one; raise ``Refused`` (412) where that id is taken."""
    if table.is_view:
        raise Refused(405, f"The 'Create' method does not support entities of type '{table.name}'.")
    row_id = values.get(table.key) or str(uuid.uuid4())
    if store.get(table.name, row_id):
        raise Refused(412, "A record with matching key values already exists.", code=DUPLICATE_KEY)
    refuse_duplicates(store, table, values, own_id=row_id)
    return store.insert(table, {**values, table.key: row_id})


def update(store: Store, table: Table, row: Row, values: Row) -> Row:
    """Change a row; its id stays what it is. An activity that is completed ends now, unless it says when it did."""
    if table.is_view:
        raise Refused(405, f"The 'Update' method does not support entities of type '{table.name}'.")
    changes = {name: value for name, value in values.items() if name != table.key}
    if "actualend" in table.columns and changes.get("statecode") == COMPLETED and row.get("actualend") is None:
        changes.setdefault("actualend", store.clock().astimezone(UTC).strftime(MOMENT_FORMAT))
    refuse_duplicates(store, table, changes, own_id=row[table.key])
    return store.update(table, row, changes)


def bad_payload(entity_set: str, message: str) -> Refused:
    """Return the 400 for a body that does not fit the table."""
    return Refused(
        400, f"Error identified in Payload provided by the user for Entity :'{entity_set}'. {message}", code=BAD_PAYLOAD
    )


def _moment(value: str) -> str:
    found = datetime.fromisoformat(value)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).strftime(MOMENT_FORMAT)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _number(value: Any) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    return float(Decimal(str(value))) if isinstance(value, float) else value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


CONVERSIONS: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: _text,
    Kind.GUID: guid_text,
    Kind.MOMENT: _moment,
    Kind.DAY: lambda value: date.fromisoformat(value).isoformat(),
    Kind.FLAG: _flag,
    Kind.NUMBER: _number,
    Kind.CHOICE: _number,
}
