"""Observes requests: gives each its trace, answers with its id, counts it and logs one line about it.

The line has no query text, no variables, no ids of customers and no address of the caller. An operation on a WebSocket
is a request of its own, begun and ended by who serves the socket.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from klantbeeld.telemetry.metrics import Metrics, RequestOutcome
from klantbeeld.telemetry.request_lines import RequestLines
from klantbeeld.telemetry.spans import Span
from klantbeeld.telemetry.trace import Trace, accept_trace
from klantbeeld.telemetry.tracing import Tracing

KEY = "klantbeeld.observation"
OBSERVER = "klantbeeld.observer"


@dataclass(slots=True)
class Observation:
    """What is noted about one request while it is answered; the endpoint fills in what only it knows."""

    trace: Trace
    began: float  # by the observer's clock
    status: int = 500
    outcome: RequestOutcome | None = None
    caller_class: str | None = None
    document: str | None = None  # SHA-256 of the document, hexadecimal
    waited: float = 0.0  # seconds in which nothing was done but wait for sources
    span: Span | None = None  # None: this request is not traced
    is_stream: bool = False  # answered bit by bit: its time is that until the first bit
    seconds: float | None = None


def observation_of(scope: Scope) -> Observation:
    """Give the observation of the request that `scope` belongs to."""
    found: Observation = scope[KEY]
    return found


class ObserveRequests:
    """ASGI middleware around all routes; requests to `counted` paths go into the metrics, all go into the log."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        lines: RequestLines,
        metrics: Metrics,
        counted: frozenset[str] = frozenset({"/graphql"}),
        tracing: Tracing | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.tracing = tracing
        self.app = app
        self.lines = lines
        self.metrics = metrics
        self.counted = counted
        self.clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            scope[OBSERVER] = self
            await self.app(scope, receive, send)
            return
        observed = self.begin(scope)
        request_id = (b"x-request-id", observed.trace.request_id.encode())

        async def send_observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.answered(observed, message["status"])
                message["headers"] = [*message.get("headers", ()), request_id]
            await send(message)

        try:
            await self.app(scope, receive, send_observed)
        finally:
            self.end(scope, observed)

    def begin(self, scope: Scope) -> Observation:
        """Begin to observe the request that `scope` belongs to; `end` has to follow."""
        observed = scope[KEY] = Observation(_trace(scope), self.clock())
        if self.tracing is not None and scope["path"] in self.counted:
            observed.span = self.tracing.begin(observed.trace)
        self.metrics.in_flight += 1
        return observed

    def answered(self, observed: Observation, status: int) -> None:
        """Note the status of an answer, or of what begins to be one."""
        observed.status = status
        if observed.is_stream:
            observed.seconds = self.clock() - observed.began

    def end(self, scope: Scope, observed: Observation) -> None:
        """Count the request, and write its line."""
        self.metrics.in_flight -= 1
        self._note(scope, observed, self.clock() - observed.began if observed.seconds is None else observed.seconds)

    def _note(self, scope: Scope, observed: Observation, seconds: float) -> None:
        outcome = observed.outcome or outcome_of(observed.status)
        if scope["path"] in self.counted:
            self.metrics.count_request(outcome, seconds, waited=observed.waited)
        method = scope.get("method")  # a socket has none
        shape = (method, scope["path"], observed.status, outcome, observed.caller_class, observed.document)
        self.lines.write(observed.trace, shape, seconds=seconds, waited=observed.waited)
        if self.tracing is not None and observed.span is not None:
            self.tracing.end(
                observed.span,
                failed=observed.status >= HTTPStatus.INTERNAL_SERVER_ERROR,
                method=method,
                path=scope["path"],
                status=observed.status,
                outcome=outcome,
                caller_class=observed.caller_class,
                document=observed.document,
            )


def outcome_of(status: int) -> RequestOutcome:
    """Name what an HTTP status says, where the endpoint named nothing more exact."""
    if status < HTTPStatus.BAD_REQUEST:
        return "ok"
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        return "overloaded"
    return "refused" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "failed"


def _trace(scope: Scope) -> Trace:
    traceparent = request_id = None
    for name, value in scope["headers"]:
        if name == b"traceparent":
            traceparent = value.decode("latin-1")
        elif name == b"x-request-id":
            request_id = value.decode("latin-1")
    return accept_trace(traceparent, request_id)
