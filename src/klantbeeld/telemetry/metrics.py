"""Metrics for Prometheus: one object an app, with a registry of its own.

Labels are words of the operator's settings or of this code, never a caller's, so their number is bounded.
"""

from collections.abc import Iterable
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

DocumentOrigin = Literal["new", "shared", "refused"]
RequestOutcome = Literal["ok", "partial", "refused", "failed", "overloaded"]
CallOutcome = Literal["ok", "timeout", "unavailable", "refused", "invalid", "conflict", "rejected", "cached", "stale"]

REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
OVERHEAD_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Metrics:
    """What is counted; it should live as long as the app. Recording costs a few microseconds."""

    def __init__(self, sources: Iterable[str] = ()) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        requests = self._counter("klantbeeld_requests", "Requests to the GraphQL endpoint.", "outcome")
        self._requests = {outcome: requests.labels(outcome) for outcome in get_args(RequestOutcome)}
        self._seconds = self._histogram("klantbeeld_request_seconds", "Time of a whole request.", REQUEST_BUCKETS)
        overhead = "Time of a request without what it waited for sources."
        self._overhead = self._histogram("klantbeeld_gateway_overhead_seconds", overhead, OVERHEAD_BUCKETS)
        calls = self._counter("klantbeeld_source_calls", "Calls to sources.", "source", "outcome")
        seconds = Histogram(
            "klantbeeld_source_call_seconds",
            "Time of a call to a source.",
            ("source",),
            buckets=REQUEST_BUCKETS,
            registry=self.registry,
        )
        # Looking a label up costs more than counting, so every child is made here.
        self._calls = {
            (name, outcome): calls.labels(name, outcome) for name in sources for outcome in get_args(CallOutcome)
        }
        self._call_seconds = {name: seconds.labels(name) for name in sources}
        documents = self._counter("klantbeeld_documents", "Documents that were not known.", "origin")
        self._documents = {origin: documents.labels(origin) for origin in get_args(DocumentOrigin)}
        self._fallbacks = self._counter("klantbeeld_assembler_fallbacks", "Operations that graphql-core assembled.")
        self.in_flight = Gauge("klantbeeld_requests_in_flight", "Requests being answered.", registry=self.registry)

    def count_request(self, outcome: RequestOutcome, seconds: float, *, waited: float = 0.0) -> None:
        """Count one request that took `seconds`, of which it `waited` for sources."""
        self._requests[outcome].inc()
        self._seconds.observe(seconds)
        self._overhead.observe(max(seconds - waited, 0.0))

    def count_call(self, source: str, outcome: CallOutcome, seconds: float) -> None:
        """Count one call to a configured `source`; KeyError for another."""
        self._calls[source, outcome].inc()
        self._call_seconds[source].observe(seconds)

    def count_document(self, origin: DocumentOrigin) -> None:
        """Count one document that was not known: looked at as a new one, sharing a known one's plan, or refused."""
        self._documents[origin].inc()

    def count_fallback(self) -> None:
        """Count one operation that the compiled assembler could not express."""
        self._fallbacks.inc()

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, meaning, buckets=buckets, registry=self.registry)
