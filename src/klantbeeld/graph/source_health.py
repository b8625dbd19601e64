"""How a source is doing, as the inventory tells it: its recent calls, and what its links make of the next one."""

import inspect
from datetime import datetime

import strawberry

from klantbeeld.sources.breaker import BreakerState
from klantbeeld.sources.condition import SourceCondition, condition_of
from klantbeeld.sources.context import Priority
from klantbeeld.sources.source import Source

for each in (BreakerState, SourceCondition):
    strawberry.enum(each, description=inspect.getdoc(each))
strawberry.enum(Priority, name="CallerPriority", description="Who goes first where not everybody can, the first first.")


@strawberry.type(description="How a source has been doing, over its recent calls, and how it can be asked now.")
class SourceHealth:
    """How a source has been doing."""

    state: SourceCondition = strawberry.field(description="How it can be asked now.")
    last_success_at: datetime | None = strawberry.field(description="When it last answered.")
    last_problem: str | None = strawberry.field(description="Code of what last went wrong.")
    error_rate: float | None = strawberry.field(description="Share of recent calls that failed, 0 to 1.")
    latency_p50_ms: float | None = strawberry.field(description="Half of the recent calls took no longer.")
    latency_p95_ms: float | None = strawberry.field(description="Of twenty recent calls, nineteen took no longer.")
    latency_p99_ms: float | None = strawberry.field(description="Of a hundred recent calls, 99 took no longer.")
    reads: BreakerState = strawberry.field(description="Whether reads reach it.")
    writes: BreakerState = strawberry.field(description="Whether writes reach it.")
    calls_under_way: int = strawberry.field(description="Calls to it at this moment.")
    calls_allowed: int = strawberry.field(description="Calls that may be under way at once; fewer while it is slow.")
    calls_waiting: int = strawberry.field(description="Calls that wait for a place among them.")
    budget_left: float | None = strawberry.field(
        description="Share of its calls of the day that is left for all replicas, 0 to 1; null where it has no quota."
    )
    not_served: list[Priority] = strawberry.field(
        description="Whose calls are held back now, because it asked for a pause or its calls of the day run low."
    )
    retries_left: int = strawberry.field(description="Reads that may be sent again now.")


def health_of(source: Source) -> SourceHealth:
    """Return how a source is doing."""
    health, chain = source.health, source.chain
    return SourceHealth(
        state=condition_of(source),
        last_success_at=health.last_success_at,
        last_problem=health.last_problem_code,
        error_rate=health.error_rate,
        latency_p50_ms=_milliseconds(health.percentile(0.5)),
        latency_p95_ms=_milliseconds(health.percentile(0.95)),
        latency_p99_ms=_milliseconds(health.percentile(0.99)),
        reads=chain.reads_state,
        writes=chain.writes_state,
        calls_under_way=chain.bulkhead.in_flight,
        calls_allowed=chain.bulkhead.limit,
        calls_waiting=chain.bulkhead.waiting,
        budget_left=chain.quota.left,
        not_served=list(chain.quota.stopped),
        retries_left=chain.retries_left,
    )


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
