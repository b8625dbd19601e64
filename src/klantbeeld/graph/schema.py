"""The schema: all types in one place, made anew for each application."""

import strawberry
from strawberry.schema.config import StrawberryConfig

from klantbeeld.graph.mutation import Mutation
from klantbeeld.graph.query import Query


def build_schema() -> strawberry.Schema:
    """Make the schema; costs some hundred milliseconds."""
    return strawberry.Schema(query=Query, mutation=Mutation, config=StrawberryConfig(auto_camel_case=True))


def export_schema() -> str:
    """Return the published contract, as it stands in `schema.graphql`."""
    return build_schema().as_str() + "\n"
