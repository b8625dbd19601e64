"""What operators ask."""

from collections.abc import Mapping

import pytest
from prometheus_client import CollectorRegistry, Counter
from starlette.applications import Starlette
from starlette.routing import Route
from tests.gateway.conftest import SECRET, Client

from klantbeeld.gateway.health import MetricsEndpoint, ReadyEndpoint, live

pytestmark = pytest.mark.asyncio


def readiness(answer: Mapping[str, bool] | Exception) -> ReadyEndpoint:
    async def ask() -> Mapping[str, bool]:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ReadyEndpoint(ask)


async def test_live_answers_at_once(client: Client) -> None:
    answer = await client(Starlette(routes=[Route("/live", live)])).get("/live")
    assert (answer.status_code, answer.json()) == (200, {"live": True})


@pytest.mark.parametrize(
    ("given", "status", "expected"),
    [
        ({"store": True}, 200, {"ready": True, "parts": {"store": True}}),
        ({}, 200, {"ready": True, "parts": {}}),
        ({"store": False, "keys": True}, 503, {"ready": False, "parts": {"store": False, "keys": True}}),
        (RuntimeError(SECRET), 503, {"ready": False, "parts": {"readiness": False}}),
    ],
)
async def test_ready_names_what_is_missing_and_nothing_else(
    client: Client, given: Mapping[str, bool] | Exception, status: int, expected: object
) -> None:
    app = Starlette(routes=[Route("/ready", readiness(given).ready)])
    answer = await client(app).get("/ready")
    assert (answer.status_code, answer.json()) == (status, expected)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [("*/*", "text/plain"), ("application/openmetrics-text", "application/openmetrics-text")],
)
async def test_metrics_are_those_of_the_registry(client: Client, accept: str, content_type: str) -> None:
    registry = CollectorRegistry()
    Counter("asked", "How often was asked", registry=registry).inc(3)
    app = Starlette(routes=[Route("/metrics", MetricsEndpoint(registry).metrics)])
    answer = await client(app).get("/metrics", headers={"accept": accept})
    assert "asked_total 3.0" in answer.text
    assert answer.headers["content-type"].startswith(content_type)


async def test_ready_names_sources_that_are_set_aside_and_is_ready_all_the_same(client: Client) -> None:
    async def ask() -> Mapping[str, bool]:
        return {"store": True}

    app = Starlette(routes=[Route("/ready", ReadyEndpoint(ask, quarantined=("crm",)).ready)])
    answer = await client(app).get("/ready")
    assert (answer.status_code, answer.json()["quarantined"]) == (200, ["crm"])
