"""Global ids (GraphQL Global Object Identification): a customer's own id, or a record's source, id and customer.

A record's id names its customer, so that rights on the customer are checked before a source is asked. It has two parts
with a dot between them: kind, customer and source in base64 for URLs (RFC 4648, section 5), which is made once for all
records that share them, and the record's own id in hexadecimal digits, which cost half as much as base64 would.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from functools import lru_cache

from klantbeeld.errors import RequestError


@dataclass(frozen=True, slots=True)
class RecordId:
    """The global id of a record, taken apart; `kind` is the name of its GraphQL type."""

    kind: str
    customer_id: str
    source: str
    record_id: str


def seal_record_id(found: RecordId) -> str:
    """Return the id as the graph shows it: URL-safe text without meaning for a client."""
    return sealed_prefix(found.kind, found.customer_id, found.source) + found.record_id.encode().hex()


@lru_cache(maxsize=4096)
def sealed_prefix(kind: str, customer_id: str, source: str) -> str:
    """Seal what records of one kind, customer and source have in common, with the dot; no part may hold a slash."""
    sealed = urlsafe_b64encode(f"{kind}/{customer_id}/{source}".encode()).rstrip(b"=")
    return f"{sealed.decode()}."


def open_record_id(text: str) -> RecordId:
    """Take a record's id apart; raises RequestError with ID_INVALID for what was not sealed here."""
    shared, _, own = text.partition(".")
    try:
        kind, customer_id, source = urlsafe_b64decode(shared + "=" * (-len(shared) % 4)).decode().split("/")
        found = RecordId(kind, customer_id, source, bytes.fromhex(own).decode())
    except ValueError as error:
        raise _not_of_this_graph() from error
    if seal_record_id(found) != text:  # both decoders pass over signs that they do not know
        raise _not_of_this_graph()
    return found


def _not_of_this_graph() -> RequestError:
    return RequestError("not an id of this graph", code="ID_INVALID")
