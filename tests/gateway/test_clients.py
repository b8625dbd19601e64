"""The gateway against the clients that people use, as they come from npm, and against graphql-http's audit."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from klantbeeld.gateway.endpoint import GraphQLEndpoint
from klantbeeld.gateway.sockets import GraphQLSocket
from klantbeeld.settings import GatewaySettings

from tests.gateway.conftest import SECRET, TOKEN, FakeAuthenticator, FakeEngine, Serve

FOLDER = Path(__file__).parent / "node"
NODE = shutil.which("node")
WITHIN = 60.0

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.node,
    pytest.mark.skipif(NODE is None, reason="Node.js is not installed"),
    pytest.mark.skipif(
        not (FOLDER / "node_modules").is_dir(), reason=f"its packages are not installed: npm ci --prefix {FOLDER.name}"
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
