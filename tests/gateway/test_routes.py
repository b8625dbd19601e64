"""The gateway's addresses."""

import re
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from tests.gateway.conftest import Client, FakeAuthenticator, FakeEngine

from klantbeeld.errors import ConfigurationError
from klantbeeld.gateway import GatewayParts, routes
from klantbeeld.gateway.documents import hash_of, trusted_documents
from klantbeeld.gateway.graphiql import Example
from klantbeeld.gateway.streams import Streams
from klantbeeld.settings import GatewaySettings

pytestmark = pytest.mark.asyncio

ORIGIN = "https://app.example"
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def ready() -> dict[str, bool]:
    return {"store": True}


def app(settings: GatewaySettings, *, token: str | None = None, examples: tuple[Example, ...] = ()) -> Starlette:
    parts = GatewayParts(
        engine=FakeEngine(settings),
        authenticate=FakeAuthenticator(),
        readiness=ready,
        registry=CollectorRegistry(),
        streams=Streams(settings.max_streams),
        documents=trusted_documents(settings),
        demo_token=token,
        examples=examples,
    )
    return Starlette(routes=routes(parts, settings, language="en"))


@pytest.mark.parametrize("path", ["/live", "/ready", "/metrics", "/graphiql"])
async def test_every_address_answers(client: Client, path: str) -> None:
    assert (await client(app(GatewaySettings())).get(path)).status_code == 200


async def test_the_endpoint_is_where_the_settings_say(client: Client) -> None:
    asking = client(app(GatewaySettings(path="/api/graphql")))
    assert (await asking.post("/api/graphql", json={"query": "{ hello }"})).status_code == 200
    assert (await asking.post("/graphql", json={"query": "{ hello }"})).status_code == 404


async def test_a_browser_gets_graphiql_at_the_endpoint_and_a_program_does_not(client: Client) -> None:
    asking = client(app(GatewaySettings()))
    answer = await asking.get("/graphql", headers=BROWSER)
    assert answer.headers["content-type"].startswith("text/html")
    answer = await asking.get("/graphql", params={"query": "{ hello }"}, headers=BROWSER)
    assert answer.json() == {"data": {"hello": "hello you"}}
    assert (await asking.get("/graphql")).status_code == 400


async def test_without_graphiql_there_is_no_page(client: Client) -> None:
    asking = client(app(GatewaySettings(graphiql=False)))
    assert (await asking.get("/graphiql")).status_code == 404
    assert (await asking.get("/graphql", headers=BROWSER)).headers["content-type"].startswith("application/json")


async def preflight(asking: httpx.AsyncClient, asking_for: str = "authorization, content-type") -> httpx.Response:
    headers = {
        "origin": ORIGIN,
        "access-control-request-method": "POST",
        "access-control-request-headers": asking_for,
    }
    return await asking.options("/graphql", headers=headers)


async def test_no_other_origin_may_ask_by_default(client: Client) -> None:
    asking = client(app(GatewaySettings()))
    assert (await preflight(asking)).status_code == 405
    answer = await asking.post("/graphql", json={"query": "{ hello }"}, headers={"origin": ORIGIN})
    assert "access-control-allow-origin" not in answer.headers


async def test_an_origin_of_the_settings_may_ask(client: Client) -> None:
    asking = client(app(GatewaySettings(cors_origins=(ORIGIN,))))
    answer = await preflight(asking)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, ORIGIN)
    answer = await asking.post("/graphql", json={"query": "{ hello }"}, headers={"origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "access-control-allow-credentials" not in answer.headers
    exposed = answer.headers["access-control-expose-headers"].lower().split(", ")
    assert {"retry-after", "www-authenticate", "x-request-id"} <= set(exposed)


SCHEMA_PAGE = Path(__file__).parents[2] / "docs/schema.md"
DOCUMENTED = re.findall(r"^\| `([\w-]+)[:`]", SCHEMA_PAGE.read_text(encoding="utf-8"), re.MULTILINE)[:9]


@pytest.mark.parametrize("name", DOCUMENTED)
async def test_a_page_may_send_every_header_that_is_documented(client: Client, name: str) -> None:
    assert DOCUMENTED[::8] == ["Authorization", "traceparent"]
    answer = await preflight(client(app(GatewaySettings(cors_origins=(ORIGIN,)))), asking_for=name)
    assert answer.status_code == 200, answer.text


async def test_trusted_documents_come_from_the_folder(client: Client, tmp_path: Path) -> None:
    (tmp_path / "hello.graphql").write_text("{ hello }")
    asking = client(app(GatewaySettings(trusted_documents=tmp_path, only_trusted_documents=True)))
    answer = await asking.get("/graphql", params={"documentId": f"sha256:{hash_of('{ hello }')}"})
    assert answer.json() == {"data": {"hello": "hello you"}}
    assert (await asking.post("/graphql", json={"query": "{ broken }"})).status_code == 403


async def test_a_missing_folder_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        app(GatewaySettings(trusted_documents=tmp_path / "missing"))
