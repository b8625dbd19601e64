"""Ways in which products say where the next page begins; for `Call.next_page`."""

from typing import Any
from urllib.parse import parse_qs, urlsplit


def last_id_while_more(envelope: Any, last: Any) -> str | None:
    """Continue after the last item's id while the envelope's `has_more` says so (Stripe's way)."""
    return last.id if last is not None and envelope.has_more else None


def query_of_link(link: str | None, name: str) -> str | None:
    """Return a query parameter of a link to the next page (OData's `$skiptoken`)."""
    values = parse_qs(urlsplit(link).query).get(name) if link else None
    return values[0] if values else None
