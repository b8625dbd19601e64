"""Data use: for the customer, what is held of them, why, where, and who received it and when (GDPR Art. 15).

What answers this is our own: the trail, the grants, and what the operator declared of each source. It is read like
anything else, by reads of a role of its own, which no configured source has.
"""

from datetime import datetime
from typing import Any

import strawberry
from strawberry import Parent, Private
from strawberry.types import Info

from klantbeeld.errors import Unanswered
from klantbeeld.graph.answers import Answers, Moment
from klantbeeld.graph.connections import After, Connection, First, merge_pages
from klantbeeld.graph.data import Data
from klantbeeld.graph.joined import computed, joined
from klantbeeld.graph.published import published
from klantbeeld.identity.links import Links
from klantbeeld.sdk.read import Read
from klantbeeld.sdk.records import Record
from klantbeeld.sdk.roles import Role
from klantbeeld.sdk.words import Category

USED = Data(owner="CRM", category=Category.REGISTRATION, scope="customer:read")


class Disclosure(Record, kw_only=True):
    """One time that somebody received or changed data of the customer, from the audit trail; never the data."""

    at: datetime
    """When."""
    changed: bool = False
    """Whether something was changed, or only read."""
    client: str
    """Client to which the answer went: an app, a desktop, a partner."""
    caller_class: str
    """Class of the caller: agent, app, partner."""
    purpose: str
    """Why, as the settings name it."""
    fields: list[str]
    """Fields that the answer could have: type and field."""
    sources: list[str]
    """Sources that answered."""
    channel: str | None = None
    """Channel through which it was asked, where it is known."""


class Granted(Record, kw_only=True):
    """What the customer lets a partner receive, from when to when."""

    client: str
    """The partner."""
    purpose: str
    """What for, as the settings name it."""
    scopes: list[str]
    """Kinds of fields that are released."""
    fields: list[str]
    """The only fields that are released; empty for all of these kinds."""
    evidence: str
    """How it was given."""
    valid_from: datetime
    """From when."""
    valid_to: datetime | None = None
    """Until when; null for no end."""
    withdrawn_at: datetime | None = None
    """When the customer withdrew it; null while that has not happened."""


class Holding(Record, kw_only=True):
    """A system in which data of customers is held."""

    source: str
    """Name of the source."""
    roles: list[str]
    """What it is for."""
    categories: list[Category]
    """Categories of data that it holds."""
    hosted_in: str
    """Country where the data is held (ISO 3166-1 alpha-2)."""
    processor: str
    """Company that runs it for the organisation (GDPR Art. 28)."""
    retention: str
    """How long it keeps what it has."""


# Of its own, and given out by no connector: what we keep ourselves, found by the customer's own id.
REGISTER = Role("REGISTER", reads={"disclosures": Disclosure, "grants": Granted, "holdings": Holding})


@published(Disclosure, None)
class DataDisclosure:
    """One time that data was received or changed."""

    @computed("purpose")
    def purpose_title(disclosure: Parent[Disclosure], info: Info[Any, Any]) -> str | None:
        """Why, in words."""
        return purpose_title(disclosure.purpose, info.context.moment)


@published(Granted, None)
class DataGrant:
    """What a partner may receive."""

    @computed("purpose")
    def purpose_title(grant: Parent[Granted], info: Info[Any, Any]) -> str | None:
        """What for, in words."""
        return purpose_title(grant.purpose, info.context.moment)

    @computed("valid_from", "valid_to", "withdrawn_at")
    def is_active(grant: Parent[Granted], info: Info[Any, Any]) -> bool:
        """Whether it holds now."""
        now = info.context.moment.now
        ended = grant.withdrawn_at is not None or (grant.valid_to is not None and grant.valid_to <= now)
        return grant.valid_from <= now and not ended


@strawberry.type(description="A system that holds data of this customer.")
class DataHolding:
    """Where data is held."""

    source: str = strawberry.field(description="Name of the source.")
    roles: list[str] = strawberry.field(description="What it is for.")
    categories: list[Category] = strawberry.field(description="Categories of data that it holds.")
    hosted_in: str = strawberry.field(description="Country where the data is held (ISO 3166-1 alpha-2).")
    processor: str = strawberry.field(description="Company that runs it for the organisation (GDPR Art. 28).")
    retention: str = strawberry.field(description="How long it keeps what it has.")


@strawberry.type(description="A reason for which data of customers is used (GDPR Art. 5(1)(b)).")
class DataPurpose:
    """Why data is used."""

    name: str = strawberry.field(description="Name, as it stands in disclosures and grants.")
    title: str = strawberry.field(description="What it is, in words.")
    categories: list[Category] = strawberry.field(description="Categories of data that may be used for it.")
    caller_classes: list[str] = strawberry.field(description="Classes of callers that may use data for it.")


@strawberry.type(description="What is done with a customer's data.")
class DataUse:
    """What is held, why, where, and who received it."""

    known: Private[Links]

    @joined(Read(REGISTER, "holdings"))
    def categories(answers: Parent[Answers[Holding]]) -> list[Category] | None:
        """Categories of data that are held of this customer."""
        held = {category for holding in _held(answers) for category in holding.categories}
        return [category for category in Category if category in held]

    @joined()
    def purposes(answers: Parent[Answers[Record]]) -> list[DataPurpose] | None:
        """Why data of customers is used here."""
        access = answers.moment.settings.access
        return [
            DataPurpose(
                name=name,
                title=getattr(purpose.title, answers.moment.language),
                categories=[Category(category) for category in purpose.categories],
                caller_classes=sorted(one for one, client in access.classes.items() if name in client.purposes),
            )
            for name, purpose in sorted(access.purposes.items())
        ]

    @joined(Read(REGISTER, "holdings"))
    def holdings(answers: Parent[Answers[Holding]]) -> list[DataHolding] | None:
        """The systems that know this customer: where they are, who runs them, how long they keep what they have."""
        return [
            DataHolding(
                source=holding.source,
                roles=holding.roles,
                categories=holding.categories,
                hosted_in=holding.hosted_in,
                processor=holding.processor,
                retention=holding.retention,
            )
            for holding in _held(answers)
        ]

    @joined(Read(REGISTER, "grants"))
    def grants(answers: Parent[Answers[Granted]]) -> list[DataGrant] | None:
        """What the customer lets partners receive, ended and withdrawn grants too, in the order they began."""
        return sorted(_not_for_partners(answers), key=lambda grant: grant.valid_from)

    @joined(Read(REGISTER, "disclosures", ("first", "after"), ("at",)))
    def disclosures(
        answers: Parent[Answers[Disclosure]], first: First = 20, after: After = None
    ) -> Connection[DataDisclosure] | None:
        """Who received or changed data of this customer, and when, newest first; the newest 1,000 can be read."""
        _not_for_partners(answers)
        return merge_pages(answers, by=lambda disclosure: disclosure.at, first=first)


def purpose_title(name: str, moment: Moment) -> str | None:
    """Return what a purpose is called in the caller's language; None for one that the settings no longer have."""
    purpose = moment.settings.access.purposes.get(name)
    return getattr(purpose.title, moment.language) if purpose else None


def _held(answers: Answers[Holding]) -> list[Holding]:
    """Return the systems that know this customer, each once."""
    linked = {link.source for link in answers.parent.known.links}
    return list({holding.source: holding for holding in _kept(answers) if holding.source in linked}.values())


def _not_for_partners(answers: Answers[Any]) -> list[Any]:
    """Return what we keep; a partner is not told with whom else the customer deals."""
    if answers.moment.rights.is_partner:
        raise Unanswered("NEVER_RELEASED")
    return _kept(answers)


def _kept(answers: Answers[Any]) -> list[Any]:
    """Return what we keep ourselves; raises Unanswered when the store does not give all of it."""
    if not answers.every or not all(answer.delivered or answer.position.ended for answer in answers):
        raise Unanswered("STORE_UNAVAILABLE", retryable=True)
    return answers.records
