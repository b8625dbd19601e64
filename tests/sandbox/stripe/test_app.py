"""Who may come in, and what every answer of the sandbox's Stripe has."""

import base64
from collections.abc import AsyncIterator, Callable
from datetime import datetime

import httpx
import pytest
import pytest_asyncio

from klantbeeld.sandbox.control import Controlled
from klantbeeld.sandbox.facts import Population
from klantbeeld.sandbox.server import CREDENTIALS, ServerSettings, make_server

KEY = CREDENTIALS["stripe"]["secret_key"]


@pytest_asyncio.fixture
async def stranger(server: Controlled) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(server)
    async with httpx.AsyncClient(transport=transport, base_url="https://billing.example") as outside:
        yield outside


@pytest.mark.parametrize(
    "authorization",
    [f"Bearer {KEY}", f"bearer {KEY}", "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()],
)
@pytest.mark.asyncio
async def test_secret_key_opens_as_bearer_and_as_basic(stranger: httpx.AsyncClient, authorization: str) -> None:
    answer = await stranger.get("/v1/products", headers={"authorization": authorization})
    assert answer.status_code == 200


@pytest.mark.parametrize("authorization", ["", "Bearer", "Basic ???", "Basic 4pzT", "Digest x"])
@pytest.mark.asyncio
async def test_no_key_is_challenged(stranger: httpx.AsyncClient, authorization: str) -> None:
    answer = await stranger.get("/v1/products", headers={"authorization": authorization})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="Stripe"'
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.asyncio
async def test_wrong_key_is_refused_and_not_shown(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/v1/products", headers={"authorization": "Bearer sk_test_verysecretindeed"})
    assert answer.status_code == 401
    assert "verysecret" not in answer.text


@pytest.mark.asyncio
async def test_every_answer_has_a_request_id_and_the_version(client: httpx.AsyncClient) -> None:
    for path in ("/v1/products", "/v1/nothing"):
        answer = await client.get(path)
        assert answer.headers["request-id"].startswith("req_")
        assert answer.headers["stripe-version"] == "2023-10-16"


@pytest.mark.asyncio
async def test_other_version_is_refused(client: httpx.AsyncClient) -> None:
    same = await client.get("/v1/products", headers={"stripe-version": "2023-10-16"})
    other = await client.get("/v1/products", headers={"stripe-version": "1999-01-01"})
    assert (same.status_code, other.status_code) == (200, 400)
    assert "1999-01-01" in other.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/nothing"), ("PUT", "/v1/customers"), ("GET", "/v2/customers"), ("GET", "/")]
)
@pytest.mark.asyncio
async def test_unknown_url_is_404(client: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == 404
    assert f"({method}: {path})" in answer.json()["error"]["message"]


@pytest.mark.asyncio
async def test_json_body_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/customers", json={"name": "A"})
    assert answer.status_code == 400
    assert "application/x-www-form-urlencoded" in answer.json()["error"]["message"]


@pytest.mark.asyncio
async def test_too_many_requests_are_refused_until_the_minute_is_over(
    population: Population, clock: Callable[[], datetime], forward: Callable[[float], None]
) -> None:
    settings = ServerSettings(credentials=CREDENTIALS["stripe"], clock=clock, requests_per_minute=2)
    transport = httpx.ASGITransport(make_server("stripe", population, settings=settings))
    async with httpx.AsyncClient(transport=transport, base_url="https://billing.example", auth=(KEY, "")) as client:
        statuses = [(await client.get("/v1/products")).status_code for _ in range(3)]
        refused = await client.get("/v1/products")
        forward(60)
        later = await client.get("/v1/products")
    assert statuses == [200, 200, 429]
    assert refused.json()["error"]["code"] == "rate_limit"
    assert refused.headers["stripe-should-retry"] == "true"
    assert later.status_code == 200
