"""Microsoft Dataverse as the gateway sees it: a token endpoint, and the Web API v9.2 (OData v4) over a store.

``/{tenant}/oauth2/v2.0/token`` stands on the same host as the API, where the real one is at
login.microsoftonline.com. Nothing else differs from the product in what is spoken here; what is not spoken
(``$batch``, ``$apply``, FetchXML, metadata, deep inserts) is refused.
"""

import json
import uuid
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from klantbeeld.sandbox.dataverse.errors import TOO_MANY_REQUESTS, Refused
from klantbeeld.sandbox.dataverse.resources import ROOT, Resources
from klantbeeld.sandbox.dataverse.seed import fill
from klantbeeld.sandbox.dataverse.store import Store
from klantbeeld.sandbox.dataverse.tokens import TokenRefused, Tokens
from klantbeeld.sandbox.facts import Population
from klantbeeld.sandbox.quota import Quota
from klantbeeld.sandbox.server import ServerSettings

TOKEN_SECONDS = 3599
MAXIMUM_URL = 32_768
BURST = 6000
METHODS = ["GET", "POST", "PATCH", "DELETE", "PUT"]


def create_app(population: Population, settings: ServerSettings) -> Starlette:
    """Return the server over a store of its own, filled from ``population``.

    ``app.state.habits["token_seconds"]`` is how long the next tokens live.
    """
    store = Store(settings.clock)
    fill(store, population)
    front = Front(Resources(store), Tokens(settings.credentials, settings.clock), settings)
    app = Starlette(
        routes=[
            Route("/{tenant}/oauth2/v2.0/token", front.token, methods=["POST"]),
            Route(ROOT + "/{resource:path}", front.api, methods=METHODS),
        ]
    )
    app.state.habits = front.habits
    return app


class Front:
    """Who may come in, and what every answer has; lives as long as the app."""

    def __init__(self, resources: Resources, tokens: Tokens, settings: ServerSettings) -> None:
        self.habits = {"token_seconds": TOKEN_SECONDS}
        self._resources = resources
        self._tokens = tokens
        self._settings = settings
        self._quota = Quota(settings.requests_per_minute, settings.clock)

    async def token(self, request: Request) -> Response:
        """Answer a token request of an application."""
        fields = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        try:
            answer = self._tokens.issue(request.path_params["tenant"], fields, seconds=self.habits["token_seconds"])
        except TokenRefused as refusal:
            return _json(refusal.body(self._settings.clock()), refusal.status)
        return _json(answer, 200)

    async def api(self, request: Request) -> Response:
        """Answer one request to the Web API."""
        if not self._tokens.accepts(request.headers.get("authorization", "")):
            return self._unauthorised()
        try:
            self._refuse_excess(request)
            response = self._resources.answer(request, await request.body())
        except Refused as refusal:
            response = _json(refusal.body, refusal.status)
            response.headers.update(refusal.headers)
        response.headers.update(self._usual_headers())
        return response

    def _refuse_excess(self, request: Request) -> None:
        if len(str(request.url)) > MAXIMUM_URL:
            raise Refused(414, "The request URI is too long.")
        wait = self._quota.take()
        if wait:
            limit = self._quota.limit
            message = f"Number of requests exceeded the limit of {limit} over time window of 60 seconds."
            raise Refused(429, message, code=TOO_MANY_REQUESTS, headers={"retry-after": str(wait)})

    def _usual_headers(self) -> dict[str, str]:
        remaining = self._quota.remaining
        return {
            "odata-version": "4.0",
            "x-ms-service-request-id": str(uuid.uuid4()),
            "x-ms-ratelimit-burst-remaining-xrm-requests": str(BURST if self._quota.limit is None else remaining),
            "x-ms-ratelimit-time-remaining-xrm-requests": "1,200.00",
        }

    def _unauthorised(self) -> Response:
        tenant = self._settings.credentials["tenant_id"]
        challenge = f"Bearer authorization_uri=https://login.microsoftonline.com/{tenant}/oauth2/authorize"
        text = "HTTP Error 401 - Unauthorized: Access is denied"
        return PlainTextResponse(text, status_code=401, headers={"www-authenticate": challenge})


def _json(body: Any, status: int) -> Response:
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(content, status, media_type="application/json; odata.metadata=minimal")
