"""Metrics for Prometheus: one object an app, with a registry of its own.

Labels are words of the operator's settings or of this code, never a caller's, so their number is bounded.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, ProcessCollector

from klantbeeld.telemetry.counting import Board, Followed, Gauged, Levels, Tally, Timings

DocumentOrigin = Literal["new", "shared", "refused"]
RequestOutcome = Literal["ok", "partial", "refused", "failed", "overloaded", "gone"]
CallOutcome = Literal[
    "ok",
    "timeout",
    "unavailable",
    "open",
    "busy",
    "refused",
    "invalid",
    "conflict",
    "rejected",
    "cached",
    "stale",
    "joined",
]

REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
OVERHEAD_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Metrics:
    """What is counted; it should live as long as the app. Recording costs a microsecond, in the event loop alone."""

    def __init__(self, sources: Iterable[str] = ()) -> None:
        named = tuple(sources)
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._board = Board()
        self.registry.register(self._board)
        self.in_flight = 0
        self._requests = self.tally(
            "klantbeeld_requests", "Requests to the GraphQL endpoint.", {"outcome": get_args(RequestOutcome)}
        ).counts
        self._seconds = self._timings(
            "klantbeeld_request_seconds", "Time of a whole request.", REQUEST_BUCKETS
        ).each[""]  # fmt: skip
        self._overhead = self._timings(
            "klantbeeld_gateway_overhead_seconds",
            "Time of a request without what it waited for sources.",
            OVERHEAD_BUCKETS,
        ).each[""]
        self._calls = self.tally(
            "klantbeeld_source_calls", "Calls to sources.", {"source": named, "outcome": get_args(CallOutcome)}
        ).counts
        self._call_seconds = self._timings(
            "klantbeeld_source_call_seconds", "Time of a call to a source.", REQUEST_BUCKETS, "source", named
        ).each
        self._documents = self.tally(
            "klantbeeld_documents", "Documents that were not known.", {"origin": get_args(DocumentOrigin)}
        ).counts
        self._fallbacks = self.tally("klantbeeld_assembler_fallbacks", "Operations that graphql-core assembled.").counts
        self.watch("klantbeeld_requests_in_flight", "Requests being answered.", lambda: self.in_flight)

    def count_request(self, outcome: RequestOutcome, seconds: float, *, waited: float = 0.0) -> None:
        """Count one request that took `seconds`, of which it `waited` for sources."""
        self._requests[(outcome,)] += 1
        self._seconds.observe(seconds)
        self._overhead.observe(max(seconds - waited, 0.0))

    def count_call(self, source: str, outcome: CallOutcome, seconds: float) -> None:
        """Count one call to a configured `source`; KeyError for another."""
        self._calls[source, outcome] += 1
        self._call_seconds[source].observe(seconds)

    def count_document(self, origin: DocumentOrigin) -> None:
        """Count one document that was not known: looked at as a new one, sharing a known one's plan, or refused."""
        self._documents[(origin,)] += 1

    def count_fallback(self) -> None:
        """Count one operation that the compiled assembler could not express."""
        self._fallbacks[()] += 1

    def tally(self, name: str, meaning: str, labels: Mapping[str, Iterable[str]] | None = None) -> Tally:
        """Make a counter, whose labels have these values and no others."""
        made = Tally(name, meaning, labels)
        self._board.put(made)
        return made

    def watch(self, name: str, meaning: str, read: Callable[[], float | Levels], labels: Sequence[str] = ()) -> None:
        """Have a level read whenever Prometheus asks; with labels, `read` gives one for each of their values."""
        self._board.put(Gauged(name, meaning, read, labels))

    def follow(self, name: str, meaning: str, read: Callable[[], float | Levels], labels: Sequence[str] = ()) -> None:
        """Have a count that somebody else keeps read whenever Prometheus asks, as `watch` does a level."""
        self._board.put(Followed(name, meaning, read, labels))

    def _timings(
        self, name: str, meaning: str, bounds: Sequence[float], label: str | None = None, values: Iterable[str] = ("",)
    ) -> Timings:
        made = Timings(name, meaning, bounds, label, values)
        self._board.put(made)
        return made
