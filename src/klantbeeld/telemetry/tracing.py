"""Which requests are traced, and what becomes of their spans."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx

from klantbeeld.settings import TracesSettings
from klantbeeld.settings_file import read_secret
from klantbeeld.telemetry.logs import Vocabulary
from klantbeeld.telemetry.otlp import Exporter, Posting, exporting, shown_in_spans
from klantbeeld.telemetry.spans import Fact, Span, begin_request
from klantbeeld.telemetry.trace import Trace

WHOLE = 1 << 32


class Tracing:
    """Samples requests; lives as long as the app.

    A request whose caller traces it is traced, where callers are followed. Of the others so many as the settings say,
    chosen by the trace's id, so that all replicas choose alike.
    """

    def __init__(self, settings: TracesSettings, exporter: Exporter) -> None:
        self.exporter = exporter
        self._follows = settings.follow_callers
        self._below = int(settings.sample * WHOLE)

    def begin(self, trace: Trace) -> Span | None:
        """Begin the span of a request, if it is one of those that are traced."""
        is_one_of_ours = int(trace.trace_id[-8:], 16) < self._below
        is_sampled = trace.sampled if trace.parent_id and self._follows else is_one_of_ours
        return begin_request(trace.trace_id, trace.span_id, trace.parent_id) if is_sampled else None

    def end(self, root: Span, *, failed: bool, **facts: Fact) -> None:
        """End a request's span, and hand all of them on; what was broken off ends with it."""
        root.end(failed=failed, **facts)
        for span in root.every:
            if not span.ended:
                span.end(failed=True)
        self.exporter.take(root.every)


def headers_of(settings: TracesSettings, environ: Mapping[str, str]) -> dict[str, str]:
    """Read the headers that the collector wants. Raises ConfigurationError."""
    return {
        name: value
        if isinstance(value, str)
        else read_secret(value, environ, where=f"traces.headers.{name}").get_secret_value()
        for name, value in settings.headers.items()
    }


@asynccontextmanager
async def open_tracing(
    settings: TracesSettings, vocabulary: Vocabulary, headers: Mapping[str, str]
) -> AsyncIterator[Tracing | None]:
    """Trace as long as the block; without a collector's address nothing is traced, and nothing is opened."""
    if settings.endpoint is None:
        yield None
        return
    async with httpx.AsyncClient(timeout=settings.timeout) as client:
        exporter = Exporter(settings, over_http(client, settings.endpoint, headers), shown_in_spans(vocabulary))
        async with exporting(exporter):
            yield Tracing(settings, exporter)


def over_http(client: httpx.AsyncClient, endpoint: str, headers: Mapping[str, str]) -> Posting:
    """Send to a collector over HTTP; its failures become OSErrors."""
    given = {"content-type": "application/json", **headers}

    async def post(body: bytes) -> int:
        try:
            return (await client.post(endpoint, content=body, headers=given)).status_code
        except httpx.HTTPError as error:
            raise OSError(type(error).__name__) from error

    return post
