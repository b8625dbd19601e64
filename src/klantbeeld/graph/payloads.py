"""What a mutation answers: what came of it, step by step, and the customer as it is now."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

import strawberry

from klantbeeld.graph.customer import Customer
from klantbeeld.graph.ids import RecordId
from klantbeeld.graph.nodes import BY_ID
from klantbeeld.graph.roots import Roots
from klantbeeld.graph.sourced import Sourced
from klantbeeld.sdk.read import Read
from klantbeeld.sdk.records import ContactMedium, Party, Record
from klantbeeld.sdk.roles import BILLING, CRM
from klantbeeld.settings import Language
from klantbeeld.texts import say
from klantbeeld.writes.outcomes import StepOutcome, WriteOutcome, WriteStatus
from klantbeeld.writes.versions import seal_version

strawberry.enum(
    WriteStatus,
    description="What came of a write: done, not done, not known, undone after it was done in part, or waiting.",
)

# What is read again to show the present values behind a conflict about the customer itself.
PRESENT: dict[str, tuple[Read, ...]] = {
    "change_contact_details": (
        Read(CRM, "party", uses=Party.__struct_fields__),
        Read(CRM, "contact_media", uses=ContactMedium.__struct_fields__),
    ),
    "change_billing_details": (
        Read(BILLING, "party", uses=Party.__struct_fields__),
        Read(BILLING, "contact_media", uses=ContactMedium.__struct_fields__),
    ),
}


@strawberry.type(description="What came of the write to one system.")
class StepResult:
    """What came of one step."""

    number: int = strawberry.field(description="Number of the step in its operation.")
    source: str = strawberry.field(description="System that was to change.")
    status: WriteStatus = strawberry.field(description="What came of it.")
    record_id: str | None = strawberry.field(description="The system's id of what was written.")
    version: str | None = strawberry.field(description="Version after the write, where the system gives one.")
    code: str | None = strawberry.field(description="Code of what went wrong.")
    message: str | None = strawberry.field(description="What went wrong, in words.")
    reason: str | None = strawberry.field(description="The system's own word for its refusal.")


@strawberry.type(description="A record that changed since the version that the write expected.")
class Conflict:
    """A record that changed meanwhile."""

    source: str = strawberry.field(description="System that refused.")
    current: list[Sourced] | None = strawberry.field(
        description="What it holds now, with the version to expect next time; null if it could not be read."
    )


@strawberry.interface(description="What a mutation answers.")
class MutationPayload:
    """What a mutation answers."""

    status: WriteStatus = strawberry.field(description="What came of it.")
    operation_id: strawberry.ID = strawberry.field(description="Id of this operation.")
    customer: Customer | None = strawberry.field(description="The customer, read after the write.")
    conflicts: list[Conflict] = strawberry.field(description="What had changed meanwhile; empty without a conflict.")
    steps: list[StepResult] = strawberry.field(description="What came of the write, system by system.")
    consistency_token: str | None = strawberry.field(
        description="Token with which a later read, on any replica, sees this write; null where every read does."
    )
    expires_at: datetime | None = strawberry.field(
        description="Until when the same idempotency key gets this answer again."
    )


P = TypeVar("P", bound=MutationPayload)


def mutation_of(payload: type[MutationPayload]) -> str:
    """Return the name of the mutation that answers with a payload: `fileComplaint` for FileComplaintPayload."""
    name = payload.__name__.removesuffix("Payload")
    return name[0].lower() + name[1:]


async def payload_of(
    kind: type[P],
    roots: Roots,
    customer: Customer | None,
    outcome: WriteOutcome,
    *,
    subject: RecordId | None,
    **more: Any,
) -> P:
    """Make the payload of an outcome; what conflicted is read as it is now. `more` are members of its own kind."""
    conflicted = [step for step in outcome.steps if step.is_conflict] if customer else []
    conflicts = [await _conflict(step, roots, customer, subject) for step in conflicted if customer]
    return kind(
        status=outcome.status,
        operation_id=strawberry.ID(outcome.operation_id),
        customer=customer,
        conflicts=conflicts,
        steps=[step_result(step, roots.moment.language) for step in outcome.steps],
        consistency_token=outcome.consistency_token,
        expires_at=outcome.expires_at,
        **more,
    )


async def _conflict(step: StepOutcome, roots: Roots, customer: Customer, subject: RecordId | None) -> Conflict:
    current: Sequence[Record]
    if subject is not None:
        found = await roots.record(BY_ID[subject.kind], subject)
        current = [found] if found else []
    else:
        answers = [(await roots.read_of(read, [customer]))[str(customer.id)] for read in PRESENT.get(step.act, ())]
        current = [record for found in answers for record in found.records if _is_at(record, step.source)]
    shown = list(current) or None
    return Conflict(source=step.source, current=shown)  # type: ignore[arg-type]  # records stand for their types


def _is_at(record: Record, source: str) -> bool:
    return record.origin is not None and record.origin.source == source


def step_result(step: StepOutcome, language: Language) -> StepResult:
    """Show what came of a step, with words in the caller's language."""
    return StepResult(
        number=step.number,
        source=step.source,
        status=step.status,
        record_id=step.record_id,
        version=seal_version(step.source, step.version),
        code=step.code,
        message=say(step.code, language, source=step.source) if step.code else None,
        reason=step.reason,
    )
