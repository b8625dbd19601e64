"""What stands around a gateway's own parts so that it can be killed in the middle: transport, journal, trail, answer.

Only public seams are used: `Outside`, the Protocols that app.py hands in, and ASGI.
"""

import asyncio
import contextvars
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import httptools
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tests.faults.writes.points import Armed, Point

from klantbeeld.errors import SourceTimeout, SourceUnavailable
from klantbeeld.sdk.replies import Reply
from klantbeeld.settings import SourceSettings
from klantbeeld.sources.transport import Transport, open_transport
from klantbeeld.sources.wire.request import user_agent, write_request

ON_THE_WIRE = (Point.CONNECTING, Point.PART_SENT, Point.SENT, Point.EXECUTED_ANSWER_LOST)
FORMER = re.compile(rb"-C\d{5}\b|@base\.example")
"""A value that a record had at the beginning: whoever writes it takes a change back."""

in_request: contextvars.ContextVar[bool] = contextvars.ContextVar("in_request", default=False)


class BreakableTransport:
    """A source's transport whose process can end at any byte; lives as long as the source."""

    def __init__(self, address: str, settings: SourceSettings, armed: Armed) -> None:
        self._inner: Transport = open_transport(settings, address=address)
        self._armed = armed
        self._origin = urlsplit(address)

    async def exchange(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes = b"",
        **how: Any,
    ) -> Reply:
        """Send a request and give the whole answer; a read is sent as ever."""
        if method == "GET":
            return await self._inner.exchange(method, target, headers, body, **how)
        armed = self._armed
        takes_back = FORMER.search(body) is not None
        if armed.is_due(*ON_THE_WIRE) or (takes_back and armed.is_armed(Point.IN_COMPENSATION)):
            reply = await self._byte_by_byte(method, target, headers, body, how["deadline"])
        else:
            for point in ON_THE_WIRE:
                armed.reach(point)
            reply = await self._inner.exchange(method, target, headers, body, **how)
        self._reach(Point.ANSWERED_NOT_JOURNALED, body)
        return reply

    def _reach(self, point: Point, sent: bytes) -> None:
        """Pass a point; with a write that takes something back, that of compensation too."""
        self._armed.reach(point)
        if FORMER.search(sent):
            self._armed.reach(Point.IN_COMPENSATION)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()

    async def _byte_by_byte(
        self, method: str, target: str, headers: Sequence[tuple[bytes, bytes]], body: bytes, deadline: float
    ) -> Reply:
        """Send a request over a connection of its own, passing each point on the way."""
        host = f"{self._origin.hostname}:{self._origin.port}"
        written = write_request(
            method, target, headers, body, constant=f"host: {host}\r\n".encode(), agent=user_agent()
        )
        try:
            async with asyncio.timeout_at(deadline):
                return await self._sent(written)
        except TimeoutError as error:
            raise SourceTimeout(f"{host}: no whole answer in time") from error
        except (OSError, EOFError) as error:
            raise SourceUnavailable(f"{host}: the connection was lost") from error

    async def _sent(self, written: bytes) -> Reply:
        reader, writer = await asyncio.open_connection(self._origin.hostname, self._origin.port)
        try:
            self._reach(Point.CONNECTING, written)
            writer.write(written[: len(written) // 2])
            await _left(writer)
            self._reach(Point.PART_SENT, written)
            writer.write(written[len(written) // 2 :])
            await _left(writer)
            self._reach(Point.SENT, written)
            first = await reader.readexactly(1)
            self._reach(Point.EXECUTED_ANSWER_LOST, written)
            return await _reply(first, reader)
        finally:
            writer.close()


class BreakableAnswer:
    """The application, whose process can end when half of an answer has left."""

    def __init__(self, app: ASGIApp, armed: Armed) -> None:
        self._app = app
        self._armed = armed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        in_request.set(True)

        async def send_in_halves(message: Message) -> None:
            body = message.get("body", b"")
            if message["type"] == "http.response.body" and self._armed.is_due(Point.ANSWER_HALF_SENT):
                await send({"type": message["type"], "body": body[: len(body) // 2], "more_body": True})
                await asyncio.sleep(0)
                self._armed.reach(Point.ANSWER_HALF_SENT)
                await send({**message, "body": body[len(body) // 2 :]})
                return
            if message["type"] == "http.response.body":
                self._armed.reach(Point.ANSWER_HALF_SENT)
            await send(message)

        await self._app(scope, receive, send_in_halves)


class Breakable:
    """Any part of the gateway, some of whose methods pass a point before or after they do their work."""

    def __init__(
        self, inner: Any, armed: Armed, *, before: dict[str, Point], after: dict[str, Point] | None = None
    ) -> None:
        self._inner = inner
        self._armed = armed
        self._before = before
        self._after = after or {}

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in self._before and name not in self._after:
            return found
        if not asyncio.iscoroutinefunction(found):
            return self._passing(name, found)
        return self._awaiting(name, found)

    async def __call__(self, *given: Any, **named: Any) -> Any:
        """Call the part itself, where it is a function."""
        return await self._awaiting("__call__", self._inner)(*given, **named)

    def _passing(self, name: str, found: Callable[..., Any]) -> Callable[..., Any]:
        def passing(*given: Any, **named: Any) -> Any:
            self._pass(self._before.get(name))
            result = found(*given, **named)
            self._pass(self._after.get(name))
            return result

        return passing

    def _awaiting(self, name: str, found: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def passing(*given: Any, **named: Any) -> Any:
            self._pass(self._before.get(name))
            result = await found(*given, **named)
            self._pass(self._after.get(name))
            return result

        return passing

    def _pass(self, point: Point | None) -> None:
        if point is not None:
            self._armed.reach(point)


async def _left(writer: asyncio.StreamWriter) -> None:
    """Wait until what was written has left this process; on this machine it is then with the kernel."""
    await writer.drain()
    await asyncio.sleep(0)


class _Answer:
    """Collects one answer; httptools calls it."""

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.is_whole = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.is_whole = True


async def _reply(first: bytes, reader: asyncio.StreamReader) -> Reply:
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    parser.feed_data(first)
    while not answer.is_whole:
        more = await reader.read(65_536)
        if not more:
            raise EOFError
        parser.feed_data(more)
    return Reply(parser.get_status_code(), tuple(answer.headers), answer.body)
