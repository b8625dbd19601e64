"""The ways in: how a caller gets at a customer."""

import strawberry
from strawberry import Parent

from klantbeeld.graph.customer import IDENTITY, Customer
from klantbeeld.graph.joined import entered
from klantbeeld.graph.roots import Roots


@strawberry.type(description="The ways in.")
class Query:
    """The ways in."""

    @entered(data=IDENTITY)
    async def me(roots: Parent[Roots]) -> Customer | None:
        """The customer behind the token."""
        return await roots.me()

    @entered(data=IDENTITY)
    async def customer(roots: Parent[Roots], id: strawberry.ID) -> Customer | None:  # noqa: A002 - GraphQL's name
        """A customer by id."""
        (found,) = await roots.customers([id])
        return found
