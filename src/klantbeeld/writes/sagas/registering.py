"""The plan of registering a customer: look, make, link."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from klantbeeld.sdk.acts import RegisterCustomer
from klantbeeld.sdk.roles import CRM
from klantbeeld.sdk.words import Channel
from klantbeeld.sources.source import Source
from klantbeeld.writes.planning import PlannedStep
from klantbeeld.writes.routing import owner_of
from klantbeeld.writes.sagas.linking import LINK, Linked
from klantbeeld.writes.sagas.recognising import IDENTIFY, Described

REGISTER = "registerCustomer"
LOOK, MAKE = 0, 1  # places of the steps in the plan


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCustomer:
    """Who is to be registered: what tells people apart, and the members of the act."""

    described: Described
    values: Mapping[str, Any]


def plan_registration(
    new: NewCustomer,
    *,
    channel: Channel,
    sources: Mapping[str, Source],
    declared: Mapping[str, str],
    subject: tuple[str, str] | None,
) -> tuple[PlannedStep, ...]:
    """Plan it; raises Unanswered where no system can make customers. `subject` is the app's account that is linked."""
    owner = owner_of("register_customer", CRM, sources=sources, declared=declared)
    act = RegisterCustomer(customer="", key="", channel=channel, **new.values)
    return (
        PlannedStep(kind=IDENTIFY, act=IDENTIFY, source=owner.name, role=CRM.name, payload=new.described),
        PlannedStep(act="register_customer", source=owner.name, role=CRM.name, payload=act),
        PlannedStep(
            kind=LINK,
            act=LINK,
            source=owner.name,
            role=CRM.name,
            payload=Linked(step=MAKE, keys=new.described.keys, subject=subject),
        ),
    )
