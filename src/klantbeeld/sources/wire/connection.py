"""Connection: one kept-alive connection, one exchange at a time, never pipelined (RFC 9112)."""

import asyncio
import select
import ssl
from typing import Protocol, cast

import httptools
from msgspec import Struct

from klantbeeld.errors import SourceError, SourceInvalid, SourceUnavailable
from klantbeeld.sdk.replies import Reply
from klantbeeld.sources.wire.coding import decompress
from klantbeeld.sources.wire.limits import Limits

_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"content-encoding"})
_INFORMATIONAL = frozenset({100, *range(102, 200)})  # without 101: nobody asked for another protocol
_START = b"HTTP/1."
_DEAREST_FRAMING = 8  # bytes of framing a byte of body: chunks of one byte cost six
_END_OF_HEAD = b"\r\n\r\n"
_SMALL = 65_536  # a request up to this size is out before an answer to it can arrive


class Exchange(Struct, eq=False):
    """One request and the answer to come; lives as long as the caller waits."""

    request: bytes
    answer: asyncio.Future[Reply]
    deadline: float
    is_head: bool
    connection: "Connection | None" = None
    sent: bool = False

    def fail(self, error: SourceError) -> None:
        """End the exchange with an error, unless it has ended; the error says whether anything was sent."""
        if not self.answer.done():
            error.sent = self.sent
            self.answer.set_exception(error.with_traceback(None))  # it holds the frames that hold this: a cycle


class Owner(Protocol):
    """What a connection tells its pool."""

    def release(self, connection: "Connection") -> None:
        """Take back a connection whose answer is complete and that may be used again."""

    def forget(self, connection: "Connection") -> None:
        """Count a connection no more: it is closed, or will not be used again."""


class Connection(asyncio.Protocol):
    """Sends a request, reads its answer, and hands itself back to its pool, or closes if anything is odd.

    It is also the set of callbacks that httptools knows (`on_…`); an error raised in one of them ends the exchange.
    """

    __slots__ = (
        "_chunks",
        "_codings",
        "_complete",
        "_framed",
        "_headers",
        "_interim",
        "_is_chunked",
        "_is_http_1",
        "_keep",
        "_length",
        "_limits",
        "_origin",
        "_owner",
        "_parser",
        "_poll",
        "_size",
        "_status",
        "exchange",
        "first_byte_by",
        "idle_since",
        "is_lost",
        "opened_at",
        "received",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, owner: Owner, origin: str, limits: Limits) -> None:
        self._owner = owner
        self._origin = origin
        self._limits = limits
        self.is_lost = False
        self.exchange: Exchange | None = None
        self.opened_at = self.idle_since = self.first_byte_by = 0.0
        self.received = self._size = self._interim = 0
        self._complete = self._is_http_1 = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport (asyncio)."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's has the methods and not the class
        self._parser = httptools.HttpResponseParser(self)
        poll = select.poll()
        poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        self._poll = poll.poll
        self._start_message()

    def is_quiet(self) -> bool:
        """Say whether nothing has arrived since the last answer: neither an end nor bytes that nobody asked for.

        The loop has not seen what arrived since it last looked; without this those bytes would be read as the answer
        to the next request, and a request that must not be repeated would go down a closed connection.
        """
        return not self._poll(0)

    def was_spoken_to(self) -> bool:
        """Say whether the peer spoke first; with TLS, whose sessions it may offer at any time, nobody can tell."""
        return not self._is_tls() and not self.is_quiet()

    def send(self, exchange: Exchange, now: float) -> None:
        """Send the request; the answer is set when it is complete."""
        exchange.connection = self
        exchange.sent = True
        self.exchange = exchange
        self.first_byte_by = now + self._limits.first_byte
        self.received = self._size = self._interim = 0
        self.transport.write(exchange.request)

    def abandon(self) -> None:
        """Close at once and forget the exchange: an answer that still comes must reach nobody."""
        self.exchange = None
        self._start_message()  # what came of the answer goes now, and not when the connection does
        self.transport.abort()
        self._owner.forget(self)

    def data_received(self, data: bytes) -> None:
        """Read a part of the answer (asyncio)."""
        exchange = self.exchange
        if exchange is None:
            self.abandon()
            return
        try:
            self._feed(data)
        except SourceInvalid as error:
            self._refuse(exchange, error)
            return
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._complete:
                self._refuse(exchange, _cause(error, self._origin))
                return
            self._keep = False  # what follows a complete answer costs the connection and not the answer
        if self._complete:
            self._finish(exchange, data)

    def eof_received(self) -> None:
        """Read the end of the peer's stream (asyncio); it ends a body that has no other end."""
        exchange = self.exchange
        if exchange is None:
            self._owner.forget(self)
        elif self._status and not self._framed and self._is_proper_end():
            self._keep = False
            self._finish(exchange, b"")
        else:
            self.transport.abort()  # what of the request is not out yet would be waited for

    def connection_lost(self, exc: Exception | None) -> None:
        """Be told that the connection is gone (asyncio)."""
        self.is_lost = True
        self._start_message()
        del self._parser  # it knows this connection, and as a cycle both would wait for the collector
        exchange, self.exchange = self.exchange, None
        if exchange is not None and not exchange.answer.done():
            when = "in the middle of the answer" if self.received else "without an answer"
            why = f" ({type(exc).__name__})" if exc else ""
            problem = SourceUnavailable(f"{self._origin}: the source closed the connection {when}{why}")
            problem.is_lost = not self.received
            exchange.fail(problem)
        self._owner.forget(self)

    def on_message_begin(self) -> None:
        """See the first byte of an answer (httptools); after a complete one it is one too many."""
        self._keep = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header line (httptools); trailers are left aside."""
        if self._status:
            return
        name = name.lower()
        if name in _FRAMING:
            self._take_framing(name, value)
        self._headers.append((name, value.rstrip()))

    def on_headers_complete(self) -> None:
        """Judge the head (httptools)."""
        if self._complete:
            return
        limits = self._limits
        if not self._is_http_1 and self._parser.get_http_version()[0] != "1":
            raise SourceInvalid(f"{self._origin}: the answer is not HTTP/1")
        self._status = status = self._parser.get_status_code()
        if len(self._headers) > limits.headers or (
            self.received > limits.head and sum(len(name) + len(value) for name, value in self._headers) > limits.head
        ):
            raise SourceInvalid(f"{self._origin}: the answer's head is larger than allowed")
        if status < 200:  # noqa: PLR2004 - RFC 9110, section 15: 1xx is informational
            self._take_interim(status)
        elif status > 599:  # noqa: PLR2004 - RFC 9110, section 15: beyond is no status
            raise SourceInvalid(f"{self._origin}: status {status} does not exist")
        elif self.exchange is not None and self.exchange.is_head:
            self._framed = self._complete = True
            self._keep = self._parser.should_keep_alive()
        elif status in (204, 304):
            self._framed = True
        elif self._length > limits.body:
            raise SourceInvalid(f"{self._origin}: the answer is larger than {limits.body} bytes")

    def on_body(self, body: bytes) -> None:
        """Take a part of the body (httptools)."""
        if self._complete:
            self._keep = False
            return
        self._size += len(body)
        if self._size > self._limits.body:
            raise SourceInvalid(f"{self._origin}: the answer is larger than {self._limits.body} bytes")
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        """See the end of an answer (httptools)."""
        if self._status < 200:  # noqa: PLR2004 - an informational answer goes before the final one
            self._start_message()
        elif not self._complete:
            self._complete = True
            self._keep = self._parser.should_keep_alive() and not self._is_chunked_1_0()

    def _is_chunked_1_0(self) -> bool:
        """Say whether the framing is faulty, so that nothing may come behind it (RFC 9112, section 6.1)."""
        return self._is_chunked and bool(self._parser.get_http_version() == "1.0")

    def _is_proper_end(self) -> bool:
        """Say whether TLS was closed by the peer and not cut by somebody between us; without TLS nobody can tell."""
        tls = self.transport.get_extra_info("ssl_object")
        try:
            return tls is None or not tls.read(1)
        except ssl.SSLError:
            return False

    def _feed(self, data: bytes) -> None:
        if not self.received:
            self._is_http_1 = data[:7] == _START
            if not self._is_http_1 and not _START.startswith(data):
                raise SourceInvalid(f"{self._origin}: the answer is not HTTP/1")
        self.received += len(data)
        self._parser.feed_data(data)
        if self.received > self._limits.head + _DEAREST_FRAMING * self._size:
            raise SourceInvalid(
                f"{self._origin}: the answer's head or framing is larger than {self._limits.head} bytes"
            )

    def _start_message(self) -> None:
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._chunks: list[bytes] = []
        self._codings = b""
        self._length = 0
        self._framed = self._complete = self._keep = self._is_chunked = False

    def _take_framing(self, name: bytes, value: bytes) -> None:
        """Note what decides where the body ends; httptools refuses lengths that repeat or meet a transfer coding."""
        if name == b"content-encoding":
            self._codings = self._codings + b"," + value if self._codings else value
            return
        if name == b"content-length":
            self._length = int(value)
        elif value.strip().lower() != b"chunked" or self._framed:
            raise SourceInvalid(f"{self._origin}: the answer has a transfer coding that was not asked for")
        else:
            self._is_chunked = True
        self._framed = True

    def _take_interim(self, status: int) -> None:
        self._interim += 1
        self._is_http_1 = False  # what comes next says its version anew
        if status not in _INFORMATIONAL or self._is_chunked or self._length:
            raise SourceInvalid(f"{self._origin}: informational answer {status} that was not asked for, or with a body")
        if self._interim > self._limits.interim:
            raise SourceInvalid(f"{self._origin}: more than {self._limits.interim} informational answers")

    def _refuse(self, exchange: Exchange, error: SourceInvalid) -> None:
        self.abandon()
        exchange.fail(error)

    def _finish(self, exchange: Exchange, data: bytes) -> None:
        """Hand over the answer, and this connection if it can be trusted with another request."""
        outcome: Reply | SourceInvalid
        try:
            body = b"".join(self._chunks)
            if self._codings:
                body = decompress(body, self._codings, limit=self._limits.content)
            outcome = Reply(self._status, tuple(self._headers), body)
        except SourceInvalid as error:
            outcome = error
        keep = self._keep and self._may_go_on(exchange, data)
        self.exchange = None
        self._start_message()  # a connection that rests holds nothing of the answer
        if keep:
            self._owner.release(self)
        else:
            self.transport.abort()
            self._owner.forget(self)
        if isinstance(outcome, SourceInvalid):
            exchange.fail(outcome)
        elif not exchange.answer.done():
            exchange.answer.set_result(outcome)

    def _may_go_on(self, exchange: Exchange, data: bytes) -> bool:
        if exchange.is_head:
            self._parser = httptools.HttpResponseParser(self)  # the old one waits for a body
            return data.endswith(_END_OF_HEAD) and data.count(_END_OF_HEAD) == self._interim + 1
        if len(exchange.request) <= _SMALL:
            return True
        # With TLS nobody tells what of the request is still in the buffers below it.
        return not self._is_tls() and not self.transport.get_write_buffer_size()

    def _is_tls(self) -> bool:
        return self.transport.get_extra_info("ssl_object") is not None


def _cause(error: Exception, origin: str) -> SourceInvalid:
    """Find our own error, if one of the callbacks raised it, or say what the parser found."""
    if isinstance(error.__context__, SourceInvalid):
        return error.__context__
    return SourceInvalid(f"{origin}: the answer is not HTTP/1.1: {error}")
