"""How an answer goes out: status, headers, compression where it pays, streams that end when the client goes."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from starlette.types import Receive, Send

from klantbeeld.gateway.negotiation import Coding
from klantbeeld.gateway.parts import closed_at_the_end

if TYPE_CHECKING:
    from zstandard import ZstdCompressor

Headers = tuple[tuple[bytes, bytes], ...]

# An answer holds personal data: no cache keeps it, unless the engine says for how long the caller's own may.
NO_STORE: Final = (b"cache-control", b"no-store")
SECURITY: Final[Headers] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
VARIES: Final = (
    *(b"accept", b"accept-encoding", b"accept-language", b"authorization"),
    *(b"klantbeeld-consistency-token", b"klantbeeld-explain", b"klantbeeld-purpose"),
)
VARY: Final = (b"vary", b", ".join(VARIES))
UNBUFFERED: Final = (b"x-accel-buffering", b"no")  # nginx would hold the frames back
# The best first: docs/decisions/0013-zstd-where-it-is-installed.md has what each costs.
CODINGS: Final[tuple[Coding, ...]] = ("zstd", "gzip") if find_spec("zstandard") else ("gzip",)
LEVEL: Final = 1  # of both; higher ones take longer than they save
GZIP_WINDOW: Final = 31  # 15 bits of window, with gzip's header
IN_A_THREAD: Final = 262_144  # bytes whose compression would hold the loop for a millisecond


async def send_reply(send: Send, status: int, body: bytes, headers: Headers) -> None:
    """Send one complete answer."""
    for name, _ in headers:
        if name == b"cache-control":
            break
    else:
        headers = (*headers, NO_STORE)
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers, *SECURITY, VARY, (b"content-length", str(len(body)).encode())],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def compressed(body: bytes, coding: Coding) -> bytes:
    """Compress a body; a large one in a thread, so that others are answered meanwhile."""
    if len(body) > IN_A_THREAD:
        return await asyncio.to_thread(_zstd if coding == "zstd" else _gzip, body)
    return _machine().compress(body) if coding == "zstd" else _gzip(body)


async def send_stream(
    receive: Receive, send: Send, frames: AsyncIterator[bytes], headers: Headers, *, end: asyncio.Future[None] | None
) -> None:
    """Send frames as they come, until they end, the client goes or `end` is done; then their source is closed."""
    await send(
        {"type": "http.response.start", "status": 200, "headers": [*headers, NO_STORE, *SECURITY, VARY, UNBUFFERED]}
    )
    sending = asyncio.create_task(_send_frames(send, frames))
    leaving = asyncio.create_task(_until_gone(receive))
    try:
        until = {sending, leaving} if end is None else {sending, leaving, end}
        await asyncio.wait(until, return_when=asyncio.FIRST_COMPLETED)
    finally:
        is_gone = leaving.done()
        for task in (sending, leaving):
            task.cancel()
        await asyncio.wait({sending, leaving})
    if sending.cancelled() and not is_gone:
        await send({"type": "http.response.body", "body": b""})
    elif not sending.cancelled():
        sending.result()


@cache
def _machine() -> "ZstdCompressor":
    """Give the loop's own machine, for one body at a time: making one takes as long as using it."""
    return _new_machine()


def _new_machine() -> "ZstdCompressor":
    import zstandard  # noqa: PLC0415 - an extra, loaded when somebody asks for it

    return zstandard.ZstdCompressor(level=LEVEL)


def _zstd(body: bytes) -> bytes:
    return _new_machine().compress(body)


def _gzip(body: bytes) -> bytes:
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    return compressor.compress(body) + compressor.flush()


async def _send_frames(send: Send, frames: AsyncIterator[bytes]) -> None:
    async with closed_at_the_end(frames):
        async for frame in frames:
            await send({"type": "http.response.body", "body": frame, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
