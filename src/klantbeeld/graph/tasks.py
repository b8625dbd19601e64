"""Tasks in the graph: what people are asked to decide about operations that wait for them."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, TypeVar

import strawberry
from strawberry import Parent

from klantbeeld.graph import saga_inputs
from klantbeeld.graph.asked import checked
from klantbeeld.graph.connections import Connection, Edge, PageInfo, check_size
from klantbeeld.graph.customer import IDENTITY, Customer
from klantbeeld.graph.data import Data
from klantbeeld.graph.joined import entered
from klantbeeld.graph.payloads import MutationPayload, payload_of
from klantbeeld.graph.roots import Roots
from klantbeeld.sdk.words import Category
from klantbeeld.writes.outcomes import outcome_of
from klantbeeld.writes.rows import OperationView
from klantbeeld.writes.sagas import tasks as kept
from klantbeeld.writes.sagas.tasks import Decision, TaskState

ASKED = strawberry.argument(description="What is done, and the channel through which whoever does it came.")
READ = Data(owner="CRM", category=Category.CUSTOM, scope="tasks:read")
DECIDED = Data(owner="CRM", category=Category.CUSTOM, scope="tasks:decide")
P = TypeVar("P", bound=MutationPayload)

BINDING = "Query.tasks"
OPEN_STATES = (TaskState.OPEN, TaskState.CLAIMED)

strawberry.enum(
    TaskState, description="Where a task stands: open to all who may decide, claimed by one of them, or decided."
)


@strawberry.type(description="Something that a person is asked to decide.")
class Task:
    """Something that a person is asked to decide."""

    id: strawberry.ID = strawberry.field(description="Id of the task.")
    title: str = strawberry.field(description="What is asked.")
    state: TaskState = strawberry.field(description="Where it stands.")
    operation_id: strawberry.ID = strawberry.field(description="The operation that it is about.")
    customer: Customer | None = strawberry.field(
        description="The customer that it is about; null for one that is not yours to see.", directives=[IDENTITY]
    )
    created_at: datetime = strawberry.field(description="Since when it is asked.")
    due_at: datetime = strawberry.field(description="By when it should be decided.")
    escalated_at: datetime | None = strawberry.field(description="When it went to those above.")
    is_claimed_by_me: bool = strawberry.field(description="Whether you claimed it.")
    is_started_by_me: bool = strawberry.field(
        description="Whether you began the operation; then somebody else decides (four eyes)."
    )
    decision: Decision | None = strawberry.field(description="What was decided.")
    completed_at: datetime | None = strawberry.field(description="When it was decided.")


@strawberry.type(description="What came of claiming a task; the status is that of its operation.")
class ClaimTaskPayload(MutationPayload):
    """What came of it."""

    task: Task = strawberry.field(description="The task as it is now.")


@strawberry.type(description="What came of deciding a task; status and steps are those of its operation.")
class CompleteTaskPayload(MutationPayload):
    """What came of it."""

    task: Task = strawberry.field(description="The task as it is now.")


@strawberry.type(description="What came of an event; status and steps are those of the operation that waited for it.")
class SignalOperationPayload(MutationPayload):
    """What came of it."""


@strawberry.type(description="Deciding tasks.")
class TaskMutation:
    """Deciding tasks."""

    @entered(data=DECIDED)
    async def claim_task(
        roots: Parent[Roots],
        input: Annotated[saga_inputs.ClaimTaskInput, ASKED],  # noqa: A002 - GraphQL's name
    ) -> ClaimTaskPayload | None:
        """Take a task, so that nobody else decides it."""
        asked = checked(input, saga_inputs.ClaimTaskModel)
        task, done = await roots.desk.claim(str(asked.task_id))
        return await _answered(ClaimTaskPayload, roots, done, task=(await _shown(roots, [task]))[0])

    @entered(data=DECIDED)
    async def complete_task(
        roots: Parent[Roots],
        input: Annotated[saga_inputs.CompleteTaskInput, ASKED],  # noqa: A002 - GraphQL's name
    ) -> CompleteTaskPayload | None:
        """Decide a task; its operation goes on, or what it did is taken back. Never by whoever began it."""
        asked = checked(input, saga_inputs.CompleteTaskModel)
        task, done = await roots.desk.complete(str(asked.task_id), asked.decision)
        return await _answered(CompleteTaskPayload, roots, done, task=(await _shown(roots, [task]))[0])

    @entered(data=DECIDED)
    async def signal_operation(
        roots: Parent[Roots],
        input: Annotated[saga_inputs.SignalOperationInput, ASKED],  # noqa: A002 - GraphQL's name
    ) -> SignalOperationPayload | None:
        """Tell an operation that the event for which it waits has come."""
        asked = checked(input, saga_inputs.SignalOperationModel)
        done = await roots.desk.signal(str(asked.operation_id), asked.event)
        return await _answered(SignalOperationPayload, roots, done)


async def _answered(kind: type[P], roots: Roots, done: OperationView, **more: Any) -> P:
    """Make the payload of what came of an operation; its customer is null for one that is not the caller's to see."""
    found = done.operation.customer_id
    (customer,) = await roots.customers([found]) if found else (None,)
    return await payload_of(kind, roots, customer, outcome_of(done), subject=None, **more)


async def list_tasks(roots: Roots, states: Sequence[TaskState], first: int, after: str | None) -> Connection[Task]:
    """Return a page of the tasks that the caller may decide, the oldest first."""
    check_size(first)
    binding = (BINDING, " ".join(sorted(states)))
    begin = roots.open(after, binding) if after else 0
    found = await roots.desk.listed(states, first=first + 1, skip=begin)
    shown = await _shown(roots, found[:first])
    edges: list[Edge[Any]] = [
        Edge(node=task, seal=partial(roots.seal, begin + number, binding)) for number, task in enumerate(shown, 1)
    ]
    info = PageInfo(
        has_next_page=len(found) > first,
        has_previous_page=begin > 0,
        seal_start=edges[0].seal if edges else None,
        seal_end=edges[-1].seal if edges else None,
    )
    return Connection(nodes=shown, make_edges=lambda: edges, make_page_info=lambda: info, incomplete=[])


async def _shown(roots: Roots, tasks: Sequence[kept.Task]) -> list[Task]:
    ids = sorted({task.customer_id for task in tasks if task.customer_id})
    customers = dict(zip(ids, await roots.customers(ids), strict=True)) if ids else {}
    dutch = roots.moment.language == "nl"
    return [
        Task(
            id=strawberry.ID(task.id),
            title=task.title_nl if dutch else task.title_en,
            state=task.state,
            operation_id=strawberry.ID(task.operation_id),
            customer=customers.get(task.customer_id or ""),
            created_at=task.created_at,
            due_at=task.due_at,
            escalated_at=task.escalated_at,
            is_claimed_by_me=roots.desk.is_own(task.claimed_by),
            is_started_by_me=roots.desk.is_own(task.starter),
            decision=task.outcome,
            completed_at=task.completed_at,
        )
        for task in tasks
    ]
