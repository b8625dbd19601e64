"""Faults on demand: how a source system misbehaves, and acting it out on one request.

A fault is written as JSON: ``{"mode": "latency", "ms": 200}``. Further members: ``status`` (for mode ``status``),
``headers`` that go with the answer, ``bytes`` (for ``large``), ``paths`` (a prefix or a list of them), ``times`` (how
many requests it meets before it is over) and ``when``: ``before`` the server executes the request, so that nothing
changes, or ``after``, so that the change is made and the answer is lost.

| mode     | the client sees                                                     |
| -------- | ------------------------------------------------------------------- |
| latency  | the right answer, ``ms`` late                                       |
| status   | an empty answer with ``status``                                     |
| hang     | nothing, until it goes away                                         |
| drop     | the connection closed                                               |
| garbage  | 200, JSON by its type, bytes that are none                          |
| types    | the right answer, its numbers as texts and its texts as numbers     |
| html     | a web page with ``status`` (200 by default)                         |
| redirect | 302 to the same address                                             |
| large    | JSON of ``bytes`` (100 MB by default)                               |
| drip     | a byte every ``ms``: the right answer's, or spaces without end      |
| none     | the right answer                                                    |

Spaces without end are the drip ``before`` executing; by default a drip is the right answer's.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Mode = Literal["latency", "status", "hang", "drop", "garbage", "types", "html", "redirect", "large", "drip", "none"]
When = Literal["before", "after"]

GARBAGE = bytes(range(256)) * 2
LARGE_CHUNK = b'"' + b"x" * 65_532 + b'",\n'


class FaultError(ValueError):
    """A fault was asked for in words that are not understood."""


@dataclass(slots=True)
class Fault:
    """One way to misbehave, and how many more requests it meets (None: all until it is taken away)."""

    mode: Mode
    ms: int = 0
    status: int | None = None
    headers: dict[str, str] | None = None
    bytes: int = 100_000_000
    paths: tuple[str, ...] = ()
    times: int | None = None
    when: When = "before"

    def matches(self, path: str) -> bool:
        """Say whether a request for ``path`` meets this fault."""
        return self.times != 0 and (not self.paths or path.startswith(self.paths))

    def use(self) -> None:
        """Count one request."""
        if self.times is not None:
            self.times -= 1

    def shown(self) -> dict[str, object]:
        """Return the fault as the JSON it was written in."""
        return asdict(self)


def read_faults(body: bytes) -> list[Fault]:
    """Read one fault or a list of them from JSON; raise FaultError with what is wrong."""
    try:
        given = json.loads(body)
    except ValueError as error:
        raise FaultError("A fault is a JSON object, such as {'mode': 'latency', 'ms': 200}.") from error
    items = given if isinstance(given, list) else [given]
    return [fault for fault in map(_read_fault, items) if fault.mode != "none"]


def read_habits(body: bytes, known: Mapping[str, int]) -> dict[str, int]:
    """Read changes of habits from JSON: whole numbers for names in ``known``; raise FaultError with what is wrong."""
    try:
        given = json.loads(body)
    except ValueError as error:
        raise FaultError("Habits are a JSON object of names and whole numbers.") from error
    if not isinstance(given, dict) or given.keys() - known.keys():
        raise FaultError(f"The habits of this server are: {', '.join(sorted(known)) or 'none'}.")
    if not all(_is_natural(value) and value is not None for value in given.values()):
        raise FaultError("A habit is a whole number, zero or more.")
    return given


def act_out(fault: Fault, app: ASGIApp, drop: Callable[[Scope], None]) -> ASGIApp:
    """Return an app that answers as ``fault`` says, executing by ``app`` first, afterwards or not at all."""

    async def acting(scope: Scope, receive: Receive, send: Send) -> None:
        if fault.mode == "latency":
            await _late(fault, app, scope, receive, send)
            return
        answer: list[Message] = []
        if fault.when == "after":
            await app(scope, receive, _collect(answer))
        match fault.mode:
            case "hang":
                await _until_gone(receive)
            case "drop":
                drop(scope)
            case "drip" if fault.when == "after":
                await _drip(answer, fault.ms, send)
            case "types":
                await _retyped(answer)(scope, receive, send)
            case _:
                await _answer(fault, scope)(scope, receive, send)

    return acting


async def _late(fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    if fault.when == "before":
        await asyncio.sleep(fault.ms / 1000)
        await app(scope, receive, send)
        return
    answer: list[Message] = []
    await app(scope, receive, _collect(answer))
    await asyncio.sleep(fault.ms / 1000)
    for message in answer:
        await send(message)


def _answer(fault: Fault, scope: Scope) -> Response:
    headers = fault.headers or {}
    match fault.mode:
        case "garbage":
            return Response(GARBAGE, fault.status or 200, headers, "application/json")
        case "html":
            page = "<!doctype html><title>Onderhoud</title><h1>Wij zijn zo terug</h1>"
            return HTMLResponse(page, fault.status or 200, headers)
        case "redirect":
            query = scope["query_string"].decode("latin-1")
            return RedirectResponse(scope["path"] + (f"?{query}" if query else ""), fault.status or 302, headers)
        case "large":
            return StreamingResponse(_large(fault.bytes), fault.status or 200, headers, "application/json")
        case "drip":
            return StreamingResponse(_spaces(fault.ms), fault.status or 200, headers, "application/json")
        case _:
            return Response(b"", fault.status or 503, headers)


def _retyped(answer: list[Message]) -> Response:
    """Answer what was answered, with every number as a text and every text as a number."""
    status = next(message["status"] for message in answer if message["type"] == "http.response.start")
    body = b"".join(message.get("body", b"") for message in answer)
    return Response(json.dumps(_swapped(json.loads(body or b"null"))), status, media_type="application/json")


def _swapped(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _swapped(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_swapped(item) for item in value]
    if isinstance(value, str):
        return len(value)
    return str(value) if isinstance(value, int | float) else value


async def _large(size: int) -> AsyncIterator[bytes]:
    yield b"[\n"
    sent = 2
    while sent + len(LARGE_CHUNK) + 3 < size:
        yield LARGE_CHUNK
        sent += len(LARGE_CHUNK)
    yield b'"' + b"x" * max(0, size - sent - 3) + b'"]'


async def _spaces(ms: int) -> AsyncIterator[bytes]:
    while True:
        yield b" "
        await asyncio.sleep(ms / 1000)


async def _drip(answer: list[Message], ms: int, send: Send) -> None:
    for message in answer:
        if message["type"] != "http.response.body":
            await send(message)
            continue
        for byte in message.get("body", b""):
            await send({"type": "http.response.body", "body": bytes((byte,)), "more_body": True})
            await asyncio.sleep(ms / 1000)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _collect(answer: list[Message]) -> Send:
    async def collect(message: Message) -> None:
        answer.append(message)

    return collect


def _read_fault(given: Any) -> Fault:
    known = {each.name for each in fields(Fault)}
    if not isinstance(given, dict) or "mode" not in given or given.keys() - known:
        raise FaultError(f"A fault has a mode and may have {', '.join(sorted(known - {'mode'}))}.")
    if given["mode"] not in get_args(Mode):
        raise FaultError(f"mode is one of {', '.join(get_args(Mode))}.")
    needs_answer = given["mode"] in {"drip", "types"}
    when = given.get("when", "after" if needs_answer else "before")
    if when not in get_args(When) or (given["mode"] == "types" and when == "before"):
        raise FaultError("when is before or after; types is always after, since it is an answer.")
    for number in ("ms", "status", "bytes", "times"):
        if not _is_natural(given.get(number, 0)):
            raise FaultError(f"{number} is a whole number, zero or more.")
    paths = given.get("paths") or ()
    prefixes = (paths,) if isinstance(paths, str) else tuple(paths)
    return Fault(**{**given, "when": when, "paths": prefixes})


def _is_natural(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0)
