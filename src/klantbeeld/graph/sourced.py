"""What everything that comes from a source can say: where it comes from, and how it went with each source."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import strawberry
from strawberry import Parent
from strawberry.types import Info

from klantbeeld.graph.ids import sealed_prefix
from klantbeeld.graph.joined import computed
from klantbeeld.sdk.records import Record
from klantbeeld.sources.questions import SourceState
from klantbeeld.writes.versions import seal_version


@strawberry.enum(description="Whether a value was fetched for this request.")
class Freshness(StrEnum):
    """LIVE from the source, CACHED within its time, or STALE beyond it, where the source does not answer in time."""

    LIVE = "LIVE"
    CACHED = "CACHED"
    STALE = "STALE"


@strawberry.type(description="Where a value comes from.")
class Provenance:
    """Where a value comes from."""

    source: str = strawberry.field(description="Name of the source.")
    record_id: str = strawberry.field(description="The source's own id of the record.")
    fetched_at: datetime = strawberry.field(description="When it was fetched from the source.")
    freshness: Freshness = strawberry.field(description="Fetched for this request, cached, or stale.")
    age_seconds: int = strawberry.field(description="Time since it was fetched, in seconds.")


@strawberry.type(description="How it went with a source, for one customer in one operation.")
class SourceStatus:
    """How it went with a source."""

    source: str = strawberry.field(description="Name of the source.")
    role: str = strawberry.field(description="Role in which it was asked.")
    state: SourceState = strawberry.field(description="What came of it.")
    code: str | None = strawberry.field(description="Code of what went wrong.")
    latency_ms: float | None = strawberry.field(description="Time that its calls took, in milliseconds.")
    as_of: datetime | None = strawberry.field(description="The oldest moment at which a value of it was true.")
    consequence: str | None = strawberry.field(description="What its absence means, in words for a person.")


@strawberry.interface(description="Anything with an id of its own.")
class Node:
    """Anything with an id of its own (GraphQL Global Object Identification)."""

    id: strawberry.ID = strawberry.field(description="The global id.")


def global_id(record: Parent[Record]) -> strawberry.ID:
    """Seal source, record and customer into one id."""
    origin = record.origin
    assert origin  # noqa: S101 - every record that reaches the graph was labelled
    # Written out, as every record comes here: it is `seal_record_id`, and is not wrapped as an ID.
    prefix: Any = sealed_prefix(record.__class__.__name__, origin.customer_id, origin.source)
    return prefix + record.record_id.encode().hex()


@strawberry.interface(description="A record of one source, which can say where it comes from.")
class Sourced(Node):
    """A record of one source."""

    id: strawberry.ID = strawberry.field(
        description="The global id: opaque, and stable as long as the source keeps the record.", resolver=global_id
    )

    @computed()
    def provenance(record: Parent[Record], info: Info[Any, Any]) -> Provenance | None:
        """Where it comes from."""
        return provenance_of(record, info.context.moment.now)

    @computed()
    def version(record: Parent[Record]) -> str | None:
        """Version at the source; opaque, and goes back with a write."""
        return seal_version(record.origin.source, record.version) if record.origin else None


def provenance_of(record: Record, now: datetime) -> Provenance | None:
    """Return where a record comes from, as of `now`; None for a record that no source gave."""
    origin = record.origin
    if origin is None:
        return None
    freshness = Freshness.STALE if origin.stale else Freshness.CACHED if origin.cached else Freshness.LIVE
    age = max(0, int((now - origin.fetched_at).total_seconds()))
    return Provenance(
        source=origin.source,
        record_id=record.record_id,
        fetched_at=origin.fetched_at,
        freshness=freshness,
        age_seconds=age,
    )
