"""What RFC 9112 warns of: answers that lie about their length, come early, late, in drips, twice or never."""

import asyncio
import contextlib
import gc
import gzip
import socket
import struct
from collections.abc import Iterator

import pytest
from tests.sources.wire.conftest import Impatient, MakeWire, Peer, Serve, soon

from klantbeeld.errors import SourceInvalid, SourceUnavailable
from klantbeeld.sources.wire.connection import Connection, Exchange

OK = b"HTTP/1.1 200 OK\r\n"
HELLO = OK + b"Content-Length: 5\r\n\r\nhello"

WELL_FORMED = {
    "a length": (HELLO, b"hello"),
    "chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n", b"hello"),
    "chunks with trailers": (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n", b"hello"),
    "no body": (OK + b"Content-Length: 0\r\n\r\n", b""),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    "100 first": (b"HTTP/1.1 100 Continue\r\n\r\n" + HELLO, b"hello"),
    "hints first": (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3 + HELLO, b"hello"),
    "an offer to upgrade": (OK + b"Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    "1.0 and keep-alive": (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    "204 that names a coding": (b"HTTP/1.1 204 No Content\r\nContent-Encoding: br\r\n\r\n", b""),
    "100 of no length first": (b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n" + HELLO, b"hello"),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "304 with the length of what it stands for": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", b""),
    "304 for more than may come": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9999999999\r\n\r\n", b""),
}

MALFORMED = {
    "two equal lengths": OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
    "two contradicting lengths": OK + b"Content-Length: 2\r\nContent-Length: 20\r\n\r\nhi",
    "a list of lengths": OK + b"Content-Length: 2, 2\r\n\r\nhi",
    "a length with a sign": OK + b"Content-Length: +2\r\n\r\nhi",
    "a negative length": OK + b"Content-Length: -2\r\n\r\nhi",
    "a length beyond numbers": OK + b"Content-Length: 99999999999999999999999\r\n\r\nhi",
    "an empty length": OK + b"Content-Length: \r\n\r\nhi",
    "length and chunks": OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    "chunks and length": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    "a transfer coding that is not chunked": OK + b"Transfer-Encoding: gzip\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    "another coding before chunked": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    "chunked twice": OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    "chunked in two lines": OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk size that is no number": OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nhi\r\n0\r\n\r\n",
    "a chunk size beyond numbers": OK + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\nhi",
    "a chunk longer than it says": OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nhi\r\n0\r\n\r\n",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
    "white space before a colon": OK + b"Content-Length : 2\r\n\r\nhi",
    "a folded header": OK + b"X-Fold: a\r\n b\r\nContent-Length: 2\r\n\r\nhi",
    "NUL in a header": OK + b"X-Nul: a\0b\r\nContent-Length: 2\r\n\r\nhi",
    "bare CR in a header": OK + b"X-Cr: a\rb\r\nContent-Length: 2\r\n\r\nhi",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "HTTP/2": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "HTTP/2 behind an informational answer": b"HTTP/1.1 100 Continue\r\n\r\n"
    b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "a status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nhi",
    "a status beyond 599": b"HTTP/1.1 600 What\r\nContent-Length: 2\r\n\r\nhi",
    "a status below 100": b"HTTP/1.1 099 What\r\nContent-Length: 2\r\n\r\nhi",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nbytes",
    "another protocol without its name": b"HTTP/1.1 101 Switching Protocols\r\n\r\nbytes",
    "an informational answer with a body": b"HTTP/1.1 102 Wait\r\nContent-Length: 2\r\n\r\nhi" + HELLO,
    "a storm of informational answers": b"HTTP/1.1 102 Wait\r\n\r\n" * 9 + HELLO,
    "a giant header": OK + b"X-Giant: " + b"x" * 70_000 + b"\r\nContent-Length: 2\r\n\r\nhi",
    "a header that never ends": OK + b"X-Giant: " + b"x" * 300_000,
    "a giant head of small headers": OK + b"X-Small: yyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n" * 5_000,
    "too many headers": OK + b"X: y\r\n" * 101 + b"Content-Length: 2\r\n\r\nhi",
    "giant trailers": OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Giant: " + b"x" * 300_000,
    "giant chunk extensions": OK + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 300_000,
    "a length beyond the limit": OK + b"Content-Length: 1000001\r\n\r\n",
    "chunks beyond the limit": OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"FFFF\r\n%b\r\n" % (b"x" * 0xFFFF) * 16,
}


@pytest.mark.asyncio
@pytest.mark.parametrize("case", WELL_FORMED)
async def test_a_well_formed_answer_is_read_and_its_connection_kept(serve: Serve, wire_to: MakeWire, case: str) -> None:
    answer, body = WELL_FORMED[case]
    upstream = await serve(answer)
    wire = wire_to(upstream)
    replies = [await wire.exchange("GET", "/", (), deadline=soon()) for _ in range(2)]
    assert [reply.body for reply in replies] == [body, body]
    assert len(upstream.peers) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("case", WELL_FORMED)
async def test_an_answer_may_arrive_byte_by_byte(serve: Serve, wire_to: MakeWire, case: str) -> None:
    answer, body = WELL_FORMED[case]
    wire = wire_to(await serve(lambda peer, _: drip(peer, answer)))
    assert (await wire.exchange("GET", "/", (), deadline=soon())).body == body


@pytest.mark.asyncio
@pytest.mark.parametrize("case", MALFORMED)
async def test_a_malformed_answer_is_refused_and_its_connection_closed(
    serve: Serve, wire_to: MakeWire, case: str
) -> None:
    upstream = await serve(MALFORMED[case])
    wire = wire_to(upstream, body=1_000_000)
    with pytest.raises(SourceInvalid) as raised:
        await wire.exchange("GET", "/", (), deadline=soon())
    assert raised.value.sent
    await upstream.peers[0].lost


@pytest.mark.asyncio
@pytest.mark.parametrize("case", ["HTTP/2", "no HTTP", "HTTP/2 behind an informational answer"])
async def test_another_protocol_is_refused_though_it_arrives_byte_by_byte(
    serve: Serve, wire_to: MakeWire, case: str
) -> None:
    wire = wire_to(await serve(lambda peer, _: drip(peer, MALFORMED[case])))
    with pytest.raises(SourceInvalid):
        await wire.exchange("GET", "/", (), deadline=soon())


@pytest.mark.asyncio
async def test_header_names_are_lowered_values_trimmed_and_order_kept(serve: Serve, wire_to: MakeWire) -> None:
    upstream = await serve(OK + b"X-B: 1 \r\nSet-Cookie: a\r\nSET-COOKIE: b\r\nX-Empty:\r\nContent-Length: 0\r\n\r\n")
    reply = await wire_to(upstream).exchange("GET", "/", (), deadline=soon())
    assert reply.headers == (
        (b"x-b", b"1"),
        (b"set-cookie", b"a"),
        (b"set-cookie", b"b"),
        (b"x-empty", b""),
        (b"content-length", b"0"),
    )


@pytest.mark.asyncio
async def test_trailers_are_no_headers(serve: Serve, wire_to: MakeWire) -> None:
    wire = wire_to(await serve(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Role: admin\r\n\r\n"))
    assert (await wire.exchange("GET", "/", (), deadline=soon())).header("x-role") is None


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "late", [HELLO, b"H", b"\0", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", b"hello"]
)
@pytest.mark.parametrize("first", [HELLO, OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"])
async def test_bytes_after_an_answer_cost_the_connection_and_not_the_answer(
    serve: Serve, wire_to: MakeWire, first: bytes, late: bytes
) -> None:
    upstream = await serve(first + late)
    reply = await wire_to(upstream).exchange("GET", "/", (), deadline=soon())
    assert (reply.status, reply.body) == (200, b"hello")
    await upstream.peers[0].lost


@pytest.mark.asyncio
async def test_bytes_that_nobody_asked_for_close_a_resting_connection(serve: Serve, wire_to: MakeWire) -> None:
    upstream = await serve(HELLO)
    wire = wire_to(upstream)
    await wire.exchange("GET", "/", (), deadline=soon())
    upstream.peers[0].say(OK + b"Content-Length: 4\r\n\r\nevil")
    await upstream.peers[0].lost
    assert (await wire.exchange("GET", "/", (), deadline=soon())).body == b"hello"


@pytest.mark.asyncio
async def test_bytes_that_arrived_before_the_request_are_not_its_answer(serve: Serve, wire_to: MakeWire) -> None:
    upstream = await serve(HELLO)
    wire = wire_to(upstream)
    await wire.exchange("GET", "/", (), deadline=soon())
    # Sent past the loop, so that the bytes lie in the socket before the loop looks at it again.
    peer_socket = upstream.peers[0].transport.get_extra_info("socket")
    with socket.socket(fileno=socket.dup(peer_socket.fileno())) as early:
        early.send(OK + b"Content-Length: 4\r\n\r\nevil")
    reply = await wire.exchange("POST", "/", (), b"{}", deadline=soon())
    assert reply.body == b"hello"
    assert len(upstream.peers) == 2


@pytest.mark.asyncio
async def test_a_head_that_is_too_large_is_refused_though_it_comes_at_once(serve: Serve, wire_to: MakeWire) -> None:
    whole = b"HTTP/1.1 200 " + b"a" * 100_000 + b"\r\nContent-Length: 5\r\n\r\nhello"

    def at_once(peer: Peer, request: bytes) -> None:
        with socket.socket(fileno=socket.dup(peer.transport.get_extra_info("socket").fileno())) as past_the_loop:
            assert past_the_loop.send(whole) == len(whole)

    upstream = await serve(at_once)
    with pytest.raises(SourceInvalid, match="larger than"):
        await wire_to(upstream).exchange("GET", "/", (), deadline=soon())


@pytest.mark.asyncio
async def test_a_server_that_speaks_first_is_not_asked(serve: Serve, wire_to: MakeWire) -> None:
    upstream = await serve(HELLO)

    class Greeter(Peer):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.say(OK + b"Content-Length: 4\r\n\r\nevil")

    server = await asyncio.get_running_loop().create_server(lambda: Greeter(upstream), "127.0.0.1", 0)
    wire = wire_to(upstream, address=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    with contextlib.suppress(SourceUnavailable, SourceInvalid):  # seen before or after the request was sent
        assert (await wire.exchange("POST", "/", (), b"{}", deadline=soon())).body == b"evil"
    await upstream.peers[0].lost
    server.close()
    await server.wait_closed()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"HT",
        b"HTTP/1.1 200 OK\r\nContent-",
        OK + b"Content-Length: 5\r\n\r\nhel",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
@pytest.mark.parametrize("how", ["close", "half-close", "reset"])
async def test_an_answer_cut_short_is_lost(serve: Serve, wire_to: MakeWire, part: bytes, how: str) -> None:
    def cut(peer: Peer, _: bytes) -> None:
        peer.say(part)
        END[how](peer)

    upstream = await serve(cut)
    with pytest.raises(SourceUnavailable) as raised:
        await wire_to(upstream).exchange("GET", "/", (), deadline=soon())
    assert raised.value.sent
    assert len(upstream.requests) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n"])
async def test_a_body_without_length_ends_with_the_connection(serve: Serve, wire_to: MakeWire, head: bytes) -> None:
    def until_close(peer: Peer, _: bytes) -> None:
        peer.say(head + b"hello")
        peer.close()

    upstream = await serve(until_close)
    wire = wire_to(upstream)
    assert [(await wire.exchange("GET", "/", (), deadline=soon())).body for _ in range(2)] == [b"hello"] * 2
    assert len(upstream.peers) == 2


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello",
        OK + b"Connection: keep-alive, close\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ],
)
async def test_a_connection_that_the_server_will_close_is_not_used_again(
    serve: Serve, wire_to: MakeWire, answer: bytes
) -> None:
    upstream = await serve(answer)
    wire = wire_to(upstream)
    for _ in range(2):
        assert (await wire.exchange("GET", "/", (), deadline=soon())).body == b"hello"
    assert len(upstream.peers) == 2


@pytest.mark.asyncio
async def test_a_half_closed_connection_is_not_used_again(serve: Serve, wire_to: MakeWire) -> None:
    def answer_and_end(peer: Peer, _: bytes) -> None:
        peer.say(HELLO)
        peer.transport.write_eof()

    upstream = await serve(answer_and_end)
    wire = wire_to(upstream)
    for _ in range(2):
        assert (await wire.exchange("POST", "/", (), deadline=soon())).body == b"hello"
    assert len(upstream.peers) == 2


@pytest.mark.asyncio
@pytest.mark.parametrize("framing", [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b""])
async def test_head_has_no_body_whatever_its_headers_say(serve: Serve, wire_to: MakeWire, framing: bytes) -> None:
    upstream = await serve(OK + framing + b"\r\n")
    wire = wire_to(upstream)
    for _ in range(2):
        reply = await wire.exchange("HEAD", "/", (), deadline=soon())
        assert (reply.status, reply.body) == (200, b"")


@pytest.mark.asyncio
async def test_the_connection_of_a_head_is_kept(serve: Serve, wire_to: MakeWire) -> None:
    upstream = await serve(OK + b"Content-Length: 5\r\n\r\n")
    wire = wire_to(upstream)
    for _ in range(3):
        await wire.exchange("HEAD", "/", (), deadline=soon())
    assert len(upstream.peers) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("body", [b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"h", b"\r\n\r\n"])
async def test_a_body_after_the_answer_to_head_costs_the_connection(
    serve: Serve, wire_to: MakeWire, body: bytes
) -> None:
    upstream = await serve(OK + b"Content-Length: 5\r\n\r\n" + body)
    assert (await wire_to(upstream).exchange("HEAD", "/", (), deadline=soon())).body == b""
    await upstream.peers[0].lost


@pytest.mark.asyncio
async def test_an_answer_that_comes_before_the_request_is_out_is_delivered(serve: Serve, wire_to: MakeWire) -> None:
    upstream = await serve(HELLO, peer=Impatient)
    wire = wire_to(upstream)
    for _ in range(2):
        reply = await wire.exchange("POST", "/", (), b"x" * 16_000_000, deadline=soon())
        assert (reply.status, reply.body) == (413, b"large")
    assert len(upstream.peers) == 2


@pytest.mark.asyncio
@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlar"])
async def test_a_peer_that_says_no_more_before_the_request_is_out_is_not_waited_for(
    serve: Serve, wire_to: MakeWire, begun: bytes
) -> None:
    class Leaving(Peer):
        def data_received(self, data: bytes) -> None:
            if not self.received:
                self.received = data
                self.transport.pause_reading()
                self.say(begun)
                self.transport.write_eof()

    upstream = await serve(HELLO, peer=Leaving)
    wire = wire_to(upstream)
    with pytest.raises(SourceUnavailable) as raised:
        await wire.exchange("POST", "/", (), b"x" * 16_000_000, deadline=soon())
    assert (raised.value.sent, raised.value.is_lost) == (True, not begun)


@pytest.mark.asyncio
async def test_a_compressed_answer_is_delivered_as_its_content(serve: Serve, wire_to: MakeWire) -> None:
    body = gzip.compress(b"hello")
    wire = wire_to(await serve(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body))
    assert (await wire.exchange("GET", "/", (), deadline=soon())).body == b"hello"


@pytest.mark.asyncio
async def test_content_beyond_the_limit_is_refused_and_the_connection_kept(serve: Serve, wire_to: MakeWire) -> None:
    bomb = gzip.compress(b"x" * 100_000)
    upstream = await serve(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb)
    wire = wire_to(upstream, content=99_999)
    for _ in range(2):
        with pytest.raises(SourceInvalid, match="99999 bytes after decompression"):
            await wire.exchange("GET", "/", (), deadline=soon())
    assert len(upstream.peers) == 1


def drip(peer: Peer, data: bytes) -> None:
    """Say a byte each time the loop comes round."""
    if data and not peer.transport.is_closing():
        peer.say(data[:1])
        asyncio.get_running_loop().call_soon(drip, peer, data[1:])


def reset(peer: Peer) -> None:
    peer_socket = peer.transport.get_extra_info("socket")
    peer_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.transport.abort()


END = {"close": Peer.close, "half-close": lambda peer: peer.transport.write_eof(), "reset": reset}


BROKEN = {
    "refused": OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"FFFF\r\n%b\r\n" % (b"x" * 0xFFFF) * 16,
    "cut": OK + b"Content-Length: 900000\r\n\r\n" + b"x" * 800_000,
}


@pytest.mark.asyncio
@pytest.mark.parametrize("case", BROKEN)
async def test_a_large_answer_that_failed_does_not_wait_for_the_garbage_collector(
    serve: Serve, wire_to: MakeWire, case: str
) -> None:
    def answer(peer: Peer, _: bytes) -> None:
        peer.say(BROKEN[case])
        peer.close()

    upstream = await serve(answer)
    wire = wire_to(upstream, body=1_000_000)
    with without_collector():
        with pytest.raises((SourceInvalid, SourceUnavailable)):
            await wire.exchange("GET", "/", (), deadline=soon())
        await upstream.peers[0].lost
        await asyncio.sleep(0)
        assert not [one for one in gc.get_objects() if isinstance(one, Connection | Exchange)]


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Find nothing of what was before, and let cycles lie as long as the block."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
