"""Mutations: one business act each, written through to the owner of what changes.

The answer says what came of it, and its `customer` is read anew after the write.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import strawberry
from strawberry import Parent

from klantbeeld.errors import RequestError
from klantbeeld.graph import inputs
from klantbeeld.graph.asked import address, checked, customer_of, nothing_sent, record_id
from klantbeeld.graph.data import Data
from klantbeeld.graph.ids import RecordId, open_record_id
from klantbeeld.graph.joined import entered
from klantbeeld.graph.nodes import BY_ID
from klantbeeld.graph.operations import (
    RESOLVED,
    Found,
    ResolveOperationInput,
    ResolveOperationModel,
    ResolveOperationPayload,
    resolved,
)
from klantbeeld.graph.payloads import MutationPayload, mutation_of, payload_of
from klantbeeld.graph.registering import RegistrationMutation
from klantbeeld.graph.roots import Roots
from klantbeeld.graph.sagas import SagaMutation
from klantbeeld.graph.tasks import TaskMutation
from klantbeeld.sdk.records import Money
from klantbeeld.sdk.roles import BILLING, COMPLAINTS, CRM, MARKETING, Role
from klantbeeld.sdk.words import Category, ConsentStatus

P = TypeVar("P", bound=MutationPayload)

# Describes the one argument that every mutation has.
ASKED = strawberry.argument(description="What is to be written, the channel it came through, and what makes it safe.")

IN_CRM = Data(owner="CRM", category=Category.SOCIAL, scope="crm:write")
IN_BILLING = Data(owner="BILLING", category=Category.CUSTOM, scope="billing:write")
# Giving money back is a decision of staff: a customer's own app changes billing details and does not hold this.
CREDITED = Data(owner="BILLING", category=Category.CUSTOM, scope="billing:credit")
IN_COMPLAINTS = Data(owner="COMPLAINTS", category=Category.CUSTOM, scope="complaints:write")
IN_MARKETING = Data(owner="MARKETING", category=Category.REGISTRATION, scope="marketing:write")


@strawberry.type(description="What came of a change of contact details.")
class ChangeContactDetailsPayload(MutationPayload):
    """What came of it."""


@strawberry.type(description="What came of a change of billing details.")
class ChangeBillingDetailsPayload(MutationPayload):
    """What came of it."""


@strawberry.type(description="What came of a credit on an invoice.")
class CreditInvoicePayload(MutationPayload):
    """What came of it."""


@strawberry.type(description="What came of a complaint that was filed.")
class FileComplaintPayload(MutationPayload):
    """What came of it."""


@strawberry.type(description="What came of a comment on a complaint.")
class CommentOnComplaintPayload(MutationPayload):
    """What came of it."""


@strawberry.type(description="What came of solving a complaint.")
class SolveComplaintPayload(MutationPayload):
    """What came of it."""


@strawberry.type(description="What came of giving a consent.")
class GiveConsentPayload(MutationPayload):
    """What came of it."""


@strawberry.type(description="What came of a choice.")
class SetPreferencePayload(MutationPayload):
    """What came of it."""


@strawberry.type(description="What came of recording an interaction.")
class RecordInteractionPayload(MutationPayload):
    """What came of it."""


@strawberry.type(description="What came of a report of wrong data.")
class ReportDataErrorPayload(MutationPayload):
    """What came of it."""


@strawberry.type(description="Acts on a customer, each written through to the system that owns what it changes.")
class Mutation(SagaMutation, RegistrationMutation, TaskMutation):
    """Acts on a customer."""

    @entered(data=IN_CRM)
    async def change_contact_details(
        roots: Parent[Roots],
        input: Annotated[inputs.ChangeContactDetailsInput, ASKED],  # noqa: A002 - GraphQL's name
    ) -> ChangeContactDetailsPayload | None:
        """Change e-mail address, phone number or postal address, in the CRM."""
        asked = checked(input, inputs.ChangeContactDetailsModel)
        values = {"email": asked.email, "phone": asked.phone, "address": address(asked.address)}
        return await _of_customer(roots, asked, Act(CRM, "change_contact_details", values), ChangeContactDetailsPayload)

    @entered(data=IN_BILLING)
    async def change_billing_details(
        roots: Parent[Roots],
        input: Annotated[inputs.ChangeBillingDetailsInput, ASKED],  # noqa: A002 - GraphQL's name
    ) -> ChangeBillingDetailsPayload | None:
        """Change name, e-mail address or postal address of the billing account."""
        asked = checked(input, inputs.ChangeBillingDetailsModel)
        values = {"name": asked.name, "email": asked.email, "address": address(asked.address)}
        return await _of_customer(
            roots, asked, Act(BILLING, "change_billing_details", values), ChangeBillingDetailsPayload
        )

    @entered(data=CREDITED)
    async def credit_invoice(
        roots: Parent[Roots],
        input: Annotated[inputs.CreditInvoiceInput, ASKED],  # noqa: A002 - GraphQL's name
    ) -> CreditInvoicePayload | None:
        """Give back an invoice, whole or in part."""
        asked = checked(input, inputs.CreditInvoiceModel)
        invoice = record_id(asked.invoice_id, "Invoice")
        amount = Money(asked.amount, asked.currency) if asked.amount is not None else None
        values = {"invoice": invoice.record_id, "amount": amount, "reason": asked.reason}
        return await _of_record(roots, asked, Act(BILLING, "credit_invoice", values), invoice, CreditInvoicePayload)

    @entered(data=IN_COMPLAINTS)
    async def file_complaint(
        roots: Parent[Roots],
        input: Annotated[inputs.FileComplaintInput, ASKED],  # noqa: A002 - GraphQL's name
    ) -> FileComplaintPayload | None:
        """File a complaint."""
        asked = checked(input, inputs.FileComplaintModel)
        product = record_id(asked.product_id, "Product").record_id if asked.product_id else None
        values = {"subject": asked.subject, "description": asked.description, "product": product}
        return await _of_customer(roots, asked, Act(COMPLAINTS, "file_complaint", values), FileComplaintPayload)

    @entered(data=IN_COMPLAINTS)
    async def comment_on_complaint(
        roots: Parent[Roots],
        input: Annotated[inputs.CommentOnComplaintInput, ASKED],  # noqa: A002 - GraphQL's name
    ) -> CommentOnComplaintPayload | None:
        """Say something about a complaint."""
        asked = checked(input, inputs.CommentOnComplaintModel)
        complaint = record_id(asked.complaint_id, "Complaint")
        values = {"complaint": complaint.record_id, "body": asked.body, "public": asked.public}
        act = Act(COMPLAINTS, "comment_on_complaint", values)
        return await _of_record(roots, asked, act, complaint, CommentOnComplaintPayload)

    @entered(data=IN_COMPLAINTS)
    async def solve_complaint(
        roots: Parent[Roots],
        input: Annotated[inputs.SolveComplaintInput, ASKED],  # noqa: A002 - GraphQL's name
    ) -> SolveComplaintPayload | None:
        """Solve a complaint, with what was done about it."""
        asked = checked(input, inputs.SolveComplaintModel)
        complaint = record_id(asked.complaint_id, "Complaint")
        values = {"complaint": complaint.record_id, "resolution": asked.resolution}
        act = Act(COMPLAINTS, "solve_complaint", values)
        return await _of_record(roots, asked, act, complaint, SolveComplaintPayload)

    @entered(data=IN_MARKETING)
    async def give_consent(
        roots: Parent[Roots],
        input: Annotated[inputs.ConsentInput, ASKED],  # noqa: A002 - GraphQL's name
    ) -> GiveConsentPayload | None:
        """Give a consent."""
        asked = checked(input, inputs.ConsentModel)
        values = {
            "purpose": asked.purpose,
            "status": ConsentStatus.GIVEN,
            "consent_channel": asked.consent_channel,
            "notice_version": asked.notice_version,
        }
        return await _of_customer(roots, asked, Act(MARKETING, "set_consent", values), GiveConsentPayload)

    @entered(data=IN_MARKETING)
    async def set_preference(
        roots: Parent[Roots],
        input: Annotated[inputs.SetPreferenceInput, ASKED],  # noqa: A002 - GraphQL's name
    ) -> SetPreferencePayload | None:
        """Make a choice about content or frequency."""
        asked = checked(input, inputs.SetPreferenceModel)
        values = {
            "topic": asked.topic,
            "subscribed": asked.subscribed,
            "preference_channel": asked.preference_channel,
        }
        return await _of_customer(roots, asked, Act(MARKETING, "set_preference", values), SetPreferencePayload)

    @entered(data=IN_CRM)
    async def record_interaction(
        roots: Parent[Roots],
        input: Annotated[inputs.RecordInteractionInput, ASKED],  # noqa: A002 - GraphQL's name
    ) -> RecordInteractionPayload | None:
        """Record a contact, so that it is in the timeline at the next read."""
        asked = checked(input, inputs.RecordInteractionModel)
        reference = open_record_id(asked.about_id).record_id if asked.about_id else None
        values = {
            "direction": asked.direction,
            "subject": asked.subject,
            "note": asked.note,
            "reference": reference,
        }
        return await _of_customer(roots, asked, Act(CRM, "record_interaction", values), RecordInteractionPayload)

    @entered(data=IN_CRM)
    async def report_data_error(
        roots: Parent[Roots],
        input: Annotated[inputs.ReportDataErrorInput, ASKED],  # noqa: A002 - GraphQL's name
    ) -> ReportDataErrorPayload | None:
        """Tell the owner of a field that what it holds is wrong."""
        asked = checked(input, inputs.ReportDataErrorModel)
        values = {"field": asked.field, "description": asked.description}
        return await _of_customer(roots, asked, Act(CRM, "report_data_error", values), ReportDataErrorPayload)

    @entered(data=RESOLVED)
    async def resolve_operation(
        roots: Parent[Roots],
        input: Annotated[ResolveOperationInput, ASKED],  # noqa: A002 - GraphQL's name
    ) -> ResolveOperationPayload | None:
        """Say of a parked write what was found out in the system itself; it goes on from there."""
        asked = checked(input, ResolveOperationModel)
        applied = asked.outcome is Found.APPLIED
        found = await roots.resolve(str(asked.operation_id), asked.step, asked, applied=applied)
        return resolved(roots, found)


@dataclass(frozen=True, slots=True)
class Act:
    """What is to be written: an act of a role, and its values."""

    role: Role
    name: str
    values: Mapping[str, Any]


async def _of_customer(roots: Roots, asked: Any, act: Act, payload: type[P]) -> P:
    """Write about a customer; raises RequestError with CUSTOMER_UNKNOWN, and nothing was sent then."""
    with nothing_sent():
        roots.key_of(asked)
        customer = await customer_of(roots, asked.customer_id)
        outcome = await roots.write(act.role, act.name, customer, act.values, asked, mutation=mutation_of(payload))
    return await payload_of(payload, roots, customer, outcome, subject=None)


async def _of_record(roots: Roots, asked: Any, act: Act, record: RecordId, payload: type[P]) -> P:
    """Write to the source where a record is at home, once that has said that it is the customer's.

    Raises RequestError with CUSTOMER_UNKNOWN or RECORD_UNKNOWN, and nothing was sent then.
    """
    with nothing_sent():
        roots.key_of(asked)
        customer = await customer_of(roots, record.customer_id)
        holder = await roots.holder(BY_ID[record.kind], record, customer)
        if holder is None:
            raise RequestError("no such record of this customer", code="RECORD_UNKNOWN")
        outcome = await roots.write(
            act.role,
            act.name,
            customer,
            act.values,
            asked,
            mutation=mutation_of(payload),
            source=record.source,
            holder=holder,
        )
    return await payload_of(payload, roots, customer, outcome, subject=record)
