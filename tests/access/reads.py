"""One read as the trail writes it, and the key and settings that the trail's tests share."""

from datetime import UTC, datetime
from typing import Any

from klantbeeld.access.trail_chain import Entry
from klantbeeld.settings import TrailSettings

KEY = bytes(range(32))
ANNA = "019ab000-0000-7000-8000-000000000001"
BRAM = "019ab000-0000-7000-8000-000000000002"
NEVER = 3_600.0  # seconds until a group is written by itself: in these tests it never is
SETTINGS = TrailSettings(delay=NEVER)


def read(customer: str = ANNA, *, minute: int = 0, **changes: Any) -> Entry:
    facts: dict[str, Any] = {
        "at": datetime(2027, 1, 15, 8, minute, tzinfo=UTC),
        "act": "READ",
        "issuer": "https://issuer.invalid",
        "subject": "agent-7",
        "client_id": "desktop",
        "caller_class": "agent",
        "purpose": "service",
        "customers": (customer,),
        "fields": ("Customer.invoices",),
        "sources": ("billing",),
        "outcome": "OK",
    }
    return Entry(**facts | changes)
