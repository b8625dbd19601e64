"""The customer: the one type under which everything that is known of a customer is asked."""

import strawberry
from strawberry import Parent, Private

from klantbeeld.graph.answers import Answers
from klantbeeld.graph.billing import FINANCIAL, Invoice, state_of
from klantbeeld.graph.connections import After, Connection, First, merge_pages
from klantbeeld.graph.data import Data
from klantbeeld.graph.joined import joined
from klantbeeld.graph.party import PERSONAL, ContactMedium, Party
from klantbeeld.graph.sourced import Node
from klantbeeld.identity.links import Links
from klantbeeld.sdk import records
from klantbeeld.sdk.read import Read
from klantbeeld.sdk.roles import BILLING, CRM
from klantbeeld.sdk.words import Category, InvoiceState

IDENTITY = Data(owner="CRM", category=Category.REGISTRATION, scope="customer:read")


@strawberry.type(description="The one whom all sources know under numbers of their own (TM Forum 629 Customer).")
class Customer(Node):
    """A customer, as the identity map knows them; everything else is read when it is asked."""

    id: strawberry.ID = strawberry.field(
        description="The customer's id; never changes, never reused.", directives=[IDENTITY]
    )
    redirected_from: list[strawberry.ID] = strawberry.field(
        description="Ids that were merged into this one.", directives=[IDENTITY]
    )
    links: Private[Links]

    @joined(Read(CRM, "party"), data=PERSONAL)
    def party(answers: Parent[Answers[records.Party]]) -> Party | None:
        """Who the customer is."""
        return answers.records[0] if answers.some() and answers.records else None

    @joined(Read(CRM, "contact_media"), data=PERSONAL)
    def contact_media(answers: Parent[Answers[records.ContactMedium]]) -> list[ContactMedium] | None:
        """E-mail addresses, phone numbers and postal addresses."""
        return answers.records if answers.some() else None

    @joined(Read(BILLING, "invoices", ("first", "after", "state"), ("issued_on",)), data=FINANCIAL)
    def invoices(
        answers: Parent[Answers[records.Invoice]],
        first: First = 20,
        after: After = None,
        state: InvoiceState | None = None,
    ) -> Connection[Invoice] | None:
        """Invoices, newest first."""
        today = answers.moment.now.date()
        return merge_pages(
            answers,
            by=lambda invoice: invoice.issued_on,
            first=first,
            keep=lambda invoice: state is None or state_of(invoice, today) is state,
        )


def customer_of(links: Links) -> Customer:
    """Make the customer of what the identity map knows."""
    return Customer(
        id=strawberry.ID(links.customer_id),
        redirected_from=[strawberry.ID(merged) for merged in links.redirected_from],
        links=links,
    )
