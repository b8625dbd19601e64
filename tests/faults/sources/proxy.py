"""The fault proxy: forwards a connection to one of its upstreams, or answers in a system's place, badly.

| fault     | what whoever asks sees                                              |
| --------- | ------------------------------------------------------------------- |
| pass      | the system itself                                                   |
| hang      | nothing                                                             |
| reset     | the connection reset, after the request has come                    |
| truncated | a head that promises more than comes, and the end of the connection |
| text      | 200, and what is no JSON                                            |
| types     | 200, and JSON of other types than the contract's                    |
| error     | 200, and an error as body                                           |
| flood     | 10 GB, as fast as they are read                                     |
| endless   | chunks without end, as fast as they are read                        |
| drip      | a byte every tenth of a second, without end                         |

It works on bytes: a connection that is forwarded stays with its upstream, and a request is whole where its head is.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

Fault = Literal["pass", "hang", "reset", "truncated", "text", "types", "error", "flood", "endless", "drip"]
BODIES: tuple[Fault, ...] = ("truncated", "text", "types", "error", "flood", "endless", "drip")

PIECE = 65_536  # bytes
FLOOD = 10 * 1024**3  # bytes
DRIP = 0.1  # seconds
FILLING = b'"' + b"x" * (PIECE - 3) + b'",'


class Proxy:
    """Listens on a free port of this machine; lives as long as its `async with`, belongs to one event loop.

    A connection goes to the next of the upstreams that `ready` names; `requests` counts those that a fault answered.
    """

    def __init__(self, *upstreams: str) -> None:
        self.upstreams = list(upstreams)
        self.ready = list(upstreams)
        self.fault: Fault = "pass"
        self.requests = 0
        self._turn = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    @property
    def address(self) -> str:
        """Where it listens."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def act_out(self, fault: Fault) -> None:
        """Misbehave so from now on, on connections that are open too."""
        self.fault = fault

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            with contextlib.suppress(ConnectionError, TimeoutError):
                await self._converse(reader, writer)
        except asyncio.CancelledError:
            pass  # the proxy ends, and asyncio would log it
        finally:
            self._open.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward what comes, until a request comes that meets a fault."""
        forwarding: tuple[asyncio.StreamWriter, asyncio.Task[None]] | None = None
        try:
            while data := await reader.read(PIECE):
                if self.fault != "pass":
                    await self._misbehave(self.fault, data, reader, writer)
                    return
                forwarding = forwarding or await self._forward(writer)
                forwarding[0].write(data)
                await forwarding[0].drain()
        finally:
            if forwarding is not None:
                forwarding[0].close()
                forwarding[1].cancel()

    async def _forward(self, writer: asyncio.StreamWriter) -> tuple[asyncio.StreamWriter, asyncio.Task[None]]:
        """Open a connection to the next upstream, whose answers go to whoever asks."""
        self._turn += 1
        upstream = urlsplit(self.ready[self._turn % len(self.ready)])
        answers, requests = await asyncio.open_connection(upstream.hostname, upstream.port)
        return requests, asyncio.create_task(_pump(answers, writer))

    async def _misbehave(
        self, fault: Fault, data: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while b"\r\n\r\n" not in data:
            data += await reader.readuntil(b"\r\n\r\n")
        self.requests += 1
        gone = asyncio.create_task(_until_gone(reader))
        try:
            if fault == "reset":
                _reset(writer)
            elif fault == "hang":
                await gone
            else:
                await _answer(fault, writer, gone)
        finally:
            gone.cancel()


async def _answer(fault: Fault, writer: asyncio.StreamWriter, gone: asyncio.Task[None]) -> None:
    async for piece in ANSWERS[fault]():
        if gone.done():
            return
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)


async def _pump(answers: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await answers.read(PIECE):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _until_gone(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionError):
        while await reader.read(PIECE):
            pass


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST in place of FIN."""
    ends: socket.socket = writer.get_extra_info("socket")
    ends.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _head(length: int | None) -> bytes:
    size = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    return f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{size}\r\n\r\n".encode()


def _whole(body: bytes) -> Callable[[], AsyncIterator[bytes]]:
    async def answer() -> AsyncIterator[bytes]:
        yield _head(len(body)) + body

    return answer


async def _truncated() -> AsyncIterator[bytes]:
    yield _head(2_000) + b'{"object": "list", "data": ['


async def _flood() -> AsyncIterator[bytes]:
    yield _head(FLOOD) + b"["
    for _ in range(FLOOD // len(FILLING)):
        yield FILLING


async def _endless() -> AsyncIterator[bytes]:
    yield _head(None)
    while True:
        yield b"%x\r\n%s\r\n" % (len(FILLING), FILLING)


async def _drip() -> AsyncIterator[bytes]:
    yield _head(1_000_000)
    while True:
        yield b" "
        await asyncio.sleep(DRIP)


ANSWERS: Mapping[Fault, Callable[[], AsyncIterator[bytes]]] = {
    "truncated": _truncated,
    "text": _whole(b"<!doctype html><title>Onderhoud</title>"),
    "types": _whole(b'{"id": 7, "object": "list", "name": 12, "email": [], "data": "none", "has_more": "perhaps"}'),
    "error": _whole(b'{"error": {"type": "api_error", "message": "later"}}'),
    "flood": _flood,
    "endless": _endless,
    "drip": _drip,
}
