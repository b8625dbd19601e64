"""Intents: what a mutation wants of one owner, and the order that this makes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from klantbeeld.errors import Unanswered
from klantbeeld.identity.links import Links
from klantbeeld.sdk.roles import Role
from klantbeeld.sdk.words import Channel, Guard
from klantbeeld.sources.source import Source
from klantbeeld.writes.planning import Order, PlannedStep
from klantbeeld.writes.routing import able, owner_of
from klantbeeld.writes.versions import open_version


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What a mutation wants: an act of a role, for one customer, with what makes it safe.

    `mutation` is its name in the graph. `source` is the home of the record that changes, where there is one, and
    `holder` its id of the customer; else the owner is found by its role. `values` are the act's own members. `caller`
    is who asks, in words that stay the same from request to request; with mutation and `key` it makes the operation the
    same one when it is asked again.
    """

    mutation: str
    role: Role
    act: str
    values: Mapping[str, Any]
    customer: Links
    channel: Channel
    caller: str
    key: str | None = None
    expected: str | None = None
    source: str | None = None
    holder: str | None = None


def order_of(intent: Intent, sources: Mapping[str, Source], declared: Mapping[str, str]) -> Order:
    """Make the order of an intent: one step at its owner.

    Raises Unanswered where no owner can take it, with NOT_LINKED where it does not know the customer, and with
    VERSION_NOT_SUPPORTED where it has no versions and one is expected; RequestError with VERSION_INVALID for a version
    that is not the owner's. Nothing was sent then.
    """
    owner = _owner(intent, sources, declared)
    record_ids = [link.record_id for link in intent.customer.links if link.source == owner.name]
    if not record_ids:
        raise Unanswered("NOT_LINKED", source=owner.name)
    if intent.expected is not None and owner.doings[intent.act].guard is Guard.NONE:
        raise Unanswered("VERSION_NOT_SUPPORTED", source=owner.name)
    kind = intent.role.acts[intent.act]
    act = kind(
        customer=intent.holder or record_ids[0],
        key="",
        expected=open_version(owner.name, intent.expected),
        channel=intent.channel,
        **intent.values,
    )
    return Order(
        mutation=intent.mutation,
        customer_id=intent.customer.customer_id,
        channel=intent.channel,
        caller=intent.caller,
        key=intent.key,
        asked=asked_of(intent),
        steps=(PlannedStep(act=intent.act, source=owner.name, role=intent.role.name, payload=act),),
    )


def asked_of(intent: Intent) -> Mapping[str, Any]:
    """Give what a caller asked, for the fingerprint: nothing that the gateway found out meanwhile."""
    return {
        "customer": intent.customer.customer_id,
        "act": intent.act,
        "source": intent.source,
        "values": dict(intent.values),
        "expected": intent.expected,
        "channel": intent.channel,
    }


def _owner(intent: Intent, sources: Mapping[str, Source], declared: Mapping[str, str]) -> Source:
    if intent.source is None:
        return owner_of(intent.act, intent.role, sources=sources, declared=declared)
    home = sources.get(intent.source)
    if home is None or intent.role.name not in home.roles:
        raise Unanswered("OWNER_UNKNOWN")
    return able(home, intent.act)
