"""The wire under an `httpx.AsyncClient` answers as httpx's own transport does."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import httpx
import pytest
import pytest_asyncio
from tests.sources.wire.conftest import Clock, MakeWire, Peer, Serve

OK = b"HTTP/1.1 200 OK\r\n"
LARGE = bytes(range(256)) * 8_000
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
GZIP = gzip.compress(b'{"name": "Jansen"}')
DEFLATE = zlib.compress(b'{"name": "Jansen"}')
CHANGED = {"content-encoding", "content-length"}


def compressed(coding: bytes, body: bytes) -> bytes:
    return OK + b"Content-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (coding, len(body)) + body


ANSWERS = {
    "length": OK + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    "empty": OK + b"Content-Length: 0\r\n\r\n",
    "large": OK + b"Content-Length: %d\r\n\r\n" % len(LARGE) + LARGE,
    "chunked": CHUNKED + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    "large in chunks": CHUNKED + b"".join(b"1000\r\n" + LARGE[:4096] + b"\r\n" for _ in range(64)) + b"0\r\n\r\n",
    "chunked, extensions and trailers": CHUNKED + b'5;a="b"\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n',
    "gzip": compressed(b"gzip", GZIP),
    "deflate": compressed(b"deflate", DEFLATE),
    "deflate, gzip": compressed(b"deflate, gzip", gzip.compress(DEFLATE)),
    "gzip in chunks": OK
    + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(GZIP), GZIP),
    "204": b"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n",
    "304": b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n',
    "404": b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone",
    "503": b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
    "100 first": b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 5\r\n\r\nhello",
    "103 first": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK + b"Content-Length: 5\r\n\r\nhello",
    "close": OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello",
    "repeated headers": OK + b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Empty:\r\nContent-Length: 0\r\n\r\n",
    "latin-1 in a header": OK + b"X-Name: Ren\xe9\r\nContent-Length: 0\r\n\r\n",
    "1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
}

MakeClient = Callable[[httpx.AsyncBaseTransport], httpx.AsyncClient]


@pytest_asyncio.fixture
async def client() -> AsyncIterator[MakeClient]:
    """Make a client over a transport."""
    async with AsyncExitStack() as stack:

        def make(transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
            made = httpx.AsyncClient(transport=transport)
            stack.push_async_callback(made.aclose)
            return made

        yield make


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize("case", ANSWERS)
async def test_it_answers_as_httpx_does(
    serve: Serve, wire_to: MakeWire, client: MakeClient, case: str, method: str
) -> None:
    answer = ANSWERS[case]

    def well_behaved(peer: Peer, request: bytes) -> None:
        head, end, _ = answer.rpartition(b"\r\n\r\n") if case.startswith("10") else answer.partition(b"\r\n\r\n")
        peer.say(head + end if request.startswith(b"HEAD") else answer)
        if case in {"close", "1.0"}:
            peer.close()

    upstream = await serve(well_behaved)
    url = f"http://127.0.0.1:{upstream.port}/customers?q=a%20b"
    over_wire, over_httpx = client(wire_to(upstream)), client(httpx.AsyncHTTPTransport(verify=False))
    content = b'{"a": 1}' if method == "POST" else None
    for _ in range(3):
        ours = await over_wire.request(method, url, content=content)
        theirs = await over_httpx.request(method, url, content=content)
        assert (ours.status_code, ours.content) == (theirs.status_code, theirs.content)
        assert headers_of(ours) == headers_of(theirs)
    assert connections_of(upstream.peers) in ({1}, {3})


@pytest.mark.asyncio
async def test_it_sends_what_httpx_sends(serve: Serve, wire_to: MakeWire, client: MakeClient) -> None:
    upstream = await serve(ANSWERS["length"])
    url = f"http://127.0.0.1:{upstream.port}/a%2Fb/ü?q=a b&r=%20"
    for transport in (wire_to(upstream), httpx.AsyncHTTPTransport(verify=False)):
        await client(transport).post(url, json={"a": 1}, headers={"authorization": "Bearer x"})
    ours, theirs = (sent(request) for request in upstream.requests)
    different = {b"accept-encoding", b"connection"}
    assert ours[0] == theirs[0]
    assert {each for each in ours[1] if each[0] not in different} == {
        each for each in theirs[1] if each[0] not in different
    }


@pytest.mark.asyncio
async def test_a_request_for_another_origin_is_refused(serve: Serve, wire_to: MakeWire, client: MakeClient) -> None:
    upstream = await serve(ANSWERS["length"])
    over_wire = client(wire_to(upstream))
    for address in ("http://elsewhere.example/", "ftp://elsewhere.example/", "http://me:word@elsewhere.example/"):
        with pytest.raises(httpx.UnsupportedProtocol, match="this transport reaches"):
            await over_wire.get(address)


@pytest.mark.asyncio
async def test_a_streamed_request_body_is_sent_whole(serve: Serve, wire_to: MakeWire, client: MakeClient) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"hel"
        yield b"lo"

    upstream = await serve(ANSWERS["length"])
    await client(wire_to(upstream)).post(f"http://127.0.0.1:{upstream.port}/", content=parts())
    assert upstream.requests[0].endswith(b"content-length: 5\r\n\r\nhello")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda peer, _: peer.close(), httpx.ReadError),
        (lambda peer, _: peer.say(b"SSH-2.0-OpenSSH_9.2\r\n"), httpx.RemoteProtocolError),
        (lambda peer, _: peer.say(OK + b"Content-Length: x\r\n\r\n"), httpx.RemoteProtocolError),
        (
            lambda peer, _: peer.say(OK + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"),
            httpx.RemoteProtocolError,
        ),
    ],
)
async def test_errors_are_httpxs(
    serve: Serve, wire_to: MakeWire, client: MakeClient, answer: Callable[[Peer, bytes], None], error: type[Exception]
) -> None:
    upstream = await serve(answer)
    with pytest.raises(error):
        await client(wire_to(upstream)).get(f"http://127.0.0.1:{upstream.port}/")


@pytest.mark.asyncio
async def test_no_connection_is_httpxs_connect_error(serve: Serve, wire_to: MakeWire, client: MakeClient) -> None:
    upstream = await serve(b"")
    upstream.server.close()
    with pytest.raises(httpx.ConnectError):
        await client(wire_to(upstream)).get(f"http://127.0.0.1:{upstream.port}/")


@pytest.mark.asyncio
async def test_a_header_that_cannot_be_sent_is_httpxs_local_error(
    serve: Serve, wire_to: MakeWire, client: MakeClient
) -> None:
    upstream = await serve(b"")
    with pytest.raises(httpx.LocalProtocolError):
        await client(wire_to(upstream)).get(f"http://127.0.0.1:{upstream.port}/", headers={"x": "a\r\nb"})


@pytest.mark.asyncio
async def test_the_read_time_out_is_the_time_for_the_whole(
    serve: Serve, wire_to: MakeWire, client: MakeClient, clock: Clock
) -> None:
    upstream = await serve(lambda peer, _: None)
    wire = wire_to(upstream, clock=clock, resolution=0.001, first_byte=100, whole=100)
    url = f"http://127.0.0.1:{upstream.port}/"
    task = asyncio.create_task(client(wire).get(url, timeout=httpx.Timeout(9, read=3)))
    await upstream.next_request()
    clock.now += 3
    with pytest.raises(httpx.ReadTimeout):
        await task


def headers_of(response: httpx.Response) -> list[tuple[bytes, bytes]]:
    """List the headers; those of a body that came compressed apart, for the wire hands over what was in it."""
    gone = CHANGED if "content-encoding" in response.headers or response.content.startswith(b'{"name"') else set()
    return [(name.lower(), value) for name, value in response.headers.raw if name.lower().decode() not in gone]


def connections_of(peers: list[Peer]) -> set[int]:
    """Count the connections that each of the two clients has used."""
    return {len(peers) // 2}


def sent(request: bytes) -> tuple[bytes, set[tuple[bytes, bytes]]]:
    head, _, body = request.partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    pairs = (field.split(b": ", 1) for field in fields)
    return line + body, {(name.lower(), value) for name, value in pairs}
