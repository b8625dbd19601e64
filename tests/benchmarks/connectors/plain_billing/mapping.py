"""From an invoice of this system to the unified model."""

from decimal import Decimal

from klantbeeld.sdk import Mapping, records, take
from klantbeeld.sdk.words import InvoiceState

from . import records as wire

# Whether an open invoice is overdue is decided at read time, from its due date.
SETTLEMENTS = {"paid": InvoiceState.PAID, "open": InvoiceState.OPEN, "overdue": InvoiceState.OPEN}


def money(amount: Decimal | None, currency: str | None) -> records.Money | None:
    """Put amount and currency together."""
    return records.Money(amount, currency) if amount is not None and currency is not None else None


INVOICE = Mapping(
    records.Invoice,
    wire.Invoice,
    {
        "record_id": take("id"),
        "number": take("number"),
        "settlement": take("status", via=SETTLEMENTS),
        "total": take("amount", "currency", via=money),
        "issued_on": take("issued_on"),
        "due_on": take("due_on"),
        "due": take("balance", "currency", via=money),
    },
)
