"""One connection of a client, as uvicorn serves it, with a limit to everything that a client can do on it.

uvicorn reads heads and trailers of any size, waits for them for ever, and queues every request that is sent behind one
that is still answered; whoever has no token can do all of it. A refusal here is plain text: it comes before GraphQL.
"""

import asyncio
import re
from typing import Any, Final

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from klantbeeld.cli.patience import Patience, Stage, Stuck
from klantbeeld.cli.socket_connection import SocketConnection

MOST_HEAD: Final = 65_536  # bytes of the request line and the headers together; as many of trailers
MOST_HEADERS: Final = 128
LONGEST_URL: Final = 65_535  # what httptools can read
LONGEST_LINE: Final = 8_190  # of a head that becomes a WebSocket: what the library of those reads
DEAREST_FRAMING: Final = 8  # bytes of framing a byte of body: chunks of one byte cost six
MOST_PIPELINED: Final = 16  # requests that wait for the one before them
VERSIONS: Final = frozenset({"1.0", "1.1"})
HAS_BODY: Final = frozenset({b"content-length", b"transfer-encoding"})

# In a path: whoever compares it with another one, such as a proxy with a rule, may not see them.
_CONTROL: Final = re.compile(rb"%(?:[01][0-9A-Fa-f]|7[Ff])")

Refusal = tuple[int, str]
TOO_LARGE: Final[Refusal] = (431, "The head of the request is too large.")


class Flow(FlowControl):
    """Holds back a client that has requests waiting: whoever asks what it says next must not let in more of them."""

    def __init__(self, transport: asyncio.Transport, waiting: Any) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        """Read on, unless requests wait."""
        if not self._waiting:
            super().resume_reading()


class Ending:
    """The transport, for one who answers: closing it loses no answer to a client that is still sending.

    What a closed connection is sent makes the other side forget what it has not read yet (RFC 9112, section 9.6).
    """

    __slots__ = ("close", "is_closing", "write")

    def __init__(self, connection: "Connection") -> None:
        self.write = connection.transport.write
        self.is_closing = connection.transport.is_closing
        self.close = connection.end


class Connection(HttpToolsProtocol):
    """uvicorn's protocol over HTTP/1.1, for one connection; `look` has to be called every second or so."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._requests = 0
        self._is_in_head = False
        self._is_in_body = False
        self._is_socket = False  # the head that was read last asks for a WebSocket
        self._hosts = 0
        self._has_other_coding = False
        self._first_read = 0  # bytes of the read in which a head began, what stood before it among them
        self._reads = 0  # bytes of this and all later ones of the same head that are behind us
        self._reading = 0  # bytes of the present one
        self._body = self._body_before = 0  # bytes of the body, and of it before the present read
        self._framing = 0  # bytes of what stands around the body, trailers among them
        self._rest = 0  # bytes that came of a request behind its answer
        self._is_over = False  # nothing more is read of what the client says
        self._is_refused = False  # and the client has been told all that it will be
        self._running: RequestResponseCycle | None = None
        self._stuck = Stuck()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Begin (asyncio)."""
        super().connection_made(transport)
        self.flow = Flow(transport, self.pipeline)
        self._ending: Any = Ending(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request under way, which uvicorn forgets where others wait behind it (asyncio)."""
        self.pipeline.clear()
        running = self._running
        if running is not None and running is not self.cycle and not running.response_complete:
            running.disconnected = True
            running.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on (asyncio)."""
        if not self._is_over:
            self._feed(data)

    def shutdown(self) -> None:
        """End, as soon as what was asked is answered."""
        if self._is_refused:
            self.transport.close()
        else:
            super().shutdown()

    def look(self, now: float, patience: Patience) -> None:
        """End the connection of a client that keeps us waiting; `now` is monotonic, in seconds."""
        stage = self._stage()
        seconds = self._stuck.at(stage, now)
        match stage and stage[0]:
            case "answer" if seconds >= patience.read:
                self.transport.abort()
            case "refused" if seconds >= patience.linger:
                self.transport.close()
            case "head" if seconds >= patience.receive and self._is_in_head:
                self._refuse(408, "The head of the request took too long.")
            case "head" if seconds >= patience.receive:
                self.transport.close()

    def end(self) -> None:
        """Close, behind what was answered; a client that may be sending still gets the time to read it."""
        may_have_sent = self._is_over or self._is_in_body or bool(self.pipeline) or self.flow.read_paused
        self.pipeline.clear()
        if self.transport.is_closing():
            return
        if may_have_sent:
            self._is_over = self._is_refused = True
            self.transport.write_eof()
        else:
            self.transport.close()

    def on_message_begin(self) -> None:
        """Begin the head of a request (httptools)."""
        super().on_message_begin()
        self._unset_keepalive_if_required()
        self._is_in_head = True
        self._has_other_coding = False
        self._reads = self._hosts = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header (httptools); trailers are none (RFC 9110, section 6.5.1)."""
        if self._is_over or not self._is_in_head:
            return
        name = name.lower()
        if name == b"host":
            self._hosts += 1
        elif name == b"transfer-encoding":
            self._has_other_coding |= value.strip().lower() != b"chunked"
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))
        if len(self.headers) > MOST_HEADERS:
            self._refuse(*TOO_LARGE)

    def on_headers_complete(self) -> None:
        """Answer a request, or let it wait (httptools)."""
        self._is_in_head = False
        if self._is_over:
            return
        if refusal := self._unfit():
            self._refuse(*refusal)
        elif self.parser.should_upgrade():  # decided when the parser has stopped behind the head
            self._is_socket = self._asks_for_socket()
            self.scope["method"] = self.parser.get_method().decode("ascii")
            self.scope["http_version"] = self.parser.get_http_version()
        elif len(self.pipeline) >= MOST_PIPELINED:
            self._end_after_answers()
        else:
            self._is_in_body = True
            self._body = self._body_before = self._framing = self._rest = 0
            self._requests += 1
            super().on_headers_complete()
            self.cycle.transport = self._ending
            # Who is told something else than to go on may send the body or not (RFC 9110, section 10.1.1).
            self.cycle.keep_alive &= not self.expect_100_continue

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body (httptools)."""
        if not self._is_over:
            self._body += len(body)
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request (httptools)."""
        if not (self._is_over or self.parser.should_upgrade()):
            self._is_in_body = False
            if self.cycle.keep_alive and not self.parser.should_keep_alive():  # a trailer said so to the parser
                self._end_after_answers()
            super().on_message_complete()

    def _feed(self, data: bytes) -> None:
        head, request = self.headers if self._is_in_head else None, self._requests if self._is_in_body else None
        self._reading, self._body_before = len(data), self._body
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as stopped:
            self._upgrade(data[stopped.args[0] :])
        except httptools.HttpParserError:
            self._refuse(400, "This is not HTTP.")
        if self._is_in_head:
            self._count_head(len(data), is_new=self.headers is not head)
        elif self._is_in_body and request == self._requests:
            self._count_framing(len(data))

    def _count_head(self, size: int, *, is_new: bool) -> None:
        if is_new:
            self._first_read, self._reads = size, 0
        self._reads += size
        if self._reads - self._first_read > MOST_HEAD:
            self._refuse(*TOO_LARGE)

    def _count_framing(self, size: int) -> None:
        if self._is_idle():
            self._rest += size
            if self._rest > MOST_HEAD:
                self.end()
        self._framing += size - (self._body - self._body_before)
        if self._framing > MOST_HEAD + DEAREST_FRAMING * self._body:
            self._refuse(400, "There is too much around the body of the request.")

    def _unfit(self) -> Refusal | None:
        """Say what is wrong with a head that is complete."""
        version = self.parser.get_http_version()
        if version not in VERSIONS:
            return 505, "This is not HTTP/1.1."
        if self._has_other_coding or self.parser.get_method() == b"CONNECT":
            return 501, "That is not done here."
        if self._hosts > 1 or (not self._hosts and version == "1.1"):
            return 400, "A request names one host."
        if b"%" in self.url and _CONTROL.search(self.url.partition(b"?")[0]):
            return 400, "The path has characters that none has."
        return self._too_much()

    def _too_much(self) -> Refusal | None:
        if len(self.url) > LONGEST_URL:
            return 414, "The URL is too long."
        may_be = self._reads + self._reading > MOST_HEAD  # reads may have held more than the head
        return TOO_LARGE if may_be and self._head() > MOST_HEAD else None

    def _asks_for_socket(self) -> bool:
        """Say whether a head asks for a WebSocket and can (RFC 6455, section 4.1); anything else may be ignored."""
        return (
            any(name == b"upgrade" and value.strip().lower() == b"websocket" for name, value in self.headers)
            and self.parser.get_method() == b"GET"
            and self.parser.get_http_version() == "1.1"
            and not any(name in HAS_BODY for name, _ in self.headers)
        )

    def _upgrade(self, rest: bytes) -> None:
        """Go on behind a head that asks for another protocol: as a WebSocket, or as if it had not asked.

        The parser has stopped there, and would take a body for the next request.
        """
        if self._is_over:
            return
        if not self._is_socket:
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
            self._feed(self._head_without_upgrade() + rest)
        elif not self._is_idle():
            self._end_after_answers()
        elif any(
            len(name) + len(value) + 2 > LONGEST_LINE for name, value in ((b"GET HTTP/1.1", self.url), *self.headers)
        ):
            self._refuse(*TOO_LARGE)
        else:
            self.handle_websocket_upgrade()
            socket = self.transport.get_protocol()
            if not (isinstance(socket, SocketConnection) and socket.handshake_initiated):
                self.transport.abort()  # the library does not answer what it does not understand

    def _head_without_upgrade(self) -> bytes:
        method, version = self.scope["method"].encode("ascii"), self.scope["http_version"].encode("ascii")
        lines = [b"%s %s HTTP/%s\r\n" % (method, self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                tokens = [token for token in value.split(b",") if token.strip().lower() != b"upgrade"]
                lines += [b"connection: %s\r\n" % b",".join(tokens).strip()] if tokens else []
            elif name != b"upgrade":
                lines.append(b"%s: %s\r\n" % (name, value))
        return b"".join([*lines, b"\r\n"])

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _stage(self) -> Stage | None:
        waiting = self.transport.get_write_buffer_size()
        if waiting:
            return "answer", -waiting
        if self._is_refused:
            return "refused", 0
        rests = self.timeout_keep_alive_task is not None  # which has a time of its own
        return ("head", self._requests) if self._is_idle() and not rests else None

    def _is_idle(self) -> bool:
        """Tell whether nothing is answered, and nothing waits for that."""
        return self.cycle is None or self.cycle.response_complete

    def _is_half_asked(self) -> bool:
        """Tell whether the only request that is not answered is one whose body is not complete."""
        cycle = self.cycle
        return cycle is self._running and cycle.more_body and not cycle.response_started

    def _head(self) -> int:
        """Count the bytes of a head that is complete."""
        return len(self.url) + sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers)

    def _refuse(self, status: int, why: str) -> None:
        """Say why nothing more is read, unless an answer is under way that this would be taken for."""
        if self._is_over:
            return
        self.logger.warning("%d: %s", status, why)
        if self._is_idle() and self._is_in_body:  # it was answered before it was whole
            self.end()
            return
        if not self._is_idle() and not self._is_half_asked():
            self._end_after_answers()
            return
        self._is_over = self._is_refused = True
        self._unset_keepalive_if_required()
        if not self._is_idle():
            self.cycle.disconnected = True
            self.cycle.waiting_for_100_continue = False
            self.cycle.message_event.set()
        text = why.encode()
        headers = (
            *self.server_state.default_headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(text)).encode()),
            (b"connection", b"close"),
        )
        lines = b"".join(b"%s: %s\r\n" % header for header in headers)
        self.transport.write(STATUS_LINE[status] + lines + b"\r\n" + text)
        self.transport.write_eof()

    def _end_after_answers(self) -> None:
        """Answer what was asked so far, read no more and close: a client asks again what it got no answer to.

        RFC 9112, section 9.3.2.
        """
        self._is_over = True
        self.cycle.keep_alive = False
