"""A system that stands before one of the sandbox and answers as a test tells it, byte for byte, or else well.

It runs in a thread of its own. What it is told is a coroutine that gets the `Line` on which a request came and the
`Good` answer of the system behind it, and says on the line what it likes.
"""

import asyncio
import contextlib
import re
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@dataclass(frozen=True, slots=True)
class Good:
    """What the system behind answers to a request."""

    status: int
    body: bytes

    def framed(self, *more: bytes, body: bytes | None = None) -> bytes:
        """Give the answer with its length, and more header lines, or another body."""
        content = self.body if body is None else body
        lines = b"".join(line + b"\r\n" for line in (*more, b"Content-Length: %d" % len(content)))
        return b"HTTP/1.1 %d Said\r\nContent-Type: application/json\r\n" % self.status + lines + b"\r\n" + content

    @property
    def chunked(self) -> bytes:
        """Give the answer in chunks of seven bytes."""
        return OK + b"Transfer-Encoding: chunked\r\n\r\n" + in_chunks(self.body)


def in_chunks(body: bytes, size: int = 7) -> bytes:
    """Cut a body into chunks (RFC 9112, section 7.1)."""
    pieces = (body[place : place + size] for place in range(0, len(body), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@dataclass(slots=True)
class Line:
    """One connection of the gateway's; `asked` are the request lines that came over it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    asked: list[str] = field(default_factory=list)
    certificate: Any = None
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_lost(self) -> bool:
        """Say whether the connection is over."""
        return self.gone.is_set()

    async def say(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def drip(self, data: bytes, *, every: float) -> None:
        """Send a byte at a time, in seconds."""
        for place in range(len(data)):
            await self.say(data[place : place + 1])
            await asyncio.sleep(every)

    def close(self) -> None:
        """End the connection, both ways."""
        self.writer.close()

    def half_close(self) -> None:
        """End our way of the connection."""
        self.writer.write_eof()

    async def until_lost(self) -> None:
        """Say nothing more until the gateway has closed the connection."""
        while await self.reader.read(65_536):
            pass


Behave = Callable[[Line, Good], Awaitable[None]]


async def well(line: Line, good: Good) -> None:
    """Answer as one should."""
    await line.say(good.framed())


async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
    """Pass on what comes, byte for byte, both ways, until both ends are closed."""
    there, here = await asyncio.open_connection(host, port)
    await asyncio.gather(_pass(reader, here), _pass(there, writer))


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


class Wayward:
    """The system; `tls` may be changed at any time, and holds for connections that come then."""

    def __init__(
        self, behind: Callable[[], str], *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> None:
        self.tls = tls
        self.behave: Behave = well
        self.says_at_once = b""
        self.is_mute = False
        self.answers_early = False
        self.passes_on = False
        self.lines: list[Line] = []
        self.port = 0
        self._behind = behind
        self._host = host

    @property
    def asked(self) -> list[str]:
        """The request lines that came, whatever connection they came over, log-ins apart."""
        return [asked for line in self.lines for asked in line.asked if "/oauth2/" not in asked]

    @property
    def open_lines(self) -> list[Line]:
        """The connections that are open."""
        return [line for line in self.lines if not line.is_lost]

    def forget(self) -> None:
        """Behave well again, and close every connection."""
        self.behave, self.says_at_once, self.is_mute = well, b"", False
        self.answers_early = self.passes_on = False
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result(5)

    @contextlib.contextmanager
    def serve(self, port: int = 0) -> Iterator["Wayward"]:
        """Serve as long as the block."""
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._open(port), self._loop).result(5)
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(5)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    async def _open(self, port: int) -> None:
        self._http = httpx.AsyncClient(timeout=10)
        self._server = await asyncio.start_server(self._talk, self._host, port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        await self._hang_up()
        await self._http.aclose()

    async def _hang_up(self) -> None:
        for line in self.open_lines:
            line.writer.transport.abort()
        await asyncio.gather(*(line.gone.wait() for line in self.open_lines))
        self.lines.clear()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer)
        self.lines.append(line)
        with contextlib.suppress(OSError, EOFError, ssl.SSLError):  # the gateway may go away at any moment
            await self._greet(line)
            while not writer.is_closing():
                await self._answer(line)
        line.gone.set()
        writer.close()

    async def _greet(self, line: Line) -> None:
        if self.is_mute:
            await line.until_lost()
        if self.tls is not None:
            await line.writer.start_tls(self.tls)
            line.certificate = line.writer.get_extra_info("peercert")
        if self.says_at_once:
            await line.say(self.says_at_once)
        if self.passes_on:
            behind = urlsplit(self._behind())
            await join(line.reader, line.writer, str(behind.hostname), behind.port or 80)

    async def _answer(self, line: Line) -> None:
        if self.answers_early:
            line.asked.append((await line.reader.readexactly(5)).decode())
            await self.behave(line, Good(503, b"{}"))
            return
        head = await line.reader.readuntil(b"\r\n\r\n")
        found = LENGTH.search(head)
        body = await line.reader.readexactly(int(found[1])) if found else b""
        line.asked.append(head.split(b" HTTP/", 1)[0].decode())
        await self.behave(line, await self._good(head, body))

    async def _good(self, head: bytes, body: bytes) -> Good:
        first, *fields = head.decode("latin-1").strip().split("\r\n")
        method, target, _ = first.split(" ")
        pairs = [field.split(": ", 1) for field in fields]
        headers = [(name, value) for name, value in pairs if name.lower() not in {"host", "content-length"}]
        reply = await self._http.request(method, self._behind() + target, headers=headers, content=body)
        return Good(reply.status_code, reply.content)
