"""The ways in: how a caller gets at a customer."""

import strawberry
from strawberry import Parent

from klantbeeld.graph.customer import IDENTITY, Customer
from klantbeeld.graph.joined import Entered
from klantbeeld.graph.roots import Roots


@strawberry.type(description="The ways in.")
class Query:
    """The ways in."""

    @strawberry.field(description="The customer behind the token.", extensions=[Entered()], directives=[IDENTITY])
    async def me(roots: Parent[Roots]) -> Customer | None:
        """Find the customer behind the token."""
        return await roots.me()

    @strawberry.field(description="A customer by id.", extensions=[Entered()], directives=[IDENTITY])
    async def customer(roots: Parent[Roots], id: strawberry.ID) -> Customer | None:  # noqa: A002 - GraphQL's name
        """Find one customer."""
        (found,) = await roots.customers([id])
        return found
