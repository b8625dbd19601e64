"""Stripe as the gateway sees it: API v1 over HTTP with form-encoded writes, in version 2023-10-16.

What stands outside the endpoints is here: keys, versions, rate limit, idempotency, the shape of errors. The habits of
the server (``app.state.habits``) are ``idempotency_seconds``, how long a key is remembered, and ``write_ms``, how long
a write takes, during which its key is in use.
"""

import asyncio
import base64
import binascii
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from klantbeeld.sandbox.facts import Population
from klantbeeld.sandbox.quota import Quota
from klantbeeld.sandbox.server import ServerSettings
from klantbeeld.sandbox.stripe.catalogue import CATALOGUE_ENDPOINTS
from klantbeeld.sandbox.stripe.credit_notes import CREDIT_NOTE_ENDPOINTS
from klantbeeld.sandbox.stripe.customers import CUSTOMER_ENDPOINTS
from klantbeeld.sandbox.stripe.endpoints import Asked, Endpoint
from klantbeeld.sandbox.stripe.errors import ApiError
from klantbeeld.sandbox.stripe.forms import Parameters, read_form
from klantbeeld.sandbox.stripe.idempotency import TERM_SECONDS, Keys
from klantbeeld.sandbox.stripe.invoices import INVOICE_ENDPOINTS
from klantbeeld.sandbox.stripe.listing import expanded
from klantbeeld.sandbox.stripe.parameters import read
from klantbeeld.sandbox.stripe.seed import fill
from klantbeeld.sandbox.stripe.store import API_VERSION, Store, new_id

ENDPOINTS: tuple[Endpoint, ...] = (
    *CUSTOMER_ENDPOINTS,
    *INVOICE_ENDPOINTS,
    *CREDIT_NOTE_ENDPOINTS,
    *CATALOGUE_ENDPOINTS,
)
METHODS = ["GET", "POST", "DELETE", "PUT", "PATCH"]
REQUEST_ID_LENGTH = 14
FORM = "application/x-www-form-urlencoded"


def create_app(population: Population, settings: ServerSettings) -> Starlette:
    """Return the server over a store of its own, filled from ``population``."""
    store = Store(settings.clock)
    fill(store, population)
    front = Front(store, settings)
    app = Starlette(routes=[Route("/{path:path}", front.answer, methods=METHODS)])
    app.state.habits = front.habits
    return app


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request on its way: the endpoint, what the path and the parameters say, and its idempotency key."""

    endpoint: Endpoint
    path: str
    places: Mapping[str, str]
    raw: Parameters
    key: str | None
    request_id: str

    @property
    def fingerprint(self) -> str:
        """The parameters in one spelling, for comparing them with those that a key came with."""
        return json.dumps(self.raw, sort_keys=True)


class Front:
    """Who may come in, and what every answer has; lives as long as the app."""

    def __init__(self, store: Store, settings: ServerSettings) -> None:
        self.habits = {"idempotency_seconds": TERM_SECONDS, "write_ms": 0}
        self._store = store
        self._secret = settings.credentials["secret_key"]
        self._quota = Quota(settings.requests_per_minute, settings.clock)
        self._keys = Keys(lambda: store.now, lambda: self.habits["idempotency_seconds"])
        self._patterns: tuple[tuple[Endpoint, re.Pattern[str]], ...] = tuple(
            (endpoint, endpoint.pattern) for endpoint in ENDPOINTS
        )

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        request_id = new_id("req", REQUEST_ID_LENGTH)
        try:
            self._refuse_strangers(request.headers.get("authorization", ""))
            self._refuse_excess()
            refuse_other_versions(request.headers.get("stripe-version"))
            response = await self._carry_out(await self._call(request, request_id))
        except ApiError as error:
            response = _json(error.body, error.status)
            response.headers.update(error.headers)
        response.headers["request-id"] = request_id
        response.headers["stripe-version"] = API_VERSION
        return response

    async def _call(self, request: Request, request_id: str) -> Call:
        path = str(request.scope["path"])
        for endpoint, pattern in self._patterns:
            match = pattern.match(path) if endpoint.method == request.method else None
            if match:
                key = request.headers.get("idempotency-key") if request.method == "POST" else None
                return Call(
                    endpoint=endpoint,
                    path=path,
                    places=match.groupdict(),
                    raw=await parameters_of(request),
                    key=key or None,
                    request_id=request_id,
                )
        message = f"Unrecognized request URL ({request.method}: {path})."
        raise ApiError(f"{message} Please see https://stripe.com/docs.", status=404)

    async def _carry_out(self, call: Call) -> Response:
        if call.key is None:
            return await self._execute(call)
        kept = self._keys.find(call.key, path=call.path, parameters=call.fingerprint)
        if kept is not None and kept.status is not None:
            replay = Response(kept.body, kept.status, media_type="application/json")
            replay.headers["idempotent-replayed"] = "true"
            return _keyed(replay, call.key, kept.request_id)
        self._keys.begin(call.key, path=call.path, parameters=call.fingerprint, request_id=call.request_id)
        try:
            response = await self._execute(call)
        except ApiError as error:
            if not error.is_execution:
                self._keys.drop(call.key)
                raise
            response = _json(error.body, error.status)
        except BaseException:
            self._keys.drop(call.key)  # nothing was executed, or our own fault: the key must not stay in use
            raise
        self._keys.keep(call.key, status=response.status_code, body=bytes(response.body))
        return _keyed(response, call.key, call.request_id)

    async def _execute(self, call: Call) -> Response:
        values = read(call.raw, call.endpoint.accepts)
        if call.endpoint.method != "GET" and self.habits["write_ms"]:
            await asyncio.sleep(self.habits["write_ms"] / 1000)
        answer = call.endpoint.answer(Asked(store=self._store, path=call.places, values=values))
        return _json(expanded(self._store, answer, values.get("expand") or ()), 200)

    def _refuse_strangers(self, authorization: str) -> None:
        key = key_of(authorization)
        if key is None:
            message = "You did not provide an API key. You need to provide it in the Authorization header."
            raise ApiError(message, status=401, headers={"www-authenticate": 'Basic realm="Stripe"'})
        if not hmac.compare_digest(key.encode(), self._secret.encode()):
            raise ApiError(f"Invalid API Key provided: {masked(key)}", status=401)

    def _refuse_excess(self) -> None:
        if self._quota.take():
            message = "Request rate limit exceeded. You can learn more about rate limits in the documentation."
            reason = {"stripe-rate-limited-reason": "global-rate", "stripe-should-retry": "true"}
            raise ApiError(message, status=429, code="rate_limit", headers=reason)


async def parameters_of(request: Request) -> Parameters:
    """Return the parameters of a request, from its URL and its form."""
    body = (await request.body()).decode("utf-8", "replace")
    if body and not request.headers.get("content-type", "").startswith(FORM):
        raise ApiError(f"Invalid request (check that your POST content type is {FORM}).")
    return read_form("&".join(part for part in (request.url.query, body) if part))


def key_of(authorization: str) -> str | None:
    """Return the API key of an ``Authorization`` header, as Bearer or as the user name of Basic; None for none."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip() or None
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[0] or None
    except (binascii.Error, UnicodeDecodeError):
        return None


def masked(key: str) -> str:
    """Return an API key of which only the ends are legible."""
    return f"{key[:8]}{'*' * max(0, len(key) - 12)}{key[-4:]}"


def refuse_other_versions(version: str | None) -> None:
    """Raise ``ApiError`` for a version of the API that this server does not speak."""
    if version not in (None, API_VERSION):
        raise ApiError(f"Invalid Stripe API version: {version}. This account speaks {API_VERSION}.")


def _json(body: Mapping[str, Any], status: int) -> Response:
    return Response(json.dumps(body, ensure_ascii=False).encode(), status, media_type="application/json")


def _keyed(response: Response, key: str, original: str) -> Response:
    response.headers["idempotency-key"] = key
    response.headers["original-request"] = original
    return response
