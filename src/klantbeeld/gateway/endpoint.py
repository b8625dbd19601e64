"""The GraphQL endpoint: one HTTP request in, one answer out (GraphQL over HTTP).

An ASGI class for a Starlette `Route` (a `Mount` would answer POST with 307). It builds no Request or Response objects:
they would cost a fifth of what an answer costs.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

from starlette.types import Receive, Scope, Send

from klantbeeld.errors import RequestError
from klantbeeld.gateway import incremental, negotiation
from klantbeeld.gateway.documents import TrustedDocuments
from klantbeeld.gateway.door import Door
from klantbeeld.gateway.errors import Refusal, refusal_body, refusal_headers, refusal_status
from klantbeeld.gateway.head import KEY_HEADER, Exchange, asks_by_get, deadline_of, joined, refuse_unfit
from klantbeeld.gateway.negotiation import Wanted
from klantbeeld.gateway.noting import note, note_gone, note_stream, noted_parts, span_of
from klantbeeld.gateway.parts import complete, events, with_beats
from klantbeeld.gateway.ports import (
    Answer,
    Authenticator,
    Caller,
    Engine,
    GraphQLRequest,
    Observer,
    Parts,
    RequestContext,
)
from klantbeeld.gateway.reading import ClientGone, read_body, request_of_body, request_of_query_string
from klantbeeld.gateway.replies import CODINGS, compressed, send_reply, send_stream
from klantbeeld.gateway.streams import Streams
from klantbeeld.gateway.watch import Watch
from klantbeeld.settings import GatewaySettings, Language

GRACE: Final = 0.25  # the engine ends at its deadline with what it has; this long after, it is ended
BEAT_EVERY: Final = 12.0
ALLOW_POST: Final = (b"allow", b"POST")

Headers = tuple[tuple[bytes, bytes], ...]
Page = Callable[[Scope, Receive, Send], Any]


@dataclass(slots=True)  # not frozen: that costs a microsecond for every request
class Reply:
    """A complete answer."""

    status: int
    body: bytes
    headers: Headers


@dataclass(frozen=True, slots=True)
class StreamReply:
    """An answer in parts, and its place among the streams."""

    parts: Parts
    frames: AsyncIterator[bytes]
    content_type: bytes
    place: asyncio.Future[None]


class SilentObserver:
    """Hears nothing; for whoever wants neither metrics nor logs."""

    def failed(self, error: BaseException, /) -> None:
        """Hear of a failure."""


class GraphQLEndpoint:
    """Answers GraphQL over HTTP by GET and POST; lives as long as the app and keeps nothing of a request.

    `page`, if given, is served to browsers that ask for HTML (GraphiQL).
    """

    def __init__(
        self,
        engine: Engine,
        authenticate: Authenticator,
        *,
        settings: GatewaySettings,
        language: Language = "nl",
        documents: TrustedDocuments | None = None,
        page: Page | None = None,
        streams: Streams | None = None,
        observer: Observer | None = None,
        door: Door | None = None,
    ) -> None:
        self._door = door or Door(settings.door, importance=lambda _: 0)
        self._execute = engine.execute
        self._authenticate = authenticate
        self._settings = settings
        self._language = language
        self._documents = documents or TrustedDocuments(by_hash={})
        self._page = page
        self._streams = Streams(settings.max_streams) if streams is None else streams
        self._observer = observer or SilentObserver()
        self._watch = Watch(every=settings.watch_every)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        exchange = self._exchange(scope, receive)
        if self._page is not None and exchange.wanted.page and scope["method"] != "POST" and not asks_by_get(scope):
            await self._page(scope, receive, send)
            return
        try:
            reply = await self._let_in(exchange)
        except ClientGone:
            note_gone(scope)
            return
        except Exception as error:  # noqa: BLE001 - whatever broke, the caller gets an answer and no text of it
            reply = self._refusal(exchange, error)
        await self._send(exchange, send, reply)

    def _exchange(self, scope: Scope, receive: Receive) -> Exchange:
        headers = dict(scope["headers"])
        return Exchange(
            scope=scope,
            receive=receive,
            wanted=negotiation.wanted(joined(scope, headers, b"accept")),
            language=negotiation.language(joined(scope, headers, b"accept-language"), self._language),
            headers=headers,
        )

    async def _let_in(self, exchange: Exchange) -> Reply | StreamReply:
        """Answer if there is room: what is not fit needs none, and a body that is still coming takes none."""
        refuse_unfit(exchange, self._settings.cors_origins)
        body = await self._body(exchange)
        exchange.arrived = asyncio.get_running_loop().time()  # how long its sender took is not of its deadline
        await self._door.enter(exchange.headers)
        try:
            return await self._reply(exchange, body)
        finally:
            self._door.leave()

    async def _body(self, exchange: Exchange) -> bytes:
        if exchange.scope["method"] != "POST":
            return b""
        settings = self._settings
        return await read_body(
            exchange.receive, exchange.headers, limit=settings.max_body_bytes, within=settings.receive_within
        )

    async def _reply(self, exchange: Exchange, body: bytes) -> Reply | StreamReply:
        authorization = exchange.headers.get(b"authorization")
        caller = await self._authenticate(
            None if authorization is None else authorization.decode("latin-1"), exchange.headers
        )
        context = self._context(exchange, caller)
        timeout = asyncio.timeout_at(context.deadline + GRACE)
        request = self._documents.resolve(self._request(exchange, body))
        watched = self._watch.begin(exchange.receive)
        try:
            async with timeout:
                answer = await self._execute(request, context)
        except asyncio.CancelledError as error:
            if not watched.has_gone:
                raise
            raise ClientGone from error
        except TimeoutError as error:
            if not timeout.expired():
                raise
            raise Refusal("DEADLINE_EXCEEDED", status=504) from error
        finally:
            self._watch.end(watched)
        if isinstance(answer, AsyncIterator):
            note_stream(exchange.scope, caller, answer)
            return await self._stream(exchange, context, answer)
        note(exchange.scope, caller, answer)
        return await self._complete(exchange, answer)

    def _request(self, exchange: Exchange, body: bytes) -> GraphQLRequest:
        if exchange.scope["method"] != "POST":
            return request_of_query_string(exchange.scope["query_string"], limit=self._settings.max_body_bytes)
        return request_of_body(body)

    def _context(self, exchange: Exchange, caller: Caller) -> RequestContext:
        has_body = exchange.scope["method"] != "HEAD"  # without one nothing can come bit by bit
        return RequestContext(
            caller=caller,
            deadline=deadline_of(
                caller, exchange.headers, arrived=exchange.arrived, reserve=self._settings.answer_reserve
            ),
            language=exchange.language,
            is_get=exchange.scope["method"] != "POST",
            idempotency_key=_text(exchange.headers.get(KEY_HEADER)),
            takes_incremental=has_body and exchange.wanted.incremental is not None,
            takes_events=has_body and exchange.wanted.events is not None,
            headers=exchange.headers,
            span=span_of(exchange.scope),
        )

    async def _complete(self, exchange: Exchange, answer: Answer) -> Reply:
        wanted = exchange.wanted
        body = answer.body
        status = answer.status or 200
        # With application/json the body alone tells a refused request; everything newer has the status tell it.
        if not answer.executed and answer.status is None and wanted.json is not negotiation.JSON:
            status = 400
        if wanted.json is None and answer.executed and (form := _only_format(wanted)) is not None:
            return Reply(status, incremental.single_frame(body, form), ((b"content-type", form.content_type),))
        headers: Headers = ((b"content-type", wanted.refusal), *answer.headers)
        if status == 405:  # noqa: PLR2004 - HTTP's word for it
            headers = (*headers, ALLOW_POST)
        if len(body) >= self._settings.compress_from_bytes:
            accepted = joined(exchange.scope, exchange.headers, b"accept-encoding")
            coding = negotiation.coding(accepted, CODINGS)
            if coding is not None:
                named = (b"content-encoding", coding.encode())
                return Reply(status, await compressed(body, coding), (*headers, named))
        return Reply(status, body, headers)

    async def _stream(self, exchange: Exchange, context: RequestContext, parts: Parts) -> StreamReply:
        streaming = exchange.wanted.events if parts.is_live else exchange.wanted.incremental
        try:
            if streaming is None:
                allowed = negotiation.EVENT_OFFERS if parts.is_live else negotiation.STREAM_OFFERS
                raise Refusal("NOT_ACCEPTABLE", status=406, place="header Accept", allowed=allowed)
            place = self._streams.take()
        except RequestError:
            await parts.aclose()
            raise
        form = incremental.format_for(streaming, is_incremental=not parts.is_live)
        failed = self._observer.failed
        if parts.is_live:
            until = loop_time(context.caller.expires_at)
            masked = events(parts, until=until, language=context.language, failed=failed)
        else:
            masked = complete(parts, until=context.deadline + GRACE, language=context.language, failed=failed)
        noted = noted_parts(exchange.scope, masked)
        frames = incremental.frames(with_beats(noted, every=BEAT_EVERY), form)
        return StreamReply(parts=parts, frames=frames, content_type=form.content_type, place=place)

    def _refusal(self, exchange: Exchange, error: Exception) -> Reply:
        status = refusal_status(error)
        if not isinstance(error, RequestError):
            self._observer.failed(error)
        headers: Headers = ((b"content-type", exchange.wanted.refusal), *refusal_headers(error))
        if status == 405 and not any(name == b"allow" for name, _ in headers):  # noqa: PLR2004 - HTTP's word for it
            headers = (*headers, ALLOW_POST)
        return Reply(status, refusal_body(error, exchange.language), headers)

    async def _send(self, exchange: Exchange, send: Send, reply: Reply | StreamReply) -> None:
        if isinstance(reply, Reply):
            await send_reply(send, reply.status, reply.body, reply.headers)
            return
        headers = ((b"content-type", reply.content_type),)
        end = reply.place if reply.parts.is_live else None  # what is no subscription ends in time
        try:
            await send_stream(exchange.receive, send, reply.frames, headers, end=end)
        finally:
            self._streams.give_back(reply.place)
            await reply.parts.aclose()  # also where not one frame was read


def loop_time(unix_time: float | None) -> float | None:
    """Give a moment in the running loop's time; None stays None."""
    return None if unix_time is None else asyncio.get_running_loop().time() + unix_time - time.time()


def _only_format(wanted: Wanted) -> incremental.Format | None:
    """Give the format for a plain answer to a client that reads nothing but streams."""
    if wanted.incremental is not None:
        return incremental.format_for(wanted.incremental, is_incremental=True)
    return None if wanted.events is None else incremental.format_for(wanted.events, is_incremental=False)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
