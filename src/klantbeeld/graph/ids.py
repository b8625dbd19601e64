"""Global ids (GraphQL Global Object Identification): a customer's own id, or a record's source, id and customer.

A record's id names its customer, so that rights on the customer are checked before a source is asked.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

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
    return seal_parts(found.kind, found.customer_id, found.source, found.record_id)


def seal_parts(kind: str, customer_id: str, source: str, record_id: str) -> str:
    """Return the id of a record by its parts; none but the last may hold a slash."""
    return urlsafe_b64encode(f"{kind}/{customer_id}/{source}/{record_id}".encode()).decode("ascii").rstrip("=")


def open_record_id(text: str) -> RecordId:
    """Take a record's id apart; raises RequestError with ID_INVALID."""
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        kind, customer_id, source, record_id = raw.decode().split("/", 3)
    except ValueError as error:
        raise RequestError("not an id of this graph", code="ID_INVALID") from error
    return RecordId(kind, customer_id, source, record_id)
