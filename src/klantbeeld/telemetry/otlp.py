"""Sending spans to a collector: OTLP over HTTP, in JSON (https://opentelemetry.io/docs/specs/otlp/#otlphttp).

Written out here instead of taken from the SDK: it is one POST, the SDK's exporter brings a thread and three packages,
and spans that were written down as they happened need no second model of them.

Batches are sent by one task. What cannot be sent is tried again as the collector asks, within bounds, and what finds no
place is dropped and counted: a collector that is down costs memory up to the bound, and never a request.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

import msgspec
import structlog

from klantbeeld.settings import TracesSettings
from klantbeeld.telemetry.logs import Show, Vocabulary, shows
from klantbeeld.telemetry.spans import NAMES, Span

SERVER, INTERNAL, CLIENT = 2, 1, 3  # SpanKind
ERROR = 2  # Status.StatusCode; nothing is said where nothing failed
KINDS: Final = {"request": SERVER, "plan": INTERNAL, "source": INTERNAL, "attempt": CLIENT}
ATTRIBUTES: Final = {
    "method": "http.request.method",
    "status": "http.response.status_code",
    "path": "url.path",
    "outcome": "klantbeeld.outcome",
    "caller_class": "klantbeeld.caller_class",
    "document": "klantbeeld.document",
    "source": "klantbeeld.source",
    "call": "klantbeeld.call",
    "state": "klantbeeld.state",
    "attempt": "klantbeeld.attempt",
    "code": "error.type",
}
PASSING: Final = frozenset({429, 502, 503, 504})
TRIES: Final = 3

log = structlog.get_logger(__name__)


class Posting(Protocol):
    """Sends one body to the collector; gives the status, and raises OSError where there is none."""

    def __call__(self, body: bytes, /) -> Awaitable[int]:
        """Send."""


class Exporter:
    """Takes the spans of requests and sends them; lives as long as the app, belongs to one event loop."""

    def __init__(self, settings: TracesSettings, post: Posting, shows: Mapping[str, Show]) -> None:
        self.dropped = 0
        self.sent = 0
        self._settings = settings
        self._post = post
        self._shows = shows
        self._waiting: deque[Span] = deque()
        self._full = asyncio.Event()

    def take(self, spans: Sequence[Span]) -> None:
        """Take the spans of a request that has ended; drops them where too many wait."""
        if len(self._waiting) + len(spans) > self._settings.waiting:
            self.dropped += len(spans)
            return
        self._waiting.extend(spans)
        if len(self._waiting) >= self._settings.batch:
            self._full.set()

    async def run(self) -> None:
        """Send batches, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.every):
                    await self._full.wait()
            self._full.clear()
            while self._waiting:
                await self.flush()

    async def flush(self) -> None:
        """Send one batch; what the collector does not take is dropped, and counted."""
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._settings.batch))]
        if not batch:
            return
        body = msgspec.json.encode(exported(batch, self._shows, service=self._settings.service))
        for tried in range(TRIES):
            try:
                status = await self._post(body)
            except OSError:
                status = 503
            if status not in PASSING:
                break
            if tried + 1 < TRIES:
                await asyncio.sleep(self._settings.retry_after * (tried + 1))
        if 200 <= status < 300:  # noqa: PLR2004 - the range of success
            self.sent += len(batch)
        else:
            self.dropped += len(batch)
            log.warning("spans_not_sent", count=len(batch), status=status)


@asynccontextmanager
async def exporting(exporter: Exporter) -> AsyncIterator[Exporter]:
    """Send as long as the block, and what is left at its end, once."""
    task = asyncio.create_task(exporter.run())
    try:
        yield exporter
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(exporter._settings.timeout):  # noqa: SLF001 - its own end
                await exporter.flush()


def shown_in_spans(vocabulary: Vocabulary) -> Mapping[str, Show]:
    """Give what of each fact a span may say: as in the logs, a source's state, and several capabilities of one call."""

    def calls(value: Any) -> object:
        named = str(value).split(",")
        return value if all(name in vocabulary.calls for name in named) else None

    def state(value: Any) -> object:
        return str(value) if value in vocabulary.states else None

    return {**shows(vocabulary), "call": calls, "state": state}


def exported(spans: Sequence[Span], shows: Mapping[str, Show], *, service: str) -> dict[str, Any]:
    """Give an ExportTraceServiceRequest in its JSON form; a fact that the list does not let through is left out."""
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": [_attribute("service.name", service)]},
                "scopeSpans": [{"scope": {"name": "klantbeeld"}, "spans": [_span(span, shows) for span in spans]}],
            }
        ]
    }


def _span(span: Span, shows: Mapping[str, Show]) -> dict[str, Any]:
    facts = {ATTRIBUTES[name]: shows[name](value) for name, value in span.facts.items() if name in ATTRIBUTES}
    parent = {"parentSpanId": span.parent_id} if span.parent_id else {}
    return {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        **parent,
        "name": NAMES[span.name],
        "kind": KINDS[span.name],
        "startTimeUnixNano": str(span.began),
        "endTimeUnixNano": str(span.ended or span.began),
        "attributes": [_attribute(name, shown) for name, shown in facts.items() if shown is not None],
        "status": {"code": ERROR} if span.failed else {},
    }


def _attribute(name: str, value: object) -> dict[str, Any]:
    if isinstance(value, int):
        return {"key": name, "value": {"intValue": str(value)}}
    return {"key": name, "value": {"stringValue": str(value)}}
