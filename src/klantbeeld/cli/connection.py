"""One connection of a client, as uvicorn serves it, with a limit to everything that a client can do on it.

uvicorn reads heads of any size, waits for them for ever, and queues every request that is sent behind one that is
still answered; whoever has no token can do all three. A refusal here is plain text: it comes before any GraphQL.
"""

import asyncio
from typing import Any, Final, Literal

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

MOST_HEAD: Final = 65_536  # bytes of the request line and the headers together
MOST_HEADERS: Final = 128
LONGEST_URL: Final = 65_535  # what httptools can read
MOST_PIPELINED: Final = 16  # requests that wait for the one before them
READ_WITHIN: Final = 60.0  # seconds in which a client takes nothing of an answer that waits for it
LINGER: Final = 2.0  # seconds for a client to read why it was refused, before its connection is closed

# What a connection is stuck in, and how far it had got.
Stage = tuple[Literal["head", "answer", "refused"], int]


class Flow(FlowControl):
    """Holds back a client that has requests waiting: whoever asks what it says next must not let in more of them."""

    def __init__(self, transport: asyncio.Transport, waiting: Any) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        """Read on, unless requests wait."""
        if not self._waiting:
            super().resume_reading()


class Connection(HttpToolsProtocol):
    """uvicorn's protocol over HTTP/1.1, for one connection; `look` has to be called every second or so."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._requests = 0
        self._is_in_head = False
        self._first_read = 0  # bytes of the read in which a head began, what stood before it among them
        self._reads = 0  # bytes of this and all later ones of the same head that are behind us
        self._reading = 0  # bytes of the present one
        self._is_over = False  # nothing more is read of what the client says
        self._is_refused = False  # and why has been said
        self._running: RequestResponseCycle | None = None
        self._stage: Stage | None = None
        self._since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does: it is always one for streams
        """Begin (asyncio)."""
        super().connection_made(transport)
        self.flow = Flow(transport, self.pipeline)

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
        if self._is_over:
            return
        head = self.headers if self._is_in_head else None
        self._reading = len(data)
        super().data_received(data)
        if not self._is_in_head:
            return
        if self.headers is not head:
            self._first_read, self._reads = len(data), 0
        self._reads += len(data)
        if self._reads - self._first_read > MOST_HEAD:
            self._refuse(431, "The head of the request is too large.")

    def look(self, now: float, receive_within: float) -> None:
        """End the connection of a client that keeps us waiting; `now` is monotonic, both are in seconds."""
        stage = self._stuck_at()
        if stage is None or stage != self._stage:
            self._stage, self._since = stage, now
            return
        stuck = now - self._since
        match stage[0]:
            case "answer" if stuck >= READ_WITHIN:
                self.transport.abort()
            case "refused" if stuck >= LINGER:
                self.transport.close()
            case "head" if stuck >= receive_within and self._is_in_head:
                self._refuse(408, "The head of the request took too long.")
            case "head" if stuck >= receive_within:
                self.transport.close()

    def on_message_begin(self) -> None:
        """Begin the head of a request (httptools)."""
        super().on_message_begin()
        self._is_in_head = True
        self._reads = 0

    def on_headers_complete(self) -> None:
        """Answer a request, or let it wait (httptools)."""
        self._is_in_head = False
        if self._is_over:
            return
        if len(self.url) > LONGEST_URL:
            self._refuse(414, "The URL is too long.")
        elif len(self.headers) > MOST_HEADERS or (self._reads + self._reading > MOST_HEAD and self._head() > MOST_HEAD):
            self._refuse(431, "The head of the request is too large.")
        elif len(self.pipeline) >= MOST_PIPELINED:
            self._end_after_answers()
        else:
            self._requests += 1
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body (httptools)."""
        if not self._is_over:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request (httptools)."""
        if not self._is_over:
            super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Become a WebSocket."""
        if not self._is_over:
            super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        self._refuse(400, msg)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _stuck_at(self) -> Stage | None:
        waiting = self.transport.get_write_buffer_size()
        if waiting:
            return "answer", waiting
        if self._is_refused:
            return "refused", 0
        return ("head", self._requests) if self._is_idle() else None

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
        if not self._is_idle() and not self._is_half_asked():
            self._end_after_answers()
            return
        self._is_over = self._is_refused = True
        self._unset_keepalive_if_required()
        if not self._is_idle():
            self.cycle.disconnected = True
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
