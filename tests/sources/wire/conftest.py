"""An upstream that does what a test tells it, byte for byte, and wires that are closed when the test ends."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
import pytest_asyncio
import uvloop

from klantbeeld.sources.wire import Limits, Origin, Wire

LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every test of this folder on both loops: uvloop in production, asyncio's where somebody embeds us."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Peer(asyncio.Protocol):
    """The upstream's end of one connection."""

    transport: asyncio.Transport
    number: int

    def __init__(self, upstream: "Upstream") -> None:
        self.upstream = upstream
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.number = len(self.upstream.peers)
        self.upstream.peers.append(self)

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (request := self.take()) is not None:
            self.upstream.requests.append(request)
            self.upstream.asked.set()
            self.upstream.answer(self, request)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(None)

    def take(self) -> bytes | None:
        head, end, rest = self.received.partition(b"\r\n\r\n")
        found = LENGTH.search(head)
        size = int(found[1]) if found else 0
        if not end or len(rest) < size:
            return None
        self.received = rest[size:]
        return head + end + rest[:size]

    def say(self, data: bytes) -> None:
        self.transport.write(data)

    def close(self) -> None:
        self.transport.close()


class Impatient(Peer):
    """Answers as soon as a request begins, and reads no more of it."""

    def data_received(self, data: bytes) -> None:
        if not self.received:
            self.received = data
            self.transport.pause_reading()
            self.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge")


Answer = Callable[[Peer, bytes], None]


@dataclass
class Upstream:
    answer: Answer
    server: asyncio.Server = field(init=False)
    port: int = 0
    served: set[int] = field(default_factory=set)
    peers: list[Peer] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def targets(self) -> list[str]:
        return [request.split(b" ", 2)[1].decode() for request in self.requests]

    async def next_request(self) -> bytes:
        await self.asked.wait()
        self.asked.clear()
        return self.requests[-1]


Serve = Callable[..., Awaitable[Upstream]]
MakeWire = Callable[..., Wire]


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start an upstream that answers every request with these bytes, or as a function says."""
    async with AsyncExitStack() as stack:

        async def start(
            answer: bytes | Answer, *, tls: Any = None, peer: Callable[[Upstream], Peer] = Peer
        ) -> Upstream:
            def always(asked: Peer, _: bytes) -> None:
                assert isinstance(answer, bytes)
                asked.say(answer)

            upstream = Upstream(always if isinstance(answer, bytes) else answer)
            loop = asyncio.get_running_loop()
            server = await loop.create_server(lambda: peer(upstream), "127.0.0.1", 0, ssl=tls)
            upstream.server = server
            upstream.port = server.sockets[0].getsockname()[1]
            stack.push_async_callback(stop, server, upstream)
            return upstream

        yield start


async def stop(server: asyncio.Server, upstream: Upstream) -> None:
    server.close()
    for peer in upstream.peers:
        peer.transport.abort()
    await asyncio.gather(*(peer.lost for peer in upstream.peers))
    await server.wait_closed()


@pytest_asyncio.fixture
async def wire_to() -> AsyncIterator[MakeWire]:
    """Make a wire to an upstream."""
    async with AsyncExitStack() as stack:

        def make(
            upstream: Upstream, *, address: str | None = None, clock: Any = None, tls: Any = None, **limits: Any
        ) -> Wire:
            origin = Origin.of(address or f"http://127.0.0.1:{upstream.port}")
            wire = Wire(origin, Limits(**limits), clock=clock, tls=tls)
            stack.push_async_callback(wire.aclose)
            return wire

        yield make


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def soon() -> float:
    """Give a deadline that a test never meets unless something hangs."""
    return asyncio.get_running_loop().time() + 5
