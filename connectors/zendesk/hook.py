"""What Zendesk tells by webhook: events of users and tickets, signed with the webhook's secret."""

from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec import Struct

from klantbeeld.sdk.hooks import Changed, Delivery, Hook, HookRefused, Secrets, in_base64, prove

SECRET = "signing_secret"  # noqa: S105 - the name of one
OF_USER = ("party", "contact_media")
OF_TICKET = ("complaints", "complaint", "comments")


class Detail(Struct):
    """What an event is about; ids are numbers in some events and texts in others."""

    id: int | str
    requester_id: int | str | None = None


class Event(Struct):
    """One event; its type is such as `zen:event-type:ticket.comment_added`."""

    type: str
    detail: Detail


def read(delivery: Delivery, secrets: Secrets) -> Iterable[Changed]:
    """Read one event; what is about neither users nor tickets says nothing."""
    at = delivery.headers.get("x-zendesk-webhook-signature-timestamp", "")
    signature = delivery.headers.get("x-zendesk-webhook-signature", "")
    secret = secrets.get(SECRET, "").encode()
    prove(at.encode() + delivery.body, secret, given=signature, spelled=in_base64)
    delivery.demand_recent(_moment(at))
    event = delivery.decoded(Event)
    subject = event.type.removeprefix("zen:event-type:").partition(".")[0]
    if subject == "user":
        yield Changed(str(event.detail.id), OF_USER)
    elif subject == "ticket":
        requester = event.detail.requester_id
        yield Changed(None if requester is None else str(requester), OF_TICKET)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise HookRefused("the signature names no time") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


HOOK = Hook((SECRET,), read)
