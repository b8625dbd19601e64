"""How a URL or a reference points at one row: by GUID, or by an alternate key such as ``new_customernumber='K1'``."""

import re
import uuid

from klantbeeld.sandbox.dataverse.columns import Table
from klantbeeld.sandbox.dataverse.errors import BAD_REQUEST, KEY_NOT_FOUND, Refused, no_such_row
from klantbeeld.sandbox.dataverse.store import Row, Store

ALTERNATE_KEY = re.compile(r"^(?P<column>\w+)='(?P<value>(?:[^']|'')*)'$")


def row_at(store: Store, table: Table, key: str) -> Row:
    """Return the row that a key in parentheses points at; raise ``Refused`` (404) where there is none."""
    row = row_or_none(store, table, key)
    if row is None:
        raise no_such_row(table.name, key)
    return row


def row_or_none(store: Store, table: Table, key: str) -> Row | None:
    """Return the row that a key in parentheses points at, or None; raise ``Refused`` (400) for no key at all."""
    alternate = alternate_key(table, key)
    if alternate is None:
        return store.get(table.name, guid_text(key))
    return next(iter(store.find(table.name, *alternate)), None)


def alternate_key(table: Table, key: str) -> tuple[str, str] | None:
    """Return the column and the value of ``column='value'``, or None where ``key`` is something else."""
    match = ALTERNATE_KEY.match(key)
    if match is None:
        return None
    if match["column"] not in table.alternate_keys:
        message = f"The specified key attributes are not a defined key for the {table.name} entity."
        raise Refused(400, message, code=KEY_NOT_FOUND)
    return match["column"], match["value"].replace("''", "'")


def guid_text(key: str) -> str:
    """Return a GUID in lower case; raise ``Refused`` (400) for what is none."""
    try:
        return str(uuid.UUID(key))
    except ValueError:
        message = f"Bad Request - Error in query syntax: '{key}' is neither a GUID nor a key."
        raise Refused(400, message, code=BAD_REQUEST) from None
