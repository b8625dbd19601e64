"""Which requests are traced, what of them is told, and what becomes of it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from klantbeeld.settings import TracesSettings
from klantbeeld.telemetry.logs import Vocabulary
from klantbeeld.telemetry.otlp import Exporter, exported, exporting, shown_in_spans
from klantbeeld.telemetry.spans import Span, begin_request
from klantbeeld.telemetry.trace import accept_trace
from klantbeeld.telemetry.tracing import Tracing

pytestmark = pytest.mark.asyncio

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
SHOWS = shown_in_spans(
    Vocabulary(
        sources=frozenset({"crm"}),
        calls=frozenset({"party", "contact_media"}),
        states=frozenset({"OK", "TIMEOUT"}),
        paths=frozenset({"/graphql"}),
        caller_classes=frozenset({"agent"}),
    )
)


class Collector:
    """Takes batches, with the statuses that it is told, then 200; a status of 0 is no connection."""

    def __init__(self, *statuses: int) -> None:
        self.bodies: list[Any] = []
        self._statuses: Iterator[int] = iter(statuses)

    async def __call__(self, body: bytes) -> int:
        self.bodies.append(json.loads(body))
        status = next(self._statuses, 200)
        if not status:
            raise OSError
        return status


def exporter(collector: Collector, **settings: Any) -> Exporter:
    return Exporter(TracesSettings(**{"retry_after": 0.0001, "every": 3_600.0} | settings), collector, SHOWS)


def request(clock: Any = None) -> Span:
    moments = iter(range(1_000, 2_000, 10))
    return begin_request(TRACE, "a" * 16, CALLER, clock or (lambda: next(moments)))


def told(spans: list[Span]) -> list[dict[str, Any]]:
    (resource,) = exported(spans, SHOWS, service="klantbeeld")["resourceSpans"]
    spans_told: list[dict[str, Any]] = resource["scopeSpans"][0]["spans"]
    return spans_told


def attributes(span: dict[str, Any]) -> dict[str, str]:
    return {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}


async def test_a_call_is_a_part_of_its_source_and_that_of_its_request() -> None:
    root = request()
    source = root.begin("source", source="crm", call="contact_media,party")
    attempt = source.begin("attempt", source="crm", method="GET", attempt=1)
    attempt.end(status=200)
    source.end(state="OK")
    root.end(status=200)
    one, two, three = told(root.every)
    assert [one["parentSpanId"], two["parentSpanId"], three["parentSpanId"]] == [CALLER, "a" * 16, source.span_id]
    assert {one["traceId"], two["traceId"], three["traceId"]} == {TRACE}
    assert (one["startTimeUnixNano"], three["startTimeUnixNano"], three["endTimeUnixNano"]) == ("1000", "1020", "1030")
    assert [one["kind"], two["kind"], three["kind"]] == [2, 1, 3]
    assert attributes(two) == {
        "klantbeeld.source": "crm",
        "klantbeeld.call": "contact_media,party",
        "klantbeeld.state": "OK",
    }
    assert attributes(three) == {
        "klantbeeld.source": "crm",
        "http.request.method": "GET",
        "klantbeeld.attempt": "1",
        "http.response.status_code": "200",
    }


async def test_nothing_that_is_not_listed_is_in_a_span() -> None:
    root = request()
    root.begin("source", source="jan@example.nl", call="party,Jan", state="JANSEN", who="Jan").end(code="Jan")
    root.end(path="/graphql?name=Jan", caller_class="Jan", document="Jan", method="Jan")
    assert "jan" not in json.dumps(told(root.every)).lower()


async def test_a_failure_is_one_in_the_span_and_says_its_code() -> None:
    root = request()
    root.begin("source", source="crm").end(failed=True, state="TIMEOUT", code="SOURCE_TIMEOUT")
    span = told(root.every)[1]
    assert span["status"] == {"code": 2}
    assert attributes(span)["error.type"] == "SOURCE_TIMEOUT"


@pytest.mark.parametrize(
    ("traceparent", "settings", "is_traced"),
    [
        (f"00-{TRACE}-{CALLER}-01", {"sample": 0.0}, True),
        (f"00-{TRACE}-{CALLER}-00", {"sample": 1.0}, False),
        (f"00-{TRACE}-{CALLER}-01", {"sample": 0.0, "follow_callers": False}, False),
        (f"00-{TRACE}-{CALLER}-00", {"sample": 1.0, "follow_callers": False}, True),
        (None, {"sample": 0.0}, False),
        (None, {"sample": 1.0}, True),
        ("of no shape", {"sample": 1.0}, True),
    ],
)
async def test_callers_decide_where_they_are_followed_and_the_share_elsewhere(
    traceparent: str | None, settings: dict[str, Any], is_traced: object
) -> None:
    tracing = Tracing(TracesSettings(**settings), exporter(Collector()))
    root = tracing.begin(accept_trace(traceparent))
    assert (root is not None) == is_traced
    if root and traceparent and traceparent.startswith("00"):
        assert (root.trace_id, root.parent_id) == (TRACE, CALLER)


async def test_the_share_is_chosen_by_the_traces_id() -> None:
    tracing = Tracing(TracesSettings(sample=0.25), exporter(Collector()))
    ids = [f"{'0' * 24}{number * 0x01000000:08x}" for number in range(256)]
    chosen = [tracing.begin(accept_trace(f"00-{one}-{CALLER}-01")) for one in ids if int(one, 16)]
    assert all(chosen)  # followed
    tracing = Tracing(TracesSettings(sample=0.25, follow_callers=False), exporter(Collector()))
    assert sum(tracing.begin(accept_trace(f"00-{one}-{CALLER}-01")) is not None for one in ids if int(one, 16)) == 63


async def test_what_was_broken_off_ends_with_its_request_as_failed() -> None:
    sending = exporter(Collector())
    root = request()
    source = root.begin("source", source="crm")
    Tracing(TracesSettings(), sending).end(root, failed=False, status=200)
    assert source.ended
    assert source.failed
    await sending.flush()
    assert sending.sent == 2


@pytest.mark.parametrize(
    ("statuses", "sent", "dropped", "asked"),
    [((), 1, 0, 1), ((503, 0), 1, 0, 3), ((503, 503, 503), 0, 1, 3), ((400,), 0, 1, 1), ((0, 0, 0), 0, 1, 3)],
)
async def test_what_the_collector_cannot_take_now_is_sent_again_and_then_dropped(
    statuses: tuple[int, ...], sent: int, dropped: int, asked: int
) -> None:
    collector = Collector(*statuses)
    sending = exporter(collector)
    sending.take([request()])
    await sending.flush()
    assert (sending.sent, sending.dropped, len(collector.bodies)) == (sent, dropped, asked)


async def test_what_finds_no_place_is_dropped_and_counted() -> None:
    sending = exporter(Collector(), waiting=2)
    sending.take([request(), request()])
    sending.take([request()])
    assert sending.dropped == 1


async def test_what_is_left_at_the_end_is_sent() -> None:
    collector = Collector()
    async with exporting(exporter(collector)) as sending:
        sending.take([request()])
    assert sending.sent == 1
    assert len(collector.bodies) == 1
