"""The gateway's addresses, as one list that `app.py` composes."""

from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp

from klantbeeld.gateway.documents import TrustedDocuments
from klantbeeld.gateway.door import Door
from klantbeeld.gateway.endpoint import GraphQLEndpoint
from klantbeeld.gateway.graphiql import Example, GraphiQL
from klantbeeld.gateway.health import MetricsEndpoint, ReadyEndpoint, live
from klantbeeld.gateway.hooks import PATH as HOOKS
from klantbeeld.gateway.hooks import HookEndpoint
from klantbeeld.gateway.ports import Authenticator, Engine, Observer, Readiness
from klantbeeld.gateway.sockets import GraphQLSocket
from klantbeeld.gateway.streams import Streams
from klantbeeld.settings import GatewaySettings, Language

PREFLIGHT_SECONDS = 600
ALLOWED_HEADERS = (
    "authorization",
    "content-type",
    "idempotency-key",
    "klantbeeld-consistency-token",
    "klantbeeld-deadline-ms",
    "klantbeeld-explain",
    "klantbeeld-purpose",
    "traceparent",
    "x-request-id",
)
EXPOSED_HEADERS = ("retry-after", "www-authenticate", "x-request-id")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayParts:
    """What `app.py` hands in; lives as long as the app."""

    engine: Engine
    authenticate: Authenticator
    readiness: Readiness
    registry: CollectorRegistry
    streams: Streams
    """Made by the app, which closes it when it stops."""
    hooks: HookEndpoint | None = None
    """Where sources tell of changes."""
    door: Door | None = None
    """Made by the app, which starts and stops it."""
    quarantined: tuple[str, ...] = ()
    """Sources that are configured and cannot be asked, since their connector is broken."""
    documents: TrustedDocuments | None = None
    observer: Observer | None = None
    examples: tuple[Example, ...] = ()
    """Tabs of GraphiQL."""
    demo_token: str | None = None
    """Filled into GraphiQL's headers; only ever given by the demo, since anybody may read the page."""


def routes(parts: GatewayParts, settings: GatewaySettings, *, language: Language = "nl") -> list[BaseRoute]:
    """Give the routes of the gateway."""
    page = None
    page_routes: list[BaseRoute] = []
    if settings.graphiql:
        page = GraphiQL(settings.path, examples=parts.examples, token=parts.demo_token)
        page_routes = page.routes()
    shared: dict[str, Any] = {
        "settings": settings,
        "language": language,
        "documents": parts.documents,
        "streams": parts.streams,
        "observer": parts.observer,
        "door": parts.door,
    }
    endpoint = GraphQLEndpoint(parts.engine, parts.authenticate, page=page, **shared)
    socket = GraphQLSocket(parts.engine, parts.authenticate, **shared)
    return [
        Route(settings.path, _with_cors(endpoint, settings), name="graphql"),
        WebSocketRoute(settings.path, socket, name="graphql-socket"),
        *page_routes,
        *([Route(HOOKS, parts.hooks.take, methods=["POST"])] if parts.hooks else []),
        Route("/live", live),
        Route("/ready", ReadyEndpoint(parts.readiness, quarantined=parts.quarantined).ready),
        Route("/metrics", MetricsEndpoint(parts.registry).metrics),
    ]


def _with_cors(endpoint: ASGIApp, settings: GatewaySettings) -> ASGIApp:
    """Let pages of the named origins ask; without any, the browser's own rule stands."""
    if not settings.cors_origins:
        return endpoint
    return CORSMiddleware(
        endpoint,
        allow_origins=settings.cors_origins,
        allow_methods=("GET", "POST"),
        allow_headers=ALLOWED_HEADERS,
        expose_headers=EXPOSED_HEADERS,
        max_age=PREFLIGHT_SECONDS,
    )
