"""Figures of the links, for Prometheus: read from the links when it asks, so that a call pays nothing for them."""

from collections.abc import Callable, Mapping

from klantbeeld.sources.breaker import BreakerState
from klantbeeld.sources.chain import Chain
from klantbeeld.sources.source import Source
from klantbeeld.telemetry.metrics import Metrics

STATES = {BreakerState.CLOSED: 0.0, BreakerState.HALF_OPEN: 1.0, BreakerState.OPEN: 2.0}


def show_links(metrics: Metrics, sources: Mapping[str, Source]) -> None:
    """Have the links of sources read whenever Prometheus asks."""
    chains = {name: source.chain for name, source in sources.items()}

    def each(read: Callable[[Chain], float]) -> Callable[[], Mapping[tuple[str, ...], float]]:
        return lambda: {(name,): read(chain) for name, chain in chains.items()}

    def states() -> Mapping[tuple[str, ...], float]:
        return {
            (name, kind): STATES[state]
            for name, chain in chains.items()
            for kind, state in (("read", chain.reads_state), ("write", chain.writes_state))
        }

    def budgets() -> Mapping[tuple[str, ...], float]:
        return {(name,): left for name, chain in chains.items() if (left := chain.quota.left) is not None}

    by_source = ("source",)
    metrics.watch("klantbeeld_breaker_state", "0 closed, 1 half open, 2 open.", states, ("source", "operations"))
    for name, meaning, level in (
        ("calls_under_way", "Calls to a source at this moment.", lambda chain: chain.bulkhead.in_flight),
        ("calls_allowed", "Calls to a source that may be under way at once.", lambda chain: chain.bulkhead.limit),
        ("calls_waiting", "Calls that wait for a place.", lambda chain: chain.bulkhead.waiting),
    ):
        metrics.watch(f"klantbeeld_source_{name}", meaning, each(level), by_source)
    metrics.watch("klantbeeld_source_budget_left", "Share of a source's calls of the day.", budgets, by_source)
    for name, meaning, count in (
        ("breaker_opened", "Times that a breaker opened.", lambda chain: chain.reads.opened + chain.writes.opened),
        ("source_retries", "Reads that were sent again.", lambda chain: chain.retry.retried),
        ("source_hedges", "Second calls beside slow ones.", lambda chain: chain.hedging.hedged if chain.hedging else 0),
        ("source_shed", "Calls for which there was no place.", lambda chain: chain.bulkhead.shed),
        ("source_quota_refused", "Calls that a source's quota did not allow.", lambda chain: chain.quota.refused),
    ):
        metrics.follow(f"klantbeeld_{name}", meaning, each(count), by_source)
