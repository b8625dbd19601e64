"""What the four servers share: their settings, their credentials, and the process that one of them runs in.

A server's folder has ``create_app(population, settings) -> Starlette``; the app holds the store and speaks the
product's API. ``make_server`` wraps the request log, the faults and the reset around it (see ``control``), so an app
knows nothing of them.
"""

import asyncio
import contextlib
import importlib
import json
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import cast

import uvicorn
from starlette.applications import Starlette
from starlette.types import Scope

from klantbeeld.sandbox.control import Controlled
from klantbeeld.sandbox.facts import Population, System
from klantbeeld.sandbox.population import make_population

CREDENTIALS: Mapping[System, Mapping[str, str]] = {
    "dataverse": {
        "tenant_id": "8f6b2c1e-0d6a-4c57-9a3e-5b1f0e7d4a20",
        "client_id": "3d0a7c52-64b1-4e0f-8f5e-2a9c6b7d1e43",
        "client_secret": "sandbox-dataverse-secret",
    },
    "stripe": {"secret_key": "sk_test_sandbox", "webhook_secret": "whsec_sandbox"},
    "zendesk": {
        "email": "koppeling@example.com",
        "api_token": "sandbox-zendesk-token",
        "oauth_token": "sandbox-zendesk-oauth",
    },
    "sap_customer_data_cloud": {
        "api_key": "4_sandboxSiteApiKey",
        "user_key": "AKsandbox",
        "secret": "c2FuZGJveC1zYXAtY2RjLXNlY3JldA==",
    },
}

CreateApp = Callable[[Population, "ServerSettings"], Starlette]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How one server behaves.

    ``credentials`` are what a caller must show, by the names of ``CREDENTIALS``. ``requests_per_minute`` switches the
    product's own rate limit on, answered in the product's own way; None is off. ``clock`` gives the time that new and
    changed records get.
    """

    credentials: Mapping[str, str]
    requests_per_minute: int | None = None
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


def default_settings(name: System) -> ServerSettings:
    """Return the settings of the server ``name`` with the sandbox's own credentials."""
    return ServerSettings(credentials=CREDENTIALS[name])


def make_server(
    name: System,
    population: Population,
    *,
    settings: ServerSettings | None = None,
    drop: Callable[[Scope], None] | None = None,
) -> Controlled:
    """Return the server ``name`` as an ASGI app, with its log, its faults and its reset under ``/_sandbox/``.

    ``drop`` closes the connection of a request without an answer; without it a dropped connection is a
    ``ConnectionResetError`` out of the app, which is what an in-process client sees.
    """
    chosen = settings or default_settings(name)
    create_app = cast("CreateApp", importlib.import_module(f"klantbeeld.sandbox.{name}").create_app)
    return Controlled(name, lambda: create_app(population, chosen), clock=chosen.clock, drop=drop)


def run_server(
    name: System,
    port: int = 0,
    *,
    seed: int = 7,
    size: int = 1000,
    today: date | None = None,
    requests_per_minute: int | None = None,
    attended: bool = False,
) -> None:
    """Serve ``name`` on 127.0.0.1 until SIGTERM or SIGINT, or, ``attended``, until standard input is closed.

    Port 0 takes a free one. As soon as the port is bound one line of JSON, ``{"name": …, "port": …}``, is written to
    standard output; requests are accepted from then on, and answered when the server is up.
    """
    population = make_population(seed, size, today=today or datetime.now(UTC).date())
    settings = ServerSettings(credentials=CREDENTIALS[name], requests_per_minute=requests_per_minute)
    drop = ConnectionDrop()
    config = uvicorn.Config(
        make_server(name, population, settings=settings, drop=drop),
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    drop.server = server
    with contextlib.closing(socket.create_server(("127.0.0.1", port), backlog=512)) as listener:
        # Connections inherit it; asyncio leaves it off for a listener made so, and each answer would wait 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sys.stdout.write(json.dumps({"name": name, "port": listener.getsockname()[1]}) + "\n")
        sys.stdout.flush()
        if attended:
            threading.Thread(target=_stop_at_end_of_input, args=(server,), daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(server.serve(sockets=[listener]))


class ConnectionDrop:
    """Aborts the TCP connection that a request came over, found by its client address. Lives as long as the process."""

    def __init__(self) -> None:
        self.server: uvicorn.Server | None = None

    def __call__(self, scope: Scope) -> None:
        """Abort the connection of ``scope``; the client reads a reset."""
        connections = self.server.server_state.connections if self.server else ()
        for connection in tuple(connections):
            if getattr(connection, "client", None) == scope["client"] and connection.transport:
                connection.transport.abort()


def _stop_at_end_of_input(server: uvicorn.Server) -> None:
    sys.stdin.buffer.read()
    server.should_exit = True
