"""The GraphiQL page and its two static files, under a content security policy that allows nothing else.

`static/` holds what `scripts/build_graphiql` made of the npm packages that `package.json` beside it pins.
"""

import base64
import secrets
from dataclasses import asdict, dataclass
from html import escape
from importlib import resources
from typing import Final

import msgspec
from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PREFIX: Final = "/graphiql"
NONCE_BYTES: Final = 16

TEMPLATE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Klantbeeld</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{prefix}/graphiql.css">
</head>
<body>
<div id="graphiql" data-nonce="{nonce}" data-config="{config}">Loading GraphiQL…</div>
<script src="{prefix}/graphiql.js" nonce="{nonce}"></script>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Example:
    """One tab of GraphiQL; `variables` and `headers` are JSON texts, as its editors show them."""

    title: str
    query: str
    variables: str = ""
    headers: str = ""


class GraphiQL:
    """Serves the page. `token` stands in the page for anybody to read: only the demo gives one."""

    def __init__(self, endpoint: str, *, examples: tuple[Example, ...] = (), token: str | None = None) -> None:
        self._config = msgspec.json.encode(
            {"endpoint": endpoint, "examples": [asdict(one) for one in examples], "token": token or ""}
        ).decode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the page (ASGI)."""
        await self.page()(scope, receive, send)

    def page(self) -> Response:
        """Give the page with a nonce of its own."""
        nonce = base64.b64encode(secrets.token_bytes(NONCE_BYTES)).decode()
        html = TEMPLATE.format(prefix=PREFIX, nonce=nonce, config=escape(self._config))
        return HTMLResponse(html, headers=_page_headers(nonce))

    def routes(self) -> list[BaseRoute]:
        """Give the page's own address and its static files."""
        folder = str(resources.files("klantbeeld.gateway.graphiql").joinpath("static"))
        files = NoSniff(GZipMiddleware(StaticFiles(directory=folder)))
        return [Route(PREFIX, self._answer), Mount(PREFIX, files, name="graphiql-files")]

    async def _answer(self, _: Request) -> Response:
        return self.page()


class NoSniff:
    """Adds the headers that a static file needs; a copy may be kept, and is asked about each time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the file (ASGI)."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-content-type-options"] = "nosniff"
                headers["cache-control"] = "no-cache"
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _page_headers(nonce: str) -> dict[str, str]:
    policy = (
        "default-src 'none'",
        f"script-src 'nonce-{nonce}'",
        f"style-src 'self' 'nonce-{nonce}'",
        "font-src 'self' data:",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return {
        "content-security-policy": "; ".join(policy),
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "cross-origin-opener-policy": "same-origin",
        "vary": "accept",
    }
