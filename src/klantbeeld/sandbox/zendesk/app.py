"""The Zendesk server: its paths, its credentials and its rate limit.

Every path is answered with and without ``.json``, as Zendesk does.
"""

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from klantbeeld.sandbox.facts import Population
from klantbeeld.sandbox.quota import Quota
from klantbeeld.sandbox.server import ServerSettings
from klantbeeld.sandbox.zendesk import export, search, tickets, users
from klantbeeld.sandbox.zendesk.errors import Refused, no_endpoint, not_authenticated, too_many_requests
from klantbeeld.sandbox.zendesk.shapes import CHANNEL_FIELD, PRODUCT_FIELD
from klantbeeld.sandbox.zendesk.store import Store

Endpoint = Callable[[Request], Awaitable[Response]]

ENDPOINTS: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "/users", users.list_users),
    ("POST", "/users", users.create_user),
    ("GET", "/users/me", users.show_me),
    ("GET", "/users/show_many", users.show_many_users),
    ("GET", "/users/search", users.search_users),
    ("GET", "/users/{id}", users.show_user),
    ("PUT", "/users/{id}", users.update_user),
    ("DELETE", "/users/{id}", users.delete_user),
    ("DELETE", "/deleted_users/{id}", users.delete_for_good),
    ("GET", "/users/{id}/identities", users.list_identities),
    ("POST", "/users/{id}/identities", users.create_identity),
    ("PUT", "/users/{id}/identities/{identity}/make_primary", users.make_identity_primary),
    ("GET", "/users/{id}/tickets/requested", tickets.list_requested),
    ("GET", "/tickets", tickets.list_tickets),
    ("POST", "/tickets", tickets.create_ticket),
    ("GET", "/tickets/show_many", tickets.show_many_tickets),
    ("GET", "/tickets/{id}", tickets.show_ticket),
    ("PUT", "/tickets/{id}", tickets.update_ticket),
    ("DELETE", "/tickets/{id}", tickets.delete_ticket),
    ("GET", "/tickets/{id}/comments", tickets.list_comments),
    ("GET", "/search", search.search),
    ("GET", "/incremental/tickets/cursor", export.export_tickets),
    ("GET", "/incremental/users/cursor", export.export_users),
)


def create_app(population: Population, settings: ServerSettings) -> Starlette:
    """Return the server with a fresh store. Credentials: ``email``, ``api_token``, ``oauth_token``."""
    app = Starlette(
        routes=[
            *(Route(f"/api/v2{path}", endpoint, methods=[method]) for method, path, endpoint in ENDPOINTS),
            Route("/api/v2/ticket_fields", list_ticket_fields),
        ],
        middleware=[Middleware(Gate, settings=settings)],
        exception_handlers={404: _no_endpoint, 405: _no_endpoint},
    )
    app.state.store = Store(population, agent_email=settings.credentials["email"], clock=settings.clock)
    app.state.keys = tickets.KeyRing()
    return app


async def list_ticket_fields(_request: Request) -> Response:
    """GET /ticket_fields: the account's own fields."""
    titles = {PRODUCT_FIELD: "Product", CHANNEL_FIELD: "Contactkanaal"}
    fields = [{"id": number, "type": "text", "title": title, "active": True} for number, title in titles.items()]
    return JSONResponse({"ticket_fields": fields, "next_page": None, "previous_page": None, "count": len(fields)})


class Gate:
    """Lets in who has credentials and requests left, and turns a refusal into its answer."""

    def __init__(self, app: ASGIApp, *, settings: ServerSettings) -> None:
        self._app = app
        self._credentials = settings.credentials
        self._quota = Quota(settings.requests_per_minute, settings.clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            self._admit(HTTPConnection(scope))
            plain = scope["path"].removesuffix(".json")
            await self._app({**scope, "path": plain}, receive, send)
        except Refused as refused:
            await refused.response(scope, receive, send)

    def _admit(self, connection: HTTPConnection) -> None:
        if not self._is_known(connection.headers.get("authorization", "")):
            raise not_authenticated()
        if seconds := self._quota.take():
            raise too_many_requests(seconds, self._quota.limit or 0)

    def _is_known(self, header: str) -> bool:
        scheme, _, value = header.partition(" ")
        if scheme.lower() == "bearer":
            return _same(value, self._credentials["oauth_token"])
        if scheme.lower() != "basic":
            return False
        try:
            shown = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return False
        return _same(shown, f"{self._credentials['email']}/token:{self._credentials['api_token']}")


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())


async def _no_endpoint(_request: Request, _error: Exception) -> Response:
    return no_endpoint().response
