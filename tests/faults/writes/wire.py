"""One HTTP request of the driver, over a connection of its own: what it asks of gateways and of owners."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PATIENCE = 6.0  # seconds


class Unanswered(Exception):
    """No whole answer came: refused, reset, cut short or too late."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: status, headers in lower case, and the JSON in the body."""

    status: int
    headers: Mapping[str, str]
    body: Any


async def ask(
    port: int,
    method: str,
    path: str,
    body: Any = None,
    *,
    headers: Mapping[str, str] | None = None,
    patience: float = PATIENCE,
) -> Answer:
    """Send one request to a port of this machine, and wait so many seconds for the answer; raises Unanswered."""
    sent = b"" if body is None else json.dumps(body).encode()
    given = {"host": f"127.0.0.1:{port}", "connection": "close", "content-type": "application/json", **(headers or {})}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    head = "\r\n".join([*lines, f"content-length: {len(sent)}", "", ""]).encode()
    try:
        async with asyncio.timeout(patience):
            return await _exchange(port, head + sent)
    except (OSError, EOFError, TimeoutError, ValueError) as error:
        raise Unanswered(type(error).__name__) from error


async def _exchange(port: int, sent: bytes) -> Answer:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        body = await reader.readexactly(int(headers["content-length"]))
        return Answer(int(head[0].split(" ")[1]), headers, json.loads(body) if body else None)
    finally:
        writer.close()
