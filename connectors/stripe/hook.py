"""What Stripe tells by webhook, signed with the endpoint's secret (`Stripe-Signature`, scheme v1)."""

from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec import Struct

from klantbeeld.sdk.hooks import Changed, Delivery, Hook, HookRefused, Secrets, prove

SECRET = "endpoint_secret"  # noqa: S105 - the name of one
MOST_DIGITS = 12  # of a time in seconds
OF_CUSTOMER = ("party", "contact_media", "billing_accounts")
KINDS = {
    "customer": OF_CUSTOMER,
    "invoice": ("invoices", "invoice", "purchases", "billing_accounts"),
    "credit_note": ("invoices", "invoice", "billing_accounts"),
    "subscription": ("products", "product"),
}


class Object(Struct):
    """What happened to: its kind, its id, and the customer whose it is."""

    object: str
    id: str
    customer: str | None = None


class Told(Struct):
    """The object of an event."""

    object: Object


class Event(Struct):
    """One event."""

    data: Told


def read(delivery: Delivery, secrets: Secrets) -> Iterable[Changed]:
    """Read one event; what is nobody's customer's, or of no kind that we read, says nothing."""
    at, signatures = _signature(delivery.headers.get("stripe-signature", ""))
    prove(f"{at}.".encode() + delivery.body, secrets.get(SECRET, "").encode(), given=signatures)
    delivery.demand_recent(datetime.fromtimestamp(int(at), UTC))
    told = delivery.decoded(Event).data.object
    customer = told.id if told.object == "customer" else told.customer
    if told.object in KINDS and customer:
        yield Changed(customer, KINDS[told.object])


def _signature(header: str) -> tuple[str, list[str]]:
    """Split the header into its time and its signatures: there are two while a secret is being replaced."""
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdecimal() and len(times[0]) <= MOST_DIGITS):
        raise HookRefused("the signature names no time")
    return times[0], [value for name, _, value in pairs if name == "v1"]


HOOK = Hook((SECRET,), read)
