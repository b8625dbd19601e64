"""Operations: where a write stands, for whoever asked for it, and for those who settle what nobody knows."""

from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

import strawberry
from pydantic import Field
from strawberry.experimental.pydantic import input as pydantic_input

from klantbeeld.graph import enums as enums  # noqa: PLC0414 - made before the first type
from klantbeeld.graph.connections import Connection, Edge, PageInfo, check_size
from klantbeeld.graph.customer import Customer
from klantbeeld.graph.data import Data
from klantbeeld.graph.inputs import Id, WriteModel
from klantbeeld.graph.payloads import MutationPayload, StepResult, step_result
from klantbeeld.graph.roots import FoundOperation, Roots
from klantbeeld.sdk.words import Category, Channel
from klantbeeld.writes.outcomes import WriteStatus, outcome_of

OPERATED = Data(owner="CRM", category=Category.SYSTEM, scope="customer:read")
PARKED = Data(owner="CRM", category=Category.SYSTEM, scope="operations:read")
RESOLVED = Data(owner="CRM", category=Category.SYSTEM, scope="operations:write")

MOST_STEPS = 1_000

OperationId = Annotated[strawberry.ID, strawberry.argument(description="Id of the operation.")]


@strawberry.enum(description="What a person found out about a step.")
class Found(StrEnum):
    """It was done, or it was not."""

    APPLIED = "APPLIED"
    NOT_APPLIED = "NOT_APPLIED"


@strawberry.type(description="A write: what became of it so far. It holds no values.")
class Operation:
    """A write."""

    id: strawberry.ID = strawberry.field(description="The id that the mutation answered with.")
    mutation: str = strawberry.field(description="Name of the mutation.")
    status: WriteStatus = strawberry.field(description="Where it stands.")
    parked: bool = strawberry.field(description="Whether only a person can settle it.")
    channel: Channel = strawberry.field(description="Channel through which the caller came.")
    created_at: datetime = strawberry.field(description="When it was asked.")
    updated_at: datetime = strawberry.field(description="When it last moved.")
    expires_at: datetime = strawberry.field(
        description="Until when it is kept, and the same idempotency key gets the same answer."
    )
    customer: Customer | None = strawberry.field(description="The customer, as of now.")
    steps: list[StepResult] = strawberry.field(description="Where each step stands, in their order.")
    is_final: strawberry.Private[bool]


class ResolveOperationModel(WriteModel):
    """What a person found out about a step of a parked operation."""

    operation_id: Id
    """The operation."""
    step: Annotated[int, Field(ge=0, le=MOST_STEPS)]
    """Number of the step."""
    outcome: Found
    """What was found out, in the system itself."""


@pydantic_input(
    model=ResolveOperationModel,
    all_fields=True,
    description="What a person found out about a step of a parked operation.",
)
class ResolveOperationInput:
    """What a person found out."""


@strawberry.type(description="What came of settling a parked operation.")
class ResolveOperationPayload(MutationPayload):
    """What came of it."""


async def find_operation(roots: Roots, operation_id: str) -> Operation | None:
    """Return an operation that the caller may see, else None."""
    found = await roots.operation(operation_id)
    return shown(roots, found) if found else None


async def parked_operations(roots: Roots, first: int, after: str | None) -> Connection[Any]:
    """Return a page of the operations that only a person can settle, oldest first."""
    check_size(first)
    binding = ("Query.parkedOperations", "")
    begin = roots.open(after, binding) if after else 0
    found = await roots.parked(begin + first + 1)
    page = [shown(roots, one) for one in found[begin : begin + first]]
    edges: list[Edge[Any]] = [
        Edge(node=one, seal=partial(roots.seal, begin + number, binding)) for number, one in enumerate(page, 1)
    ]
    info = PageInfo(
        has_next_page=len(found) > begin + first,
        has_previous_page=begin > 0,
        seal_start=edges[0].seal if edges else None,
        seal_end=edges[-1].seal if edges else None,
    )
    return Connection(nodes=page, make_edges=lambda: edges, make_page_info=lambda: info, incomplete=[])


def resolved(roots: Roots, found: FoundOperation) -> ResolveOperationPayload:
    """Show an operation that a person settled, as every mutation is answered."""
    operation = shown(roots, found)
    return ResolveOperationPayload(
        status=operation.status,
        operation_id=operation.id,
        customer=operation.customer,
        conflicts=[],
        steps=operation.steps,
        consistency_token=None,
        expires_at=operation.expires_at,
    )


def shown(roots: Roots, found: FoundOperation) -> Operation:
    """Show an operation in the caller's language."""
    row = found.view.operation
    outcome = outcome_of(found.view)
    return Operation(
        id=strawberry.ID(row.id),
        mutation=row.mutation,
        status=outcome.status,
        parked=row.parked,
        channel=Channel(row.channel),
        created_at=row.created_at,
        updated_at=row.updated_at,
        expires_at=row.expires_at,
        customer=found.customer,
        steps=[step_result(step, roots.moment.language) for step in outcome.steps],
        is_final=found.view.is_final,
    )
