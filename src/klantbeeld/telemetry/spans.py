"""Spans: what a sampled request did and how long each part took, in the terms of OpenTelemetry.

A request that is not sampled has none, and pays a comparison for each place that might begin one. What a span may say
is listed in `otlp`, and each word is held against the vocabulary of the logs: nothing of a caller's or a customer's
gets out.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

SpanName = Literal["request", "plan", "source", "attempt"]
Fact = str | int | None

NAMES: dict[SpanName, str] = {
    "request": "GraphQL request",
    "plan": "plan",
    "source": "ask a source",
    "attempt": "call a source",
}


@dataclass(slots=True)
class Span:
    """One part of a request; lives as long as the request, and then until it is exported.

    `span_id` and `parent_id` are 16 hexadecimal digits; times are nanoseconds since 1970.
    """

    name: SpanName
    trace_id: str
    span_id: str
    parent_id: str
    began: int
    every: list["Span"] = field(repr=False)
    ended: int = 0
    failed: bool = False
    facts: dict[str, Fact] = field(default_factory=dict)
    clock: Callable[[], int] = time.time_ns

    def begin(self, name: SpanName, **facts: Fact) -> "Span":
        """Begin a part of this one."""
        made = Span(
            name,
            self.trace_id,
            os.urandom(8).hex(),
            self.span_id,
            self.clock(),
            self.every,
            facts=facts,
            clock=self.clock,
        )
        self.every.append(made)
        return made

    def end(self, *, failed: bool = False, **facts: Fact) -> None:
        """End it."""
        self.ended = self.clock()
        self.failed = failed
        self.facts |= facts

    def traceparent(self) -> str:
        """Give the header by which a source makes what it does a part of this span."""
        return f"00-{self.trace_id}-{self.span_id}-01"


def begin_request(trace_id: str, span_id: str, parent_id: str, clock: Callable[[], int] = time.time_ns) -> Span:
    """Begin the span of a whole request; it and all its parts are in `every`."""
    every: list[Span] = []
    root = Span("request", trace_id, span_id, parent_id, clock(), every, clock=clock)
    every.append(root)
    return root
