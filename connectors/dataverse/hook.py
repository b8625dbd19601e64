"""What Dataverse tells by webhook: the context of a step that was registered for a table.

Nothing is signed. The registration names a word that comes along: as the header `Klantbeeld-Hook-Key` (HttpHeader), or
as `?code=` (WebhookKey), so it must only be sent over TLS. Whoever knows the word could invent a delivery, and no time
in it would say otherwise.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from klantbeeld.sdk.hooks import Changed, Delivery, Hook, Secrets, prove_word

WORD = "webhook_key"
KINDS = {
    "contact": ("party", "contact_media"),
    "salesorder": ("orders", "order"),
    "phonecall": ("interactions", "interaction"),
    "email": ("interactions", "interaction"),
    "task": ("interactions", "interaction"),
}
# The columns that lead from a row to its contact.
LEADING = {"salesorder": "customerid", "phonecall": "regardingobjectid", "email": "regardingobjectid"}


class Pair(Struct):
    """One entry of a collection: .NET writes them as lists of keys and values."""

    key: str
    value: Any = None


class Context(Struct, rename="pascal"):
    """The execution context, as far as we read it."""

    primary_entity_name: str
    primary_entity_id: str
    input_parameters: list[Pair] = []
    post_entity_images: list[Pair] = []


def read(delivery: Delivery, secrets: Secrets) -> Iterable[Changed]:
    """Read what happened to one row; a table that we do not read says nothing."""
    given = delivery.headers.get("klantbeeld-hook-key") or delivery.query.get("code")
    prove_word(secrets.get(WORD, ""), given=given)
    context = delivery.decoded(Context)
    table = context.primary_entity_name
    if table not in KINDS:
        return
    customer = context.primary_entity_id.lower() if table == "contact" else _contact(context, LEADING.get(table, ""))
    yield Changed(customer, KINDS[table])


def _contact(context: Context, column: str) -> str | None:
    """Find the contact behind a row, where what was sent holds it."""
    for attribute in _attributes(context):
        value = attribute.get("value")
        if attribute.get("key") == column and isinstance(value, dict) and value.get("LogicalName") == "contact":
            return str(value["Id"]).lower() if value.get("Id") else None
    return None


def _attributes(context: Context) -> Iterator[dict[str, Any]]:
    for pair in (*context.input_parameters, *context.post_entity_images):
        if isinstance(pair.value, dict):
            found = pair.value.get("Attributes")
            yield from (one for one in found if isinstance(one, dict)) if isinstance(found, list) else ()


HOOK = Hook((WORD,), read)
