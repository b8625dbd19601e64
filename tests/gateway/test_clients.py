"""The gateway against the clients that people use, as they come from npm, and against graphql-http's audit."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from tests.gateway.conftest import SECRET, TOKEN, FakeAuthenticator, FakeEngine, Serve

from klantbeeld.gateway.endpoint import GraphQLEndpoint
from klantbeeld.gateway.sockets import GraphQLSocket
from klantbeeld.settings import GatewaySettings
from klantbeeld.texts import say

FOLDER = Path(__file__).parent / "node"
NODE = shutil.which("node")
WITHIN = 60.0

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.node,
    pytest.mark.skipif(NODE is None, reason="Node.js is not installed"),
    pytest.mark.skipif(
        not (FOLDER / "node_modules").is_dir(),
        reason="its packages are not installed: npm ci --prefix tests/gateway/node",
    ),
]


async def run(script: str, serve: Serve, engine: FakeEngine, authenticate: FakeAuthenticator) -> Any:
    """Run a script of the folder against a server of its own; gives what it printed."""
    settings = GatewaySettings()
    app = Starlette(
        routes=[
            Route("/graphql", GraphQLEndpoint(engine, authenticate, settings=settings, language="en")),
            WebSocketRoute("/graphql", GraphQLSocket(engine, authenticate, settings=settings, language="en")),
        ]
    )
    assert NODE is not None
    async with serve(app) as address:
        process = await asyncio.create_subprocess_exec(
            NODE, str(FOLDER / script), address, TOKEN, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        try:
            async with asyncio.timeout(WITHIN):
                printed, complaints = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0, complaints.decode()
    assert SECRET not in printed.decode()
    return json.loads(printed)


async def test_all_61_audits_of_graphql_http_are_ok(
    serve: Serve, engine: FakeEngine, authenticate: FakeAuthenticator
) -> None:
    found = await run("audit.mjs", serve, engine, authenticate)
    assert found["findings"] == []
    assert found["counts"] == {"ok": 61, "warn": 0, "error": 0, "notice": 0}


async def test_apollo_client_reads_queries_defer_and_subscriptions(
    serve: Serve, engine: FakeEngine, authenticate: FakeAuthenticator
) -> None:
    found = await run("apollo.mjs", serve, engine, authenticate)
    assert found["plain"] == {"hello": "hello you"}
    first, last = [one for one in found["deferred"] if one["state"] != "empty"]
    assert (first["state"], last["state"]) == ("streaming", "complete")
    assert "complaints" not in first["data"]["customer"]
    assert [one["subject"] for one in last["data"]["customer"]["complaints"]] == ["late", "broken"]
    assert last["error"] == say("INTERNAL_ERROR", "en")
    assert found["events"] == [{"ticks": number} for number in range(3)]
    assert "missing" in found["refused"]


async def test_urql_reads_queries_defer_and_subscriptions(
    serve: Serve, engine: FakeEngine, authenticate: FakeAuthenticator
) -> None:
    found = await run("urql.mjs", serve, engine, authenticate)
    assert found["plain"] == {"hello": "hello you"}
    first, last = found["deferred"]
    assert first["hasNext"] is True
    assert first["data"]["customer"] == {"id": "1", "name": "Jan van den Heuvel"}
    assert last["data"]["customer"]["complaints"] == [{"subject": "late"}, {"subject": "broken"}]
    assert last["error"] == f"[GraphQL] {say('INTERNAL_ERROR', 'en')}"
    assert [one["data"] for one in found["events"] if one["hasNext"]] == [{"ticks": number} for number in range(3)]


async def test_graphql_ws_reads_queries_and_subscriptions_and_learns_of_refusals(
    serve: Serve, engine: FakeEngine, authenticate: FakeAuthenticator
) -> None:
    found = await run("sockets.mjs", serve, engine, authenticate)
    assert found["plain"] == {"results": [{"data": {"hello": "hello you"}}]}
    assert found["events"] == {"results": [{"data": {"ticks": number}} for number in range(3)]}
    assert found["refused"] == {"results": [], "error": "GRAPHQL_VALIDATION_FAILED"}
    assert found["failed"]["results"][1]["errors"][0]["extensions"]["code"] == "INTERNAL_ERROR"
    assert found["unknown"] == {"results": [], "error": 4403}


async def test_graphql_sse_reads_queries_and_subscriptions_and_learns_of_refusals(
    serve: Serve, engine: FakeEngine, authenticate: FakeAuthenticator
) -> None:
    found = await run("events.mjs", serve, engine, authenticate)
    assert found["plain"] == {"results": [{"data": {"hello": "hello you"}}]}
    assert found["events"] == {"results": [{"data": {"ticks": number}} for number in range(3)]}
    assert found["refused"] == {"results": [], "status": 400}
