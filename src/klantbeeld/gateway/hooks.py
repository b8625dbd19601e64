"""Where sources deliver their webhooks: `POST /hooks/NAME`. What they say is proven by their connector, or refused."""

from collections.abc import Mapping
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from klantbeeld.errors import KlantbeeldError, RequestError
from klantbeeld.gateway.errors import refusal_body, refusal_headers
from klantbeeld.gateway.reading import ClientGone, read_body
from klantbeeld.settings import Language

PATH = "/hooks/{source}"
HEADERS = {"content-type": "application/json", "cache-control": "no-store", "x-content-type-options": "nosniff"}
TAKEN = 204


class Feeds(Protocol):
    """Takes what sources tell."""

    async def take(self, source: str, *, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> bool:
        """Take a delivery; raises LookupError for a source without a feed, HookRefused, or StoreError."""
        ...


class HookEndpoint:
    """Answers deliveries: 204 once what they say holds on every replica, so that the source tells again if not."""

    def __init__(self, feeds: Feeds, *, limit: int, within: float, language: Language) -> None:
        self._feeds = feeds
        self._limit = limit
        self._within = within
        self._language = language

    async def take(self, request: Request) -> Response:
        """Take one delivery; nothing of it is logged or answered."""
        try:
            headers = dict(request.scope["headers"])
            body = await read_body(request.receive, headers, limit=self._limit, within=self._within)
            source = request.path_params["source"]
            await self._feeds.take(source, headers=request.headers, query=request.query_params, body=body)
        except ClientGone:
            return Response(status_code=400)
        except LookupError:
            return Response(status_code=404, headers={"cache-control": "no-store"})
        except KlantbeeldError as error:
            return self._refused(error)
        return Response(status_code=TAKEN)

    def _refused(self, error: KlantbeeldError) -> Response:
        status = error.status if isinstance(error, RequestError) else 503
        headers = HEADERS | {name.decode(): value.decode() for name, value in refusal_headers(error)}
        return Response(refusal_body(error, self._language), status_code=status, headers=headers)
