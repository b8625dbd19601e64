"""The ways in: how a caller gets at a customer."""

from typing import Annotated

import strawberry
from strawberry import Parent

from klantbeeld.errors import RequestError
from klantbeeld.graph.connections import After, Connection, First
from klantbeeld.graph.customer import IDENTITY, LINKED, Customer
from klantbeeld.graph.data import Data
from klantbeeld.graph.eligibility import ELIGIBLE, Eligibility, ProductArgument, eligibility_of
from klantbeeld.graph.identify import IdentifyInput, IdentifyResult, identify
from klantbeeld.graph.inventory import INVENTORY, Source, inventory
from klantbeeld.graph.joined import entered
from klantbeeld.graph.nodes import find_node
from klantbeeld.graph.operations import OPERATED, PARKED, Operation, OperationId, find_operation, parked_operations
from klantbeeld.graph.roots import Roots
from klantbeeld.graph.search import search_customers
from klantbeeld.graph.sourced import Node
from klantbeeld.graph.tasks import OPEN_STATES, READ, Task, list_tasks
from klantbeeld.sdk.words import Category, Channel
from klantbeeld.writes.sagas.tasks import TaskState

SEARCHED = Data(owner="CRM", category=Category.SOCIAL, scope="identity:search")

# The most recipients that are judged at once.
MOST_RECIPIENTS = 500


Id = Annotated[strawberry.ID, strawberry.argument(description="Id of the customer.")]
Ids = Annotated[list[strawberry.ID], strawberry.argument(description="Ids of the customers.")]
NodeId = Annotated[strawberry.ID, strawberry.argument(description="Id of a customer or a record.")]
OnChannel = Annotated[Channel, strawberry.argument(description="Channel on which they would be approached.")]
SourceName = Annotated[str, strawberry.argument(description="Name of the source.")]
RecordId = Annotated[str, strawberry.argument(description="The source's own id of the customer.")]
By = Annotated[IdentifyInput, strawberry.argument(description="What somebody says of who they are.")]
States = Annotated[
    list[TaskState] | None, strawberry.argument(description="Where the tasks stand; those not decided without it.")
]
Text = Annotated[str, strawberry.argument(description="Text of at least three characters.")]


@strawberry.type(description="The ways in.")
class Query:
    """The ways in."""

    @entered(data=IDENTITY)
    async def me(roots: Parent[Roots]) -> Customer | None:
        """The customer behind the token."""
        return await roots.me()

    @entered(data=IDENTITY)
    async def customer(roots: Parent[Roots], id: Id) -> Customer | None:  # noqa: A002 - GraphQL's name
        """A customer by id; null for one that is not known, or not yours to see."""
        (found,) = await roots.customers([id])
        return found

    @entered(data=IDENTITY)
    async def customers(roots: Parent[Roots], ids: Ids) -> list[Customer | None] | None:
        """Up to 100 customers by id, in the order of the ids; the gateway may allow more."""
        most = roots.moment.settings.gateway.max_customers
        if len(ids) > most:
            raise RequestError(f"more than {most} ids", code="TOO_MANY_IDS")
        return await roots.customers(ids)

    @entered(data=ELIGIBLE)
    async def marketing_eligibilities(
        roots: Parent[Roots], customers: Ids, channel: OnChannel, product: ProductArgument = None
    ) -> list[Eligibility | None] | None:
        """Up to 500 customers whom you have already, in their order; null for one not known, or not yours to ask of."""
        if len(customers) > MOST_RECIPIENTS:
            raise RequestError(f"more than {MOST_RECIPIENTS} ids", code="TOO_MANY_IDS")
        return [
            eligibility_of(str(found.id), channel, product)
            if found and roots.covers(found, ELIGIBLE.scope, "Customer.marketingEligibility")
            else None
            for found in await roots.customers(customers)
        ]

    @entered(data=LINKED)
    async def customer_by_reference(roots: Parent[Roots], source: SourceName, record_id: RecordId) -> Customer | None:
        """The customer to whom a source's record belongs."""
        return await roots.by_reference(source, record_id)

    @entered(data=SEARCHED)
    async def identify(roots: Parent[Roots], by: By) -> IdentifyResult | None:
        """Who it is on the phone: one customer, masked candidates, or none."""
        return await identify(roots, by)

    @entered(data=SEARCHED)
    async def search_customers(
        roots: Parent[Roots], text: Text, first: First = 20, after: After = None
    ) -> Connection[Customer] | None:
        """Customers whose name, address or number contains a text of at least three characters; 200 at most."""
        return await search_customers(roots, text, first, after)

    @entered(data=IDENTITY)
    async def node(roots: Parent[Roots], id: NodeId) -> Node | None:  # noqa: A002 - GraphQL's name
        """Anything by its global id."""
        return await find_node(roots, id)

    @entered(data=READ)
    async def tasks(
        roots: Parent[Roots],
        states: States = None,
        first: First = 20,
        after: After = None,
    ) -> Connection[Task] | None:
        """What you are asked to decide, the oldest first."""
        return await list_tasks(roots, states or OPEN_STATES, first, after)

    @entered(data=OPERATED)
    async def operation(roots: Parent[Roots], id: OperationId) -> Operation | None:  # noqa: A002 - GraphQL's name
        """A write that you asked for, or may see: where it stands."""
        return await find_operation(roots, id)

    @entered(data=PARKED)
    async def parked_operations(
        roots: Parent[Roots], first: First = 20, after: After = None
    ) -> Connection[Operation] | None:
        """Writes of which only a person can find out what became of them, oldest first."""
        return await parked_operations(roots, first, after)

    @entered(data=INVENTORY)
    async def sources(roots: Parent[Roots]) -> list[Source] | None:
        """The inventory of systems that are asked: what they hold, where, for how long, and how they are."""
        return inventory(roots.opened, roots.moment)
