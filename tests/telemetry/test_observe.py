"""Observing requests."""

import io
import json
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from klantbeeld.telemetry.logs import Vocabulary
from klantbeeld.telemetry.metrics import Metrics
from klantbeeld.telemetry.observe import ObserveRequests, observation_of, outcome_of
from klantbeeld.telemetry.request_lines import RequestLines

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Gateway:
    """An app that answers 200, or what it is told, behind the middleware."""

    def __init__(self, status: int = 200, *, is_stream: bool = False) -> None:
        self.status = status
        self.is_stream = is_stream
        self.stream = io.BytesIO()
        self.metrics = Metrics()
        vocabulary = Vocabulary(paths=frozenset({"/graphql"}), caller_classes=frozenset({"agent"}))
        times = iter([10.0, 10.25, 3610.0])
        self.observed = ObserveRequests(
            self.app, lines=RequestLines(self.stream, vocabulary), metrics=self.metrics, clock=lambda: next(times)
        )

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        observed = observation_of(scope)
        observed.caller_class = "agent"
        observed.waited = 0.2
        observed.is_stream = self.is_stream
        await Request(scope, receive).body()
        await PlainTextResponse("done", status_code=self.status)(scope, receive, send)

    async def ask(self, path: str = "/graphql", **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(self.observed)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await client.post(path, content='{"query":"{ me(name: \\"canary\\") }"}', headers=headers)

    def line(self) -> dict[str, Any]:
        line: dict[str, Any] = json.loads(self.stream.getvalue())
        return line


@pytest.mark.asyncio
async def test_the_answer_carries_the_request_id_of_the_log() -> None:
    gateway = Gateway()
    answer = await gateway.ask()
    assert answer.headers["x-request-id"] == gateway.line()["request_id"]


@pytest.mark.asyncio
async def test_the_line_belongs_to_the_callers_trace() -> None:
    gateway = Gateway()
    await gateway.ask(traceparent=TRACEPARENT)
    assert gateway.line()["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.asyncio
async def test_one_line_tells_status_outcome_class_and_seconds() -> None:
    gateway = Gateway(status=401)
    await gateway.ask()
    line = gateway.line()
    told = {name: line[name] for name in ("event", "status", "outcome", "caller_class", "seconds", "waited")}
    assert told == {
        "event": "request",
        "status": 401,
        "outcome": "refused",
        "caller_class": "agent",
        "seconds": 0.25,
        "waited": 0.2,
    }


@pytest.mark.asyncio
async def test_query_variables_path_and_address_are_not_in_the_line() -> None:
    gateway = Gateway()
    await gateway.ask("/canary?name=canary", authorization="canary", cookie="canary", traceparent="canary")
    written = gateway.stream.getvalue()
    assert b"canary" not in written
    assert b"127.0.0.1" not in written


@pytest.mark.asyncio
async def test_a_request_is_counted_with_its_overhead() -> None:
    gateway = Gateway()
    await gateway.ask()
    sample = gateway.metrics.registry.get_sample_value
    assert sample("klantbeeld_requests_total", {"outcome": "ok"}) == 1
    assert sample("klantbeeld_gateway_overhead_seconds_sum") == pytest.approx(0.05)
    assert sample("klantbeeld_requests_in_flight") == 0


@pytest.mark.asyncio
async def test_other_paths_are_logged_and_not_counted() -> None:
    gateway = Gateway()
    await gateway.ask("/live")
    assert gateway.metrics.registry.get_sample_value("klantbeeld_requests_total", {"outcome": "ok"}) == 0
    assert gateway.line()["status"] == 200


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "ok"), (304, "ok"), (400, "refused"), (429, "overloaded"), (503, "overloaded"), (500, "failed")],
)
def test_a_status_has_an_outcome(status: int, outcome: str) -> None:
    assert outcome_of(status) == outcome


@pytest.mark.asyncio
async def test_a_stream_is_noted_with_the_time_until_its_first_part() -> None:
    gateway = Gateway(is_stream=True)
    await gateway.ask()
    assert gateway.line()["seconds"] == 0.25
