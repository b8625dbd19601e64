"""The customer: the one type under which everything that is known of a customer is asked."""

from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from typing import Annotated

import strawberry
from strawberry import Parent, Private

from klantbeeld.graph.answers import Answers
from klantbeeld.graph.billing import FINANCIAL, BillingAccount, Invoice, balances_of, state_of
from klantbeeld.graph.complaints import COMPLAINED, Complaint, is_open
from klantbeeld.graph.connections import After, Connection, First, merge_pages
from klantbeeld.graph.data import Data
from klantbeeld.graph.data_use import USED, DataUse
from klantbeeld.graph.eligibility import ELIGIBLE, Eligibility, ProductArgument, eligibility_of
from klantbeeld.graph.gaps import ProfileGap, profile_gaps
from klantbeeld.graph.joined import Ruled, joined
from klantbeeld.graph.marketing import (
    ALLOWED,
    RECEIVED,
    Attribute,
    Campaign,
    Consent,
    Preference,
    effective_consents,
)
from klantbeeld.graph.money import Money
from klantbeeld.graph.party import PERSONAL, ContactMedium, Party
from klantbeeld.graph.products import BOUGHT, HELD, Order, Product
from klantbeeld.graph.profile_fields import PROFILE
from klantbeeld.graph.quality import MEASURED_DATA, DataQuality, quality_of
from klantbeeld.graph.sourced import Node, SourceStatus
from klantbeeld.graph.statuses import statuses_of
from klantbeeld.graph.survivorship import owner_first
from klantbeeld.graph.timeline import HAPPENED, TIMELINE, Interaction, timeline
from klantbeeld.identity.links import Links
from klantbeeld.sdk import records
from klantbeeld.sdk.read import Read
from klantbeeld.sdk.roles import ANALYTICS, BILLING, COMPLAINTS, CRM, EXTERNAL, MARKETING
from klantbeeld.sdk.words import Category, Channel, InvoiceState, ProductStatus
from klantbeeld.sources.questions import Subject

IDENTITY = Data(owner="CRM", category=Category.REGISTRATION, scope="customer:read")
LINKED = Data(owner="CRM", category=Category.REGISTRATION, scope="identity:read")

PAGE = ("first", "after")

# By what pages are sorted.
STARTED, PLACED, ISSUED, FILED = (attrgetter(name) for name in ("started_on", "placed_at", "issued_on", "filed_at"))

FACTS = {category: replace(RECEIVED, category=category) for category in Category}

COMPARED = "origins.alternatives"
COMPARED_WITH = ((BILLING, HELD), (COMPLAINTS, COMPLAINED), (MARKETING, ALLOWED))


@strawberry.type(description="A record that belongs to the customer (TM Forum 632 ExternalReference).")
class Link:
    """One verwijzing of the identity map."""

    source: str = strawberry.field(description="Name of the source.")
    record_id: str = strawberry.field(description="The source's own id of the customer.")
    since: datetime = strawberry.field(description="From when it holds.")
    origin: str = strawberry.field(description="How it came about: imported, met, or decided.")
    decided_by: str = strawberry.field(description="The person, rule or file that decided.")
    score: float | None = strawberry.field(description="Score between 0 and 1, where one was given.")
    evidence: list[str] = strawberry.field(description="Codes of what spoke for it.")


@strawberry.type(description="The one whom all sources know under numbers of their own (TM Forum 629 Customer).")
class Customer(Node):
    """A customer, as the identity map knows them; everything else is read when it is asked."""

    id: strawberry.ID = strawberry.field(
        description="The customer's id; never changes, never reused.", directives=[IDENTITY]
    )
    known: Private[Links]
    subjects: Private[dict[str, Subject] | None] = None
    known_once_by: Private[tuple[str, ...] | None] = None

    @joined(data=LINKED)
    def redirected_from(answers: Parent[Answers[records.Record]]) -> list[strawberry.ID] | None:
        """Ids that were merged into this one; they lead here for ever."""
        return [strawberry.ID(merged) for merged in answers.parent.known.redirected_from]

    @joined(data=LINKED)
    def links(answers: Parent[Answers[records.Record]]) -> list[Link] | None:
        """Records of sources that belong to this customer."""
        return [
            Link(
                source=link.source,
                record_id=link.record_id,
                since=link.since,
                origin=link.origin,
                decided_by=link.decided_by,
                score=link.score,
                evidence=list(link.evidence),
            )
            for link in answers.parent.known.links
        ]

    @joined(
        Read(CRM, "party"),
        *(Ruled(Read(role, "party", only_when=COMPARED), rule) for role, rule in COMPARED_WITH),
        data=PERSONAL,
    )
    def party(answers: Parent[Answers[records.Party]]) -> Party | None:
        """Who the customer is; the CRM decides, and the other systems are asked only to be compared with."""
        own = answers.by(CRM.name)
        return owner_first(answers, CRM.name) if own.some() else None

    @joined(Read(CRM, "contact_media"), data=PERSONAL)
    def contact_media(answers: Parent[Answers[records.ContactMedium]]) -> list[ContactMedium] | None:
        """E-mail addresses, phone numbers and postal addresses."""
        return answers.records if answers.some() else None

    @joined(
        Read(BILLING, "products", (*PAGE, "status"), ("started_on", "status")),
        Read(BILLING, "purchases", PAGE, ("started_on", "status"), optional=True),
        data=HELD,
    )
    def products(
        answers: Parent[Answers[records.Product]],
        first: First = 20,
        after: After = None,
        status: Annotated[ProductStatus | None, strawberry.argument(description="Only those in this state.")] = None,
    ) -> Connection[Product] | None:
        """What the customer has, newest first."""
        return merge_pages(
            answers,
            by=STARTED,
            first=first,
            keep=None if status is None else lambda product: product.status is status,
        )

    @joined(Read(CRM, "orders", (*PAGE, "since"), ("placed_at",)), data=BOUGHT)
    def orders(
        answers: Parent[Answers[records.Order]],
        first: First = 20,
        after: After = None,
        since: Annotated[
            datetime | None, strawberry.argument(description="Only what was placed at this moment or later.")
        ] = None,
    ) -> Connection[Order] | None:
        """What the customer bought, newest first, with deliveries."""
        return merge_pages(
            answers,
            by=PLACED,
            first=first,
            keep=None if since is None else lambda order: order.placed_at is not None and order.placed_at >= since,
        )

    @joined(Read(BILLING, "billing_accounts"), data=FINANCIAL)
    def billing_accounts(answers: Parent[Answers[records.BillingAccount]]) -> list[BillingAccount] | None:
        """Accounts on which invoices are made."""
        return answers.records if answers.some() else None

    @joined(
        Read(BILLING, "billing_accounts", uses=("balance",), fresh=True),
        Read(BILLING, "invoices", uses=("settlement", "due"), everything=True, fresh=True),
        data=FINANCIAL,
    )
    def balances(answers: Parent[Answers[records.Record]]) -> list[Money] | None:
        """What the customer owes: open invoices and what accounts carry over; null unless every account answered."""
        answers.demand_all()
        accounts, invoices = answers.of("billing_accounts").records, answers.of("invoices").records
        # Records, published as the type that the field names.
        if not answers.some():
            return None
        return balances_of(accounts, invoices)  # type: ignore[return-value]  # records stand for their types

    @joined(Read(BILLING, "invoices", (*PAGE, "state"), ("issued_on", "due_on", "settlement")), data=FINANCIAL)
    def invoices(
        answers: Parent[Answers[records.Invoice]],
        first: First = 20,
        after: After = None,
        state: Annotated[
            InvoiceState | None, strawberry.argument(description="Only those that are in this state today.")
        ] = None,
    ) -> Connection[Invoice] | None:
        """Invoices, newest first."""
        today = answers.moment.today
        return merge_pages(
            answers,
            by=ISSUED,
            first=first,
            keep=None if state is None else lambda invoice: state_of(invoice, today) is state,
        )

    @joined(Read(COMPLAINTS, "complaints", (*PAGE, "open"), ("filed_at", "state")), data=COMPLAINED)
    def complaints(
        answers: Parent[Answers[records.Complaint]],
        first: First = 20,
        after: After = None,
        open: Annotated[  # noqa: A002 - GraphQL's name
            bool | None, strawberry.argument(description="Only those that are open, or only those that are not.")
        ] = None,
    ) -> Connection[Complaint] | None:
        """Complaints, newest first."""
        return merge_pages(
            answers,
            by=FILED,
            first=first,
            keep=None if open is None else lambda complaint: is_open(complaint) is open,
        )

    @joined(Read(MARKETING, "consents", uses=("purpose", "channel", "status")), data=ALLOWED)
    def consents(answers: Parent[Answers[records.Consent]]) -> list[Consent] | None:
        """What was allowed, by purpose and channel; null unless every source that keeps consents answered."""
        answers.demand_all()
        if not answers.some():
            return None
        return effective_consents(answers.records)  # type: ignore[return-value]  # records stand for their types

    @joined(Read(MARKETING, "preferences"), data=ALLOWED)
    def preferences(answers: Parent[Answers[records.Preference]]) -> list[Preference] | None:
        """Choices about content and frequency."""
        return answers.records if answers.some() else None

    @joined(Read(MARKETING, "campaigns"), data=RECEIVED)
    def campaigns(answers: Parent[Answers[records.Campaign]]) -> list[Campaign] | None:
        """Campaigns that reached the customer."""
        return answers.records if answers.some() else None

    @joined(
        Read(MARKETING, "attributes", uses=("category",)),
        Read(ANALYTICS, "attributes", uses=("category",), optional=True),
        Read(EXTERNAL, "attributes", uses=("category",), optional=True),
        data=RECEIVED,
    )
    def attributes(
        answers: Parent[Answers[records.Attribute]],
        category: Annotated[
            Category | None, strawberry.argument(description="Only those of this data category.")
        ] = None,
    ) -> list[Attribute] | None:
        """Single facts that have no place of their own; categories that the caller may not read are left out."""
        if not answers.some():
            return None
        return [
            fact
            for fact in answers.records
            if (category is None or fact.category is category) and answers.may(FACTS[fact.category or Category.CUSTOM])
        ]

    @joined(*TIMELINE, data=HAPPENED)
    def interactions(
        answers: Parent[Answers[records.Record]],
        first: First = 20,
        after: After = None,
        channels: Annotated[
            list[Channel] | None, strawberry.argument(description="Only what came in on one of these channels.")
        ] = None,
        since: Annotated[
            datetime | None, strawberry.argument(description="Only what happened at this moment or later.")
        ] = None,
    ) -> Connection[Interaction] | None:
        """The timeline: contacts, purchases, deliveries, invoices and complaints, newest first."""
        return timeline(answers, first=first, channels=channels, since=since)

    @joined(data=ELIGIBLE)
    def marketing_eligibility(
        answers: Parent[Answers[records.Record]],
        channel: Annotated[
            Channel, strawberry.argument(description="Channel on which the customer would be approached.")
        ],
        product: ProductArgument = None,
    ) -> Eligibility | None:
        """Whether the customer may be approached on a channel, and what speaks against it; null means no."""
        return eligibility_of(str(answers.parent.id), channel, product)

    @joined(data=MEASURED_DATA)
    def data_quality(
        answers: Parent[Answers[records.Record]],
        view: Annotated[
            str | None, strawberry.argument(description="View of the settings whose fields and weights count.")
        ] = None,
    ) -> DataQuality | None:
        """How complete, right, up to date and free of contradiction the data is; what cannot be read is unknown."""
        return quality_of(view, answers)

    @joined(*PROFILE, data=MEASURED_DATA)
    def profile_gaps(
        answers: Parent[Answers[records.Record]],
        view: Annotated[str, strawberry.argument(description="View of the settings whose needs count.")],
    ) -> list[ProfileGap] | None:
        """What is still missing for a view, most useful first; at the end what must not be asked."""
        return profile_gaps(answers, view)

    @joined(data=USED)
    def data_use(answers: Parent[Answers[records.Record]]) -> DataUse | None:
        """For the customer: what is held of them, why and where, and who received it and when."""
        return DataUse(known=answers.parent.known)

    @joined()
    def sources(answers: Parent[Answers[records.Record]]) -> list[SourceStatus]:
        """How it went with each source, as far as this operation asked it for this customer."""
        return statuses_of(answers.asked(), answers.moment)


def customer_of(links: Links) -> Customer:
    """Make the customer of what the identity map knows."""
    return Customer(id=strawberry.ID(links.customer_id), known=links)
