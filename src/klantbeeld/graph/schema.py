"""The schema: all types in one place, made anew for each application."""

from dataclasses import replace
from datetime import UTC, datetime

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.types.base_scalars import DateTimeDefinition

from klantbeeld.graph.mutation import Mutation
from klantbeeld.graph.query import Query
from klantbeeld.graph.subscription import Subscription


def build_schema() -> strawberry.Schema:
    """Make the schema; costs some hundred milliseconds."""
    moment = replace(
        DateTimeDefinition,
        description="A moment in UTC (RFC 3339). A moment that is given without a time zone is in UTC.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=_as_rfc_3339,
        parse_value=_in_utc,
    )
    config = StrawberryConfig(
        auto_camel_case=True, scalar_map={datetime: moment}, enable_experimental_incremental_execution=True
    )
    return strawberry.Schema(query=Query, mutation=Mutation, subscription=Subscription, config=config)


def export_schema() -> str:
    """Return the published contract, as it stands in `schema.graphql`."""
    return build_schema().as_str() + "\n"


def _as_rfc_3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _in_utc(text: object) -> datetime:
    parse = DateTimeDefinition.parse_value
    assert parse is not None  # noqa: S101 - strawberry's own scalar parses
    moment: datetime = parse(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
