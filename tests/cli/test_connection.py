"""A client's connection: what it can keep us waiting for, and how much it can make us keep."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from klantbeeld.cli.connection import LONGEST_LINE, LONGEST_URL, MOST_HEAD, MOST_HEADERS, MOST_PIPELINED, Connection
from klantbeeld.cli.listening import listen, port_of
from klantbeeld.cli.patience import LEAVING, USUAL
from klantbeeld.cli.server import run_server
from klantbeeld.cli.socket_connection import PIECE, SocketConnection

pytestmark = pytest.mark.asyncio

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
SOCKET = (
    b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
POST = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n"
HEAD = b"GET / HTTP/1.1\r\nhost: a\r\n"
WITHIN, READ_WITHIN, LINGER = USUAL.receive, USUAL.read, USUAL.linger


class Wire(asyncio.Transport):
    """The transport of a connection, which keeps what is written to it until it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.unread = 0
        self.is_reading_paused = False
        self.is_ended = False
        self.is_closed = False
        self.is_aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def write_eof(self) -> None:
        self.is_ended = True

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_aborted = True

    def is_closing(self) -> bool:
        return self.is_closed

    def get_write_buffer_size(self) -> int:
        return self.unread

    def pause_reading(self) -> None:
        self.is_reading_paused = True

    def resume_reading(self) -> None:
        self.is_reading_paused = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol


@dataclass(slots=True)
class App:
    """Answers each request once it is told to; keeps what it was asked and how that ended."""

    scopes: list[Scope] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    reads: bool = True
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    gone: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await receive()
            return
        if not self.reads:
            await send({"type": "http.response.start", "status": 204, "headers": self.headers})
            await send({"type": "http.response.body", "body": b""})
            return
        message = await receive()
        body: bytes = message.get("body", b"")
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
        self.bodies.append(body)
        if message["type"] != "http.disconnect":
            await self._wait(receive)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def _wait(self, receive: Receive) -> None:
        going = asyncio.create_task(self.go_on.wait())
        leaving = asyncio.create_task(self._leave(receive))
        await asyncio.wait({going, leaving}, return_when=asyncio.FIRST_COMPLETED)
        going.cancel()
        leaving.cancel()
        await asyncio.wait({going, leaving})

    async def _leave(self, receive: Receive) -> None:
        if (await receive())["type"] == "http.disconnect":
            self.gone += 1


@dataclass(slots=True)
class Held:
    """A connection under test."""

    app: App
    wire: Wire
    connection: Connection
    state: ServerState

    def say(self, data: bytes) -> None:
        self.connection.data_received(data)

    async def answers(self) -> int:
        """Let everything go as far as it can, and count the answers."""
        for _ in range(20 * MOST_PIPELINED):
            await asyncio.sleep(0)
        return self.wire.written.count(b"HTTP/1.1 204")

    def look(self, *times: float) -> None:
        for now in times:
            self.connection.look(now, USUAL)


@pytest_asyncio.fixture
async def held() -> AsyncIterator[Held]:
    app, state, wire = App(), ServerState(), Wire()
    config = uvicorn.Config(
        app, http=Connection, ws=SocketConnection, lifespan="off", log_config=None, access_log=False
    )
    config.load()
    connection = Connection(config=config, server_state=state, app_state={})
    connection.connection_made(wire)
    yield Held(app, wire, connection, state)
    app.go_on.set()
    for protocol in tuple(state.connections):  # the connection, or the socket that it has become
        protocol.connection_lost(None)
    if state.tasks:
        await asyncio.wait(state.tasks)


async def test_a_request_is_answered(held: Held) -> None:
    held.app.go_on.set()
    held.say(POST + b"body")
    assert await held.answers() == 1
    assert held.app.bodies == [b"body"]
    held.say(GET)
    assert await held.answers() == 2
    assert not held.wire.is_closed


async def test_requests_behind_another_are_answered_in_turn(held: Held) -> None:
    held.say(GET + POST + b"body" + GET)
    assert await held.answers() == 0
    held.app.go_on.set()
    assert await held.answers() == 3
    assert held.app.bodies == [b"", b"body", b""]
    assert not held.wire.is_closed


async def test_nothing_more_is_read_while_a_request_waits_behind_another(held: Held) -> None:
    held.say(GET + GET)
    assert await held.answers() == 0  # though the application asks whether the client has gone
    assert held.wire.is_reading_paused
    held.app.go_on.set()
    assert await held.answers() == 2
    assert not held.wire.is_reading_paused


async def test_of_too_many_requests_behind_another_the_first_are_answered_and_the_connection_ends(held: Held) -> None:
    held.say(GET * (3 * MOST_PIPELINED))
    held.say(GET)
    assert len(held.connection.pipeline) == MOST_PIPELINED
    held.app.go_on.set()
    assert await held.answers() == 1 + MOST_PIPELINED
    held.look(0.0, LINGER)
    assert held.wire.is_closed


async def test_a_body_behind_too_many_requests_is_nobodys(held: Held) -> None:
    held.say(GET + GET * (MOST_PIPELINED - 1) + POST + b"body" + POST + b"evil")
    held.app.go_on.set()
    assert await held.answers() == 1 + MOST_PIPELINED
    assert held.app.bodies[-1] == b"body"


async def test_a_client_that_goes_is_noticed_whatever_waits_behind_its_request(held: Held) -> None:
    held.say(GET + GET)
    await held.answers()
    held.connection.connection_lost(None)
    await held.answers()
    assert (held.app.gone, len(held.app.bodies), held.state.tasks) == (1, 1, set())


async def test_a_head_beyond_the_limit_is_refused_before_it_is_complete(held: Held) -> None:
    held.say(HEAD + b"x: ")
    for _ in range(MOST_HEAD // 1_000):
        held.say(b"a" * 1_000)
    assert held.wire.written == b""
    held.say(b"a" * 1_000)
    assert held.wire.written.startswith(b"HTTP/1.1 431 ")
    assert held.wire.written.endswith(b"The head of the request is too large.")
    held.say(b"a" * 1_000 + b"\r\n\r\n" + GET)
    assert await held.answers() == 0
    assert held.app.bodies == []


@pytest.mark.parametrize("pieces", [1, 2, 7])
@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"x: " + b"a" * MOST_HEAD, b"431"),
        (b"a: b\r\n" * MOST_HEADERS + b"a: b", b"431"),
        (b"x: " + b"a" * (MOST_HEAD - 100), b"204"),
        (b"\r\n".join([b"a: b"] * (MOST_HEADERS - 1)), b"204"),
    ],
    ids=["bytes", "lines", "bytes that fit", "lines that fit"],
)
async def test_a_head_that_comes_at_once_has_the_same_limits(
    held: Held, head: bytes, status: bytes, pieces: int
) -> None:
    held.app.go_on.set()
    request = HEAD + head + b"\r\n\r\n"
    step = -(-len(request) // pieces)
    for start in range(0, len(request), step):
        held.say(request[start : start + step])
    await held.answers()
    assert held.wire.written.split()[1] == status


async def test_bytes_before_a_head_do_not_count_to_it(held: Held) -> None:
    held.app.go_on.set()
    size = 2 * MOST_HEAD
    body = b"a" * size
    held.say(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % size + body + GET[:9])
    await held.answers()
    held.say(GET[9:])
    assert await held.answers() == 2


async def test_a_url_that_is_too_long_is_told_so(held: Held) -> None:
    held.say(b"GET /" + b"a" * LONGEST_URL + b" HTTP/1.1\r\nhost: a\r\n\r\n")
    assert held.wire.written.startswith(b"HTTP/1.1 414 ")


async def test_what_is_not_http_is_refused(held: Held) -> None:
    held.say(b"hello\r\n\r\n")
    assert held.wire.written.startswith(b"HTTP/1.1 400 ")


async def test_a_refusal_is_not_taken_for_the_answer_that_is_under_way(held: Held) -> None:
    held.say(GET + b"hello\r\n\r\n")
    assert await held.answers() == 0
    assert held.wire.written == b""
    held.app.go_on.set()
    assert await held.answers() == 1
    assert held.wire.written.count(b"HTTP/1.1") == 1
    assert held.wire.is_ended


async def test_a_body_that_is_no_http_ends_its_request(held: Held) -> None:
    held.say(CHUNKED)
    await held.answers()
    held.say(b"no size\r\n")
    assert await held.answers() == 0
    assert held.wire.written.startswith(b"HTTP/1.1 400 ")
    assert held.state.tasks == set()


async def test_too_large_a_head_does_not_become_a_socket(held: Held) -> None:
    held.say(SOCKET + b"x: " + b"a" * MOST_HEAD + b"\r\n\r\n")
    assert held.wire.written.startswith(b"HTTP/1.1 431 ")
    assert held.app.scopes == []


@pytest.mark.parametrize("said", [b"", b"\r\n", GET[:9]])
async def test_a_head_that_does_not_come_ends_the_connection(held: Held, said: bytes) -> None:
    held.say(said)
    held.look(0.0, WITHIN - 1)
    held.say(GET[9:10] if said == GET[:9] else b"")
    held.look(WITHIN - 0.5)
    assert not held.wire.is_closed
    held.look(WITHIN)
    if said == GET[:9]:
        assert held.wire.written.startswith(b"HTTP/1.1 408 ")
        held.look(WITHIN, WITHIN + LINGER - 0.1)
        assert not held.wire.is_closed
        held.look(WITHIN + LINGER)
    assert held.wire.is_closed


async def test_a_byte_after_an_answer_does_not_keep_the_connection(held: Held) -> None:
    held.app.go_on.set()
    held.say(GET)
    assert await held.answers() == 1
    held.say(b"G")
    held.look(0.0, WITHIN)
    assert b"HTTP/1.1 408 " in held.wire.written


@pytest.mark.parametrize("pieces", [1, 2, 5])
@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket", b"TLS/1.0"])
async def test_a_body_behind_an_offer_to_upgrade_is_a_body_and_no_request(
    held: Held, upgrade: bytes, pieces: int
) -> None:
    held.app.go_on.set()
    offer = b"connection: x, Upgrade\r\nupgrade: %b\r\n\r\n" % upgrade
    request = POST.replace(b": 4\r\n\r\n", b": %d\r\n" % len(GET)) + offer + GET
    chunked = CHUNKED[:-2] + offer + b"%x\r\n" % len(GET) + GET + b"\r\n0\r\n\r\n"
    every = request + chunked + GET
    step = -(-len(every) // pieces)
    for start in range(0, len(every), step):
        held.say(every[start : start + step])
    assert await held.answers() == 3
    assert held.app.bodies == [GET, GET, b""]
    assert [dict(scope["headers"]).get(b"connection") for scope in held.app.scopes] == [b"x", b"x", None]


async def test_a_socket_is_one(held: Held) -> None:
    held.say(SOCKET + b"\r\n")
    await held.answers()
    assert held.wire.written.startswith(b"HTTP/1.1 101 ")
    assert isinstance(held.wire.get_protocol(), SocketConnection)
    held.wire.get_protocol().connection_lost(None)
    await held.answers()
    assert held.state.tasks == set()


async def test_a_socket_behind_a_request_that_is_answered_is_none(held: Held) -> None:
    held.say(GET + SOCKET + b"\r\n")
    assert await held.answers() == 0
    held.app.go_on.set()
    assert await held.answers() == 1
    assert b" 101 " not in held.wire.written
    assert held.wire.is_ended


async def test_a_socket_whose_head_its_library_cannot_read_is_refused(held: Held) -> None:
    held.say(SOCKET + b"cookie: " + b"a" * LONGEST_LINE + b"\r\n\r\n")
    assert held.wire.written.startswith(b"HTTP/1.1 431 ")


async def test_a_client_that_does_not_read_what_its_pings_are_answered_is_held_back_and_let_go(held: Held) -> None:
    held.say(SOCKET + b"\r\n")
    await held.answers()
    connection = held.wire.get_protocol()
    assert isinstance(connection, SocketConnection)
    ping = b"\x89\x84\0\0\0\0ping"
    connection.data_received(ping)
    assert held.wire.written.endswith(b"\x8a\x04ping")
    assert not held.wire.is_reading_paused
    connection.pause_writing()
    held.wire.unread = 70_000
    connection.data_received(ping)
    assert held.wire.is_reading_paused
    assert held.wire.written.count(b"\x8a\x04ping") == 1
    connection.look(0.0, USUAL)
    connection.look(READ_WITHIN - 1, USUAL)
    assert not held.wire.is_aborted
    held.wire.unread = 0
    connection.resume_writing()
    await asyncio.sleep(0)
    assert held.wire.written.count(b"\x8a\x04ping") == 2
    assert not held.wire.is_reading_paused
    connection.look(READ_WITHIN, USUAL)
    held.wire.unread = 70_000
    connection.look(READ_WITHIN, USUAL)
    connection.look(READ_WITHIN + LEAVING.read, LEAVING)
    assert held.wire.is_aborted
    connection.connection_lost(None)
    await held.answers()


async def test_what_one_socket_sends_is_read_in_pieces_and_others_go_on_meanwhile(held: Held) -> None:
    held.say(SOCKET + b"\r\n")
    await held.answers()
    connection = held.wire.get_protocol()
    assert isinstance(connection, SocketConnection)
    held.wire.written = b""
    connection.data_received(b"\x89\x80\0\0\0\0" * 10_000)
    rounds = 0
    while held.wire.written.count(b"\x8a\x00") < 10_000:
        assert held.wire.written.count(b"\x8a\x00") <= (rounds + 1) * PIECE // 6 + 1
        assert held.wire.is_reading_paused
        await asyncio.sleep(0)
        rounds += 1
    assert rounds > 20
    assert not held.wire.is_reading_paused
    connection.data_received(b"\x81\x81\0\0\0\0\xff" + b"\x88\x82\0\0\0\0\x03\xe8" * 9)  # no UTF-8, and more
    assert held.wire.is_closed
    connection.connection_lost(None)
    await held.answers()


async def test_a_trailer_that_ends_the_connection_ends_it(held: Held) -> None:
    held.app.go_on.set()
    held.say(CHUNKED + b"4\r\nbody\r\n0\r\nConnection: close\r\n\r\n" + GET)
    assert await held.answers() == 1
    assert held.wire.is_ended


async def test_what_is_left_of_a_request_behind_its_answer_is_read_up_to_a_limit(held: Held) -> None:
    held.app.reads = False
    held.say(CHUNKED)
    assert await held.answers() == 1
    for _ in range(MOST_HEAD // 6_000 + 2):
        held.say(b"1\r\na\r\n" * 1_000)
    assert held.wire.is_ended
    assert held.wire.written.count(b"HTTP/1.1") == 1


async def test_what_is_no_http_behind_an_early_answer_gets_no_second_one(held: Held) -> None:
    held.app.reads = False
    held.say(CHUNKED)
    assert await held.answers() == 1
    held.say(b"ZZ\r\n")
    assert held.wire.written.count(b"HTTP/1.1") == 1
    assert held.wire.is_ended


async def test_a_body_that_comes_behind_an_early_answer_does_not_shorten_the_rest(held: Held) -> None:
    held.app.reads = False
    held.say(POST)
    assert await held.answers() == 1
    held.say(b"body")
    held.look(0.0, 10 * WITHIN)
    assert not held.wire.is_closed
    held.say(GET)
    assert await held.answers() == 2


async def test_who_asked_whether_to_go_on_and_was_told_something_else_is_not_asked_again(held: Held) -> None:
    held.app.reads = False
    held.say(POST.replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n"))
    assert await held.answers() == 1
    assert b"connection: close" in held.wire.written
    assert held.wire.is_ended


async def test_nobody_is_told_to_go_on_behind_a_refusal(held: Held) -> None:
    held.say(CHUNKED.replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n") + b"ZZ\r\n")
    await held.answers()
    assert held.wire.written.startswith(b"HTTP/1.1 400 ")
    assert b" 100 " not in held.wire.written


async def test_trailers_are_no_headers(held: Held) -> None:
    held.app.go_on.set()
    held.say(CHUNKED + b"4\r\nbody\r\n0\r\nauthorization: Bearer stolen\r\n\r\n" + GET)
    assert await held.answers() == 2
    assert [name for name, _ in held.app.scopes[0]["headers"]] == [b"host", b"transfer-encoding"]


@pytest.mark.parametrize("more", [b"a: b\r\n" * 1_000, b"a" * 5_000])
async def test_trailers_without_end_are_refused(held: Held, more: bytes) -> None:
    held.say(CHUNKED + b"0\r\n")
    for _ in range(MOST_HEAD // len(more) + 2):
        held.say(more)
    await held.answers()
    assert held.wire.written.startswith(b"HTTP/1.1 400 ")
    assert held.app.bodies == [b""]


async def test_a_body_in_chunks_of_one_byte_is_a_body(held: Held) -> None:
    held.app.go_on.set()
    held.say(CHUNKED)
    for _ in range(100):
        held.say(b"1\r\na\r\n" * 1_000)
        await asyncio.sleep(0)
    held.say(b"0\r\n\r\n")
    assert await held.answers() == 1
    assert held.app.bodies == [b"a" * 100_000]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (HEAD + b"host: b\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\n\r\n", 204),
        (HEAD.replace(b"1.1", b"2.0") + b"\r\n", 505),
        (CHUNKED.replace(b"chunked", b"gzip, chunked"), 501),
        (b"CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n", 501),
        (GET.replace(b"GET /", b"GET /metrics%0A"), 400),
        (GET.replace(b"GET /", b"GET /%7f"), 400),
        (GET.replace(b"GET /", b"GET /%20?query=%0A"), 204),
    ],
)
async def test_what_is_not_fit_is_refused(held: Held, request_: bytes, status: int) -> None:
    held.app.go_on.set()
    held.say(request_)
    await held.answers()
    assert held.wire.written.startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize("closes", [True, False])
async def test_who_is_still_sending_gets_to_read_that_it_may_stop(held: Held, *, closes: bool) -> None:
    held.app.reads = False
    held.app.headers = [(b"connection", b"close")] if closes else []
    held.say(POST + b"bo")
    assert await held.answers() == 1
    assert (held.wire.is_ended, held.wire.is_closed) == (closes, False)
    if closes:
        held.say(b"dy" + GET)
        assert await held.answers() == 1
        held.look(0.0, LINGER - 0.1)
        assert not held.wire.is_closed
        held.look(LINGER)
        assert held.wire.is_closed


async def test_who_has_sent_everything_is_closed_at_once(held: Held) -> None:
    held.app.reads = False
    held.app.headers = [(b"connection", b"close")]
    held.say(GET)
    assert await held.answers() == 1
    assert held.wire.is_closed


async def test_a_connection_that_rests_has_a_time_of_its_own(held: Held) -> None:
    held.app.go_on.set()
    held.say(GET)
    assert await held.answers() == 1
    held.look(0.0, 10 * WITHIN)
    assert not held.wire.is_closed
    held.connection.timeout_keep_alive_handler()
    assert held.wire.is_closed


async def test_a_connection_that_was_refused_does_not_hold_up_the_end(held: Held) -> None:
    held.say(b"hello\r\n\r\n")
    held.connection.shutdown()
    assert held.wire.is_closed


async def test_a_connection_that_asks_now_and_then_is_kept(held: Held) -> None:
    held.app.go_on.set()
    for number in range(5):
        held.look(number * WITHIN)
        held.say(GET)
        assert await held.answers() == number + 1
        held.look(number * WITHIN + 1, number * WITHIN + WITHIN - 1)
    assert not held.wire.is_closed


async def test_what_takes_long_to_answer_is_not_waited_for_by_the_connection(held: Held) -> None:
    held.say(GET)
    await held.answers()
    held.look(0.0, 100 * WITHIN, 200 * WITHIN)
    assert (held.wire.written, held.wire.is_closed, held.wire.is_aborted) == (b"", False, False)


async def test_a_client_that_does_not_read_is_let_go(held: Held) -> None:
    held.say(GET)
    await held.answers()
    held.wire.unread = 100_000
    held.look(0.0, READ_WITHIN - 1)
    held.wire.unread -= 1
    held.look(READ_WITHIN)
    held.wire.unread += 100  # what is written meanwhile is nothing that was read
    held.look(2 * READ_WITHIN - 1)
    assert not held.wire.is_aborted
    held.look(2 * READ_WITHIN)
    assert held.wire.is_aborted


@contextmanager
def dialled(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        yield client


def read_all(client: socket.socket) -> bytes:
    read = b""
    while piece := client.recv(65_536):
        read += piece
    return read


Serving = Callable[[], AbstractAsyncContextManager[int]]


@pytest.fixture
def serving() -> Serving:
    """Serves on a free port, with little patience, until told to stop."""

    @asynccontextmanager
    async def served() -> AsyncIterator[int]:
        app = App()
        app.go_on.set()
        listener = listen("127.0.0.1", 0)
        is_up = asyncio.Event()
        server = asyncio.create_task(run_server(app, listener, then=is_up.set, receive_within=lambda: 0.01))
        try:
            await is_up.wait()
            yield port_of(listener)
        finally:
            server.cancel()
            await asyncio.wait({server})
            listener.close()

    return served


@pytest.mark.parametrize(("said", "told"), [(b"", b""), (GET[:9], b"408"), (HEAD + b"x: " + b"a" * 600_000, b"431")])
async def test_over_the_wire_a_client_reads_why_it_is_let_go(serving: Serving, said: bytes, told: bytes) -> None:
    async with serving() as port:
        with dialled(port) as client:
            await asyncio.to_thread(client.sendall, said)
            read = await asyncio.to_thread(read_all, client)
    assert read[9:12] == told
