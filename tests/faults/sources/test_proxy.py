"""The fault proxy does what a row says of it: else a promise would be held against nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from tests.faults.sources.proxy import Fault, Proxy

REQUEST = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"
MUCH = 1_000_000


@asynccontextmanager
async def upstreams(*names: bytes) -> AsyncIterator[list[str]]:
    """Serve systems that answer every request with their name."""
    servers = [await asyncio.start_server(saying(name), "127.0.0.1", 0) for name in names]
    yield [f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in servers]
    for server in servers:
        server.close()


def saying(name: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(name)
        await writer.drain()
        writer.close()

    return answer


async def said(proxy: Proxy, *, most: int = MUCH) -> bytes:
    """Ask once, and read what comes, up to so many bytes."""
    address = urlsplit(proxy.address)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(REQUEST)
    found = b""
    try:
        while len(found) < most and (piece := await reader.read(most)):
            found += piece
    finally:
        writer.close()
    return found


async def all_said(proxy: Proxy, times: int) -> Iterable[bytes]:
    return [await said(proxy) for _ in range(times)]


@pytest.mark.asyncio
async def test_connections_go_to_those_who_are_ready_by_turns() -> None:
    async with upstreams(b"one", b"two") as addresses, Proxy(*addresses) as proxy:
        assert sorted(await all_said(proxy, 4)) == [b"one", b"one", b"two", b"two"]
        proxy.ready = addresses[1:]
        assert await all_said(proxy, 3) == [b"two"] * 3
        assert proxy.requests == 0


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", ["flood", "endless"])
async def test_a_flood_does_not_end(fault: Fault) -> None:
    async with Proxy("http://127.0.0.1:9") as proxy:
        proxy.act_out(fault)
        assert len(await said(proxy)) >= MUCH
        assert proxy.requests == 1


@pytest.mark.asyncio
async def test_a_truncated_answer_promises_more_than_it_brings() -> None:
    async with Proxy("http://127.0.0.1:9") as proxy:
        proxy.act_out("truncated")
        head, _, body = (await said(proxy)).partition(b"\r\n\r\n")
    length = int(head.rpartition(b"content-length: ")[2])
    assert 0 < len(body) < length


@pytest.mark.asyncio
async def test_a_reset_is_an_error_for_whoever_asks() -> None:
    async with Proxy("http://127.0.0.1:9") as proxy:
        proxy.act_out("reset")
        with pytest.raises(ConnectionResetError):
            await said(proxy)


@pytest.mark.asyncio
async def test_a_hang_says_nothing() -> None:
    async with Proxy("http://127.0.0.1:9") as proxy:
        proxy.act_out("hang")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await said(proxy)
        assert proxy.requests == 1
