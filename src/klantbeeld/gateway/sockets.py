"""GraphQL over WebSocket: the subprotocol `graphql-transport-ws`, and no other.

Each operation comes in by the door, and is logged, counted and traced, as a request over HTTP is.

The token comes in the payload of `connection_init` as `authorization` (a browser cannot set a header on a socket), or
in the header of the upgrade; purpose, deadline and language likewise, by the names of their headers. The closing codes
are the protocol's own; when the token ends the socket is closed with 4403, which tells a client to connect again with a
new one.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final, cast

import msgspec
from starlette.types import Receive, Scope, Send

from klantbeeld.errors import KlantbeeldError, Overloaded, RequestError
from klantbeeld.gateway import negotiation
from klantbeeld.gateway.documents import TrustedDocuments
from klantbeeld.gateway.door import Door
from klantbeeld.gateway.endpoint import GRACE, SilentObserver, loop_time
from klantbeeld.gateway.errors import Refusal, refusal_status, shown
from klantbeeld.gateway.head import deadline_of, joined, refuse_repeated
from klantbeeld.gateway.noting import (
    note,
    note_gone,
    note_status,
    note_stream,
    noted_parts,
    observed_operation,
    span_of,
)
from klantbeeld.gateway.parts import closed_at_the_end, complete, events
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
from klantbeeld.gateway.reading import parse_json, request_of
from klantbeeld.gateway.streams import Streams
from klantbeeld.settings import GatewaySettings, Language

SUBPROTOCOL: Final = "graphql-transport-ws"
INITIALISE_WITHIN: Final = 5.0
MOST_OPERATIONS: Final = 50  # of one socket at once
LONGEST_ID: Final = 128
LONGEST_REASON: Final = 123  # bytes
IN_PAYLOAD: Final = ("authorization", "klantbeeld-purpose", "klantbeeld-deadline-ms", "accept-language")

GOING_AWAY: Final = (1001, "Going away")
POLICY: Final = (1008, "Origin not allowed")
TRY_AGAIN: Final = (1013, "Try again later")
BAD_REQUEST: Final = (4400, "Invalid message")
UNAUTHORIZED: Final = (4401, "Unauthorized")
FORBIDDEN: Final = (4403, "Forbidden")
NO_SUBPROTOCOL: Final = (4406, "Subprotocol not acceptable")
TOO_LATE: Final = (4408, "Connection initialisation timeout")
TOO_MANY_INITIALISATIONS: Final = (4429, "Too many initialisation requests")

# What a socket that is closed with this code before anything was asked would have had as its status over HTTP.
STATUS_OF: Final = {1008: 403, 1013: 503, 4400: 400, 4401: 401, 4403: 401, 4406: 400, 4408: 408, 4429: 400}

COMPLETE: Final[Mapping[str, Any]] = {"type": "complete"}

encode: Final = msgspec.json.Encoder().encode


class Closed(Exception):
    """The socket is to be closed with this code and reason; None: the client has gone already."""

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason


class GraphQLSocket:
    """Answers GraphQL over WebSocket; an ASGI class for a Starlette `WebSocketRoute`."""

    def __init__(
        self,
        engine: Engine,
        authenticate: Authenticator,
        *,
        settings: GatewaySettings,
        language: Language = "nl",
        documents: TrustedDocuments | None = None,
        streams: Streams | None = None,
        observer: Observer | None = None,
        door: Door | None = None,
        initialise_within: float = INITIALISE_WITHIN,
    ) -> None:
        self.door = door or Door(settings.door, importance=lambda _: 0)
        self.execute = engine.execute
        self.authenticate = authenticate
        self.settings = settings
        self.language = language
        self.documents = documents or TrustedDocuments(by_hash={})
        self.streams = Streams(settings.max_streams) if streams is None else streams
        self.observer = observer or SilentObserver()
        self.initialise_within = initialise_within
        self.nameless = Streams(settings.max_streams)  # sockets of which nobody has said yet whose they are

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket until either side closes it (ASGI)."""
        await receive()  # websocket.connect
        connection = Connection(self, scope, receive, send)
        try:
            self._refuse_strangers(dict(scope["headers"]))
            await connection.serve()
        except Closed as closed:
            if closed.code is not None and not connection.has_begun:
                _note_refusal(scope, closed.code)
            await _close(send, closed)

    def _refuse_strangers(self, headers: Mapping[bytes, bytes]) -> None:
        """CORS does not hold for sockets, so the origin is checked here; only browsers send one."""
        origin = headers.get(b"origin")
        own = headers.get(b"host", b"").decode("latin-1")
        known = {f"http://{own}", f"https://{own}", *self.settings.cors_origins}
        if origin is not None and origin.decode("latin-1") not in known:
            raise Closed(*POLICY)


class Connection:
    """One socket: its caller, and the operations that are under way on it."""

    def __init__(self, socket: GraphQLSocket, scope: Scope, receive: Receive, send: Send) -> None:
        self._socket = socket
        self._scope = scope
        self._headers: Mapping[bytes, bytes] = dict(scope["headers"])
        self._receive = receive
        self._send = send
        self._language = negotiation.language(joined(scope, self._headers, b"accept-language"), socket.language)
        self._operations: dict[str, asyncio.Task[None]] = {}  # by their ids, until these are free again
        self._tasks: set[asyncio.Task[None]] = set()
        self._finite: set[asyncio.Task[None]] = set()  # all but subscriptions: these end by themselves, and in time
        self._is_ending = False
        self.has_begun = False  # the client may ask from then on

    async def serve(self) -> None:
        """Serve until the token ends or the gateway stops, and what was asked is answered. Raises Closed, always."""
        socket = self._socket
        is_spoken = SUBPROTOCOL in self._scope["subprotocols"]
        await self._send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL if is_spoken else None})
        if not is_spoken:
            raise Closed(*NO_SUBPROTOCOL)
        try:
            refuse_repeated(self._scope)
        except Refusal as error:
            raise Closed(BAD_REQUEST[0], _reason(str(error))) from error
        try:
            with _place(socket.nameless):
                async with asyncio.timeout(socket.initialise_within):
                    caller = await self._initialise()
        except TimeoutError as error:
            raise Closed(*TOO_LATE) from error
        with _place(socket.streams) as end:
            self.has_begun = True
            await self._say({"type": "connection_ack"})
            await self._serve(caller, end)

    async def _serve(self, caller: Caller, end: asyncio.Future[None]) -> None:
        reading = asyncio.create_task(self._read(caller))
        until = loop_time(caller.expires_at)
        left = None if until is None else until - asyncio.get_running_loop().time()
        try:
            await asyncio.wait({reading, end}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                await self._finish(reading)
            if reading.done():
                reading.result()
            raise Closed(*(GOING_AWAY if end.done() else FORBIDDEN))
        finally:
            waiting = [reading, *self._tasks]
            for task in waiting:
                task.cancel()
            await asyncio.wait(waiting)

    async def _finish(self, reading: asyncio.Task[None]) -> None:
        """End subscriptions, begin nothing more, and let the others end by their deadlines, unless the client goes."""
        self._is_ending = True
        asked = set(self._finite)
        for task in self._tasks - asked:
            task.cancel()
        while not reading.done() and (left := {task for task in asked if not task.done()}):
            await asyncio.wait({reading, *left}, return_when=asyncio.FIRST_COMPLETED)

    async def _initialise(self) -> Caller:
        message = await self._message()
        while message["type"] in {"ping", "pong"}:
            await self._pong(message)
            message = await self._message()
        if message["type"] != "connection_init":
            raise Closed(*(UNAUTHORIZED if message["type"] == "subscribe" else BAD_REQUEST))
        self._headers = {**self._headers, **_headers_in(message.get("payload"))}
        self._language = negotiation.language(self._headers.get(b"accept-language", b""), self._socket.language)
        authorization = self._headers.get(b"authorization")
        try:
            caller = await self._socket.authenticate(
                None if authorization is None else authorization.decode("latin-1"), self._headers
            )
        except Overloaded as error:
            raise Closed(*TRY_AGAIN) from error
        except RequestError as error:
            raise Closed(*FORBIDDEN) from error
        return caller

    async def _read(self, caller: Caller) -> None:
        while True:
            message = await self._message()
            match message["type"]:
                case "subscribe":
                    await self._subscribe(caller, message)
                case "complete":
                    self._complete(message)
                case "ping" | "pong":
                    await self._pong(message)
                case "connection_init":
                    raise Closed(*TOO_MANY_INITIALISATIONS)
                case _:
                    raise Closed(*BAD_REQUEST)

    async def _subscribe(self, caller: Caller, message: Mapping[str, Any]) -> None:
        name, payload = _id(message), message.get("payload")
        if name in self._operations:
            raise Closed(4409, _reason(f"Subscriber for {name} already exists"))
        if not isinstance(payload, dict):
            raise Closed(*BAD_REQUEST)
        if len(self._tasks) >= MOST_OPERATIONS:
            await self._refuse(name)
            return
        task = asyncio.create_task(self._operate(name, caller, payload))
        self._operations[name] = task
        for tasks in (self._tasks, self._finite):
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    def _complete(self, message: Mapping[str, Any]) -> None:
        """End an operation; one that has ended already is no mistake of the client's."""
        task = self._operations.pop(_id(message), None)
        if task is not None:
            task.cancel()

    async def _refuse(self, name: str) -> None:
        """Refuse an operation beyond those that may be under way at once."""
        with observed_operation(self._scope) as scope:
            last = self._broken(Overloaded("too many operations on one socket", retry_after=1), scope)
        await self._say({"id": name, **last})

    async def _operate(self, name: str, caller: Caller, payload: object) -> None:
        with observed_operation(self._scope) as scope:
            try:
                last = await self._answer(name, payload, self._context(caller, scope), scope)
            except Closed:
                return  # the client has gone, which ends the socket
            except Exception as error:  # noqa: BLE001 - an operation that breaks ends alone
                last = self._broken(error, scope)
        self._operations.pop(name, None)  # whoever reads that it is over may use its id again
        with suppress(Closed):
            await self._say({"id": name, **last})

    def _broken(self, error: Exception, scope: Scope) -> Mapping[str, Any]:
        """Give the last message of an operation that has no answer."""
        if not isinstance(error, KlantbeeldError):
            self._socket.observer.failed(error)
        note_status(scope, refusal_status(error))
        return {"type": "error", "payload": [shown(error, self._language)]}

    async def _answer(self, name: str, payload: object, context: RequestContext, scope: Scope) -> Mapping[str, Any]:
        """Answer an operation, and give its last message."""
        if self._is_ending:
            raise Overloaded("the socket is about to close", retry_after=1)
        answer = await self._execute(self._socket.documents.resolve(request_of(payload)), context, scope)
        if isinstance(answer, AsyncIterator):
            if answer.is_live and self._is_ending:
                await answer.aclose()
                raise Overloaded("the socket is about to close", retry_after=1)
            await self._deliver(name, answer, context, scope)
            return COMPLETE
        note(scope, context.caller, answer)
        note_status(scope, answer.status or (200 if answer.executed else 400))
        if not answer.executed:
            return {"type": "error", "payload": msgspec.json.decode(answer.body, type=dict[str, Any])["errors"]}
        await self._say({"id": name, "type": "next", "payload": msgspec.Raw(answer.body)})
        return COMPLETE

    async def _execute(self, request: GraphQLRequest, context: RequestContext, scope: Scope) -> Answer | Parts:
        try:
            await self._socket.door.enter(self._headers)
            try:
                async with asyncio.timeout_at(context.deadline + GRACE):
                    return await self._socket.execute(request, context)
            finally:
                self._socket.door.leave()
        except TimeoutError as error:
            raise Refusal("DEADLINE_EXCEEDED", status=504) from error
        except asyncio.CancelledError:
            note_gone(scope)
            raise

    async def _deliver(self, name: str, parts: Parts, context: RequestContext, scope: Scope) -> None:
        note_stream(scope, context.caller, parts)
        note_status(scope, 200)
        if parts.is_live:
            self._finite.discard(cast("asyncio.Task[None]", asyncio.current_task()))
        failed = self._socket.observer.failed
        masked = (
            events(parts, until=None, language=self._language, failed=failed)  # the socket ends with the token
            if parts.is_live
            else complete(parts, until=context.deadline + GRACE, language=self._language, failed=failed)
        )
        noted = noted_parts(scope, masked)
        async with closed_at_the_end(parts), closed_at_the_end(noted):
            async for part in noted:
                await self._say({"id": name, "type": "next", "payload": part})

    def _context(self, caller: Caller, scope: Scope) -> RequestContext:
        now, reserve = asyncio.get_running_loop().time(), self._socket.settings.answer_reserve
        return RequestContext(
            caller=caller,
            deadline=deadline_of(caller, self._headers, arrived=now, reserve=reserve),
            language=self._language,
            takes_incremental=True,
            takes_events=True,
            headers=self._headers,
            span=span_of(scope),
        )

    async def _message(self) -> dict[str, Any]:
        received = await self._receive()
        if received["type"] != "websocket.receive":
            raise Closed(None)
        text = received.get("text")
        if text is None or len(text) > self._socket.settings.max_body_bytes:
            raise Closed(*BAD_REQUEST)
        try:
            message = parse_json(text.encode("utf-8", "surrogatepass"), place="message")
        except Refusal as error:
            raise Closed(*BAD_REQUEST) from error
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise Closed(*BAD_REQUEST)
        return message

    async def _pong(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "ping":
            await self._say({"type": "pong"})

    async def _say(self, message: Mapping[str, Any]) -> None:
        try:
            await self._send({"type": "websocket.send", "text": encode(message).decode()})
        except OSError as error:  # the client has gone (ASGI, section WebSocket)
            raise Closed(None) from error


def _note_refusal(scope: Scope, code: int) -> None:
    """Log and count a socket that was closed before anything was asked on it, as a request."""
    with observed_operation(scope) as own:
        note_status(own, STATUS_OF[code])


@contextmanager
def _place(streams: Streams) -> Iterator[asyncio.Future[None]]:
    """Hold a place, which is done when the socket must end. Raises Closed where there is none."""
    try:
        place = streams.take()
    except Overloaded as error:
        raise Closed(*TRY_AGAIN) from error
    try:
        yield place
    finally:
        streams.give_back(place)


def _headers_in(payload: object) -> dict[bytes, bytes]:
    """Give what a browser, which sets no headers on a socket, says in `connection_init` instead of them."""
    if payload is not None and not isinstance(payload, dict):
        raise Closed(*BAD_REQUEST)
    by_name = {name.lower(): value for name, value in (payload or {}).items()}
    given = {name: value for name in IN_PAYLOAD if isinstance(value := by_name.get(name), str)}
    try:
        return {name.encode(): value.encode("latin-1") for name, value in given.items()}
    except UnicodeEncodeError as error:
        raise Closed(*BAD_REQUEST) from error


def _id(message: Mapping[str, Any]) -> str:
    name = message.get("id")
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_ID:
        raise Closed(*BAD_REQUEST)
    return name


def _reason(text: str) -> str:
    """Cut a reason to what a closing frame holds (RFC 6455, section 5.5)."""
    return text.encode()[:LONGEST_REASON].decode(errors="ignore")


async def _close(send: Send, closed: Closed) -> None:
    if closed.code is not None:
        await send({"type": "websocket.close", "code": closed.code, "reason": closed.reason})
