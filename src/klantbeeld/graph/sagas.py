"""Mutations over several systems: each a plan of steps, of which the answer says what came of every one."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, get_type_hints

import msgspec
import strawberry
from strawberry import Parent

from klantbeeld.errors import Forbidden, RequestError
from klantbeeld.graph import inputs, saga_inputs
from klantbeeld.graph.asked import address, checked, customer_of, nothing_sent, record_id
from klantbeeld.graph.customer import Customer
from klantbeeld.graph.data import Data
from klantbeeld.graph.ids import RecordId, open_record_id
from klantbeeld.graph.joined import entered
from klantbeeld.graph.nodes import BY_ID
from klantbeeld.graph.payloads import MutationPayload, payload_of
from klantbeeld.graph.roots import Roots
from klantbeeld.sdk.records import Money
from klantbeeld.sdk.sagas import Given, Home, Saga
from klantbeeld.sdk.words import Category
from klantbeeld.writes.sagas import catalogue
from klantbeeld.writes.sagas.complaint_credit import CLOSE_COMPLAINT, Credit

P = TypeVar("P", bound=MutationPayload)

ASKED = strawberry.argument(description="What is to be written, the channel it came through, and what makes it safe.")
MOVED = Data(owner="CRM", category=Category.SOCIAL, scope="crm:write")
CREDITED = Data(owner="BILLING", category=Category.CUSTOM, scope="billing:credit")
CONSENTED = Data(owner="MARKETING", category=Category.REGISTRATION, scope="marketing:write")
RUN = Data(owner="CRM", category=Category.CUSTOM, scope="sagas:run")

# What a caller has to hold for each system that a saga changes, beside the scope of its field.
NEEDED: Mapping[str, tuple[str, ...]] = {
    catalogue.CHANGE_ADDRESS: ("billing:write", "marketing:write"),
    catalogue.CHANGE_EMAIL: ("billing:write", "marketing:write"),
    CLOSE_COMPLAINT: ("complaints:write",),
}


@strawberry.type(description="What came of a move.")
class ChangeAddressPayload(MutationPayload):
    """What came of it."""


@strawberry.type(description="What came of a change of e-mail address.")
class ChangeEmailPayload(MutationPayload):
    """What came of it."""


@strawberry.type(description="What came of settling a complaint with a credit.")
class CloseComplaintWithCreditPayload(MutationPayload):
    """What came of it."""


@strawberry.type(description="What came of withdrawing a consent.")
class WithdrawConsentPayload(MutationPayload):
    """What came of it."""


@strawberry.type(description="What came of a declared saga.")
class RunSagaPayload(MutationPayload):
    """What came of it."""


@strawberry.type(description="Acts over several systems.")
class SagaMutation:
    """Acts over several systems."""

    @entered(data=MOVED)
    async def change_address(
        roots: Parent[Roots],
        input: Annotated[saga_inputs.ChangeAddressInput, ASKED],  # noqa: A002 - GraphQL's name
    ) -> ChangeAddressPayload | None:
        """Change the postal address in the CRM, and wherever billing and marketing know the customer."""
        asked = checked(input, saga_inputs.ChangeAddressModel)
        moved = address(asked.address)
        assert moved is not None  # noqa: S101 - the input has one
        given = catalogue.NewAddress(address=moved, expected=asked.expected_version)
        return await _run(roots, catalogue.CHANGE_ADDRESS, given, asked, ChangeAddressPayload)

    @entered(data=MOVED)
    async def change_email(
        roots: Parent[Roots],
        input: Annotated[saga_inputs.ChangeEmailInput, ASKED],  # noqa: A002 - GraphQL's name
    ) -> ChangeEmailPayload | None:
        """Change the e-mail address in the CRM, and wherever billing and marketing know the customer."""
        asked = checked(input, saga_inputs.ChangeEmailModel)
        given = catalogue.NewEmail(email=asked.email, expected=asked.expected_version)
        return await _run(roots, catalogue.CHANGE_EMAIL, given, asked, ChangeEmailPayload)

    @entered(data=CREDITED)
    async def close_complaint_with_credit(
        roots: Parent[Roots],
        input: Annotated[saga_inputs.CloseComplaintWithCreditInput, ASKED],  # noqa: A002 - GraphQL's name
    ) -> CloseComplaintWithCreditPayload | None:
        """Settle a complaint with a credit on an invoice; a large one waits for a second person."""
        asked = checked(input, saga_inputs.CloseComplaintWithCreditModel)
        complaint, invoice = record_id(asked.complaint_id, "Complaint"), record_id(asked.invoice_id, "Invoice")
        if complaint.customer_id != invoice.customer_id:
            raise RequestError("the two are of different customers", code="RECORD_UNKNOWN")
        customer = await customer_of(roots, complaint.customer_id)
        given = Credit(
            complaint=await home_of(roots, complaint, customer),
            invoice=await home_of(roots, invoice, customer),
            amount=Money(asked.amount, asked.currency),
            resolution=asked.resolution,
            expected=asked.expected_version,
        )
        name = CLOSE_COMPLAINT
        return await _of(roots, name, given, asked, CloseComplaintWithCreditPayload, customer, complaint)

    @entered(data=CONSENTED)
    async def withdraw_consent(
        roots: Parent[Roots],
        input: Annotated[inputs.ConsentInput, ASKED],  # noqa: A002 - GraphQL's name
    ) -> WithdrawConsentPayload | None:
        """Withdraw a consent in every system that keeps consents of the customer; it is never given back."""
        asked = checked(input, inputs.ConsentModel)
        given = catalogue.Withdrawal(
            purpose=asked.purpose,
            consent_channel=asked.consent_channel,
            notice_version=asked.notice_version,
            expected=asked.expected_version,
        )
        return await _run(roots, catalogue.WITHDRAW_CONSENT, given, asked, WithdrawConsentPayload)

    @entered(data=RUN)
    async def run_saga(
        roots: Parent[Roots],
        input: Annotated[saga_inputs.RunSagaInput, ASKED],  # noqa: A002 - GraphQL's name
    ) -> RunSagaPayload | None:
        """Begin a saga that was declared for this deployment."""
        asked = checked(input, saga_inputs.RunSagaModel)
        saga = roots.sagas.get(asked.saga)
        if saga is None:
            raise RequestError("no such saga is declared here", code="SAGA_UNKNOWN", place="input.saga")
        customer = await customer_of(roots, asked.customer_id)
        given = await _given(roots, saga, {one.name: one.value for one in asked.values}, customer)
        return await _of(roots, saga.name, given, asked, RunSagaPayload, customer, None)


async def _run(roots: Roots, name: str, given: Given, asked: Any, payload: type[P]) -> P:
    customer = await customer_of(roots, asked.customer_id)
    return await _of(roots, name, given, asked, payload, customer, None)


async def _of(  # noqa: PLR0917 - what, with what, as asked how, told how, for whom, about what
    roots: Roots,
    name: str,
    given: Given,
    asked: Any,
    payload: type[P],
    customer: Customer,
    subject: RecordId | None,
) -> P:
    with nothing_sent():
        for scope in (roots.sagas[name].scope, *NEEDED.get(name, ())):
            if refusal := roots.moment.rights.refusal(scope, category="CUSTOM", sensitivity="ORDINARY"):
                raise Forbidden(f"the act needs {scope}", code=refusal)
        outcome = await roots.run_saga(roots.sagas[name], customer, given, asked)
    return await payload_of(payload, roots, customer, outcome, subject=subject)


async def home_of(roots: Roots, record: RecordId, customer: Customer) -> Home:
    """Return where a record is at home, once its source has said that it is the customer's.

    Raises RequestError with RECORD_UNKNOWN, and Unanswered where nobody can say.
    """
    read = BY_ID.get(record.kind)
    holder = await roots.holder(read, record, customer) if read else None
    if holder is None:
        raise RequestError("no such record of this customer", code="RECORD_UNKNOWN")
    return Home(source=record.source, record_id=record.record_id, customer=holder)


async def _given(roots: Roots, saga: Saga, values: Mapping[str, str], customer: Customer) -> Given:
    """Read what a declared saga is given; raises RequestError with BAD_USER_INPUT, which names the member."""
    found: dict[str, Any] = dict(values)
    for name, kind in get_type_hints(saga.given).items():
        if kind is Home and name in values:
            record = open_record_id(values[name])
            if record.customer_id != str(customer.id):
                raise RequestError("no such record of this customer", code="RECORD_UNKNOWN")
            found[name] = msgspec.structs.asdict(await home_of(roots, record, customer))
    try:
        return msgspec.convert(found, saga.given, strict=False)
    except msgspec.ValidationError as error:
        allowed = tuple(get_type_hints(saga.given))
        raise RequestError(
            "not what the saga is given", code="BAD_USER_INPUT", place="input.values", allowed=allowed
        ) from error
