"""How parts are written into one HTTP answer: multipart/mixed and Server-Sent Events.

multipart/mixed is what Apollo Client and urql read (GraphQL over HTTP, RFC Incremental Delivery; for events Apollo's
`subscriptionSpec=1.0`). Server-Sent Events are those of graphql-sse's "distinct connections mode"; urql reads them too.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import msgspec

from klantbeeld.gateway.negotiation import Streaming
from klantbeeld.gateway.parts import Beat, closed_at_the_end
from klantbeeld.gateway.ports import Part

encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Format:
    """One way of writing parts: every frame is complete, so that a client can read it when it comes."""

    content_type: bytes
    before: bytes
    """Sent at once, so that the client knows that it is heard."""
    frame: tuple[bytes, bytes]
    """What stands around each part."""
    beat: bytes
    """Keeps proxies from closing a silent connection."""
    after: bytes


MULTIPART: Final = Format(
    content_type=b'multipart/mixed; boundary="-"; incrementalSpec=v0.2',
    before=b"\r\n---",
    frame=(b"\r\ncontent-type: application/json; charset=utf-8\r\n\r\n", b"\r\n---"),
    beat=b"",  # an incremental answer ends with its deadline
    after=b"--\r\n",
)
MULTIPART_EVENTS: Final = Format(
    content_type=b'multipart/mixed; boundary="graphql"; subscriptionSpec=1.0',
    before=b"\r\n--graphql",
    frame=(b'\r\ncontent-type: application/json; charset=utf-8\r\n\r\n{"payload":', b"}\r\n--graphql"),
    beat=b"\r\ncontent-type: application/json; charset=utf-8\r\n\r\n{}\r\n--graphql",
    after=b"--\r\n",
)
EVENT_STREAM: Final = Format(
    content_type=b"text/event-stream; charset=utf-8",
    before=b":\n\n",
    frame=(b"event: next\ndata: ", b"\n\n"),
    beat=b":\n\n",
    after=b"event: complete\ndata:\n\n",
)


def format_for(streaming: Streaming, *, is_incremental: bool) -> Format:
    """Choose the format for what the client takes."""
    if streaming == "sse":
        return EVENT_STREAM
    return MULTIPART if is_incremental else MULTIPART_EVENTS


async def frames(parts: AsyncIterator[Part | Beat], form: Format) -> AsyncIterator[bytes]:
    """Write parts; JSON has no line breaks of its own, so a part is one line of `data`."""
    opening, closing = form.frame
    yield form.before
    async with closed_at_the_end(parts):
        async for part in parts:
            if not isinstance(part, Beat):
                yield opening + encode(part) + closing
            elif form.beat:
                yield form.beat
    yield form.after


def single_frame(body: bytes, form: Format) -> bytes:
    """Write a plain answer for a client that takes nothing but this format."""
    opening, closing = form.frame
    if form is MULTIPART:  # the format wants to read that nothing follows
        body = body[:-1] + b',"hasNext":false}'
    return form.before + opening + body + closing + form.after
