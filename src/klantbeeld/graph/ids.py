"""Global ids (GraphQL Global Object Identification): a customer's own id, or a record's source, id and customer.

A record's id names its customer, so that rights on the customer are checked before a source is asked.
"""

from base64 import urlsafe_b64decode
from binascii import b2a_base64
from dataclasses import dataclass
from functools import lru_cache

from klantbeeld.errors import RequestError

# The alphabet of base64 in URLs (RFC 4648, section 5).
URL_SAFE = bytes.maketrans(b"+/", b"-_")

# What base64 ends with: the padding, and a line's end.
ENDING = b"=\n"


@dataclass(frozen=True, slots=True)
class RecordId:
    """The global id of a record, taken apart; `kind` is the name of its GraphQL type."""

    kind: str
    customer_id: str
    source: str
    record_id: str


def seal_record_id(found: RecordId) -> str:
    """Return the id as the graph shows it: URL-safe text without meaning for a client."""
    sealed = b2a_base64(found.record_id.encode()).translate(URL_SAFE, ENDING).decode()
    return sealed_prefix(found.kind, found.customer_id, found.source) + sealed


@lru_cache(maxsize=4096)
def sealed_prefix(kind: str, customer_id: str, source: str) -> str:
    """Seal what records of one kind, customer and source have in common; padded so that what follows stands alone.

    None of the parts may hold a slash.
    """
    prefix = f"{kind}/{customer_id}/{source}/".encode()
    padded = b" " * (-len(prefix) % 3) + prefix
    return b2a_base64(padded, newline=False).translate(URL_SAFE).decode("ascii")


def open_record_id(text: str) -> RecordId:
    """Take a record's id apart; raises RequestError with ID_INVALID."""
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        kind, customer_id, source, record_id = raw.decode().lstrip(" ").split("/", 3)
    except ValueError as error:
        raise RequestError("not an id of this graph", code="ID_INVALID") from error
    return RecordId(kind, customer_id, source, record_id)
