"""An answer in parts, in the order in which they come: masked, kept alive, ended properly whatever happens.

Works on the parts alone; how they are written is `incremental.py` (HTTP) and `sockets.py` (WebSocket).
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from klantbeeld.errors import KlantbeeldError
from klantbeeld.gateway.errors import Refusal, mask_errors, shown
from klantbeeld.gateway.ports import Part
from klantbeeld.settings import Language

AnyPart = TypeVar("AnyPart")
Failed = Callable[[BaseException], None]


class Beat:
    """Stands between parts: nothing came for a while, and the connection is to be kept open."""


BEAT: Final = Beat()


async def complete(
    parts: AsyncIterator[Part], *, until: float, language: Language, failed: Failed
) -> AsyncGenerator[dict[str, Any], None]:
    """Hand on the parts of `@defer` and `@stream`, masked; the last one always says `hasNext: false`.

    What is pending when the time is over (`until`, in the loop's time) or something breaks is completed with an error,
    as the format demands. `failed` hears of exceptions that are not of our tree.
    """
    pending: list[str] = []
    async with closed_at_the_end(parts):
        try:
            while (part := await _next(parts, until)) is not None:
                _follow(pending, part)
                yield mask_part(part, language)
                if part.get("hasNext") is False:
                    return
            error: Exception = Refusal("INTERNAL_ERROR", status=500)
        except TimeoutError:
            error = Refusal("DEADLINE_EXCEEDED", status=504)
        except Exception as raised:  # noqa: BLE001 - a broken part must not break the frame around it
            error = _reported(raised, failed)
        yield {"completed": [{"id": one, "errors": [shown(error, language)]} for one in pending], "hasNext": False}


async def events(
    parts: AsyncIterator[Part], *, until: float | None, language: Language, failed: Failed
) -> AsyncGenerator[dict[str, Any], None]:
    """Hand on the events of a subscription, masked; when the token ends (`until`) or something breaks, one error."""
    async with closed_at_the_end(parts):
        try:
            while (part := await _next(parts, until)) is not None:
                yield mask_part(part, language)
        except TimeoutError:
            error: Exception = Refusal("TOKEN_EXPIRED", status=401)
        except Exception as raised:  # noqa: BLE001 - a broken part must not break the frame around it
            error = _reported(raised, failed)
        else:
            return
        yield {"errors": [shown(error, language)]}


async def with_beats(parts: AsyncIterator[Part], *, every: float) -> AsyncGenerator[Part | Beat, None]:
    """Hand on parts, with BEAT between them where none came for `every` seconds."""
    coming: asyncio.Task[Part | None] | None = None
    async with closed_at_the_end(parts):
        try:
            while True:
                coming = coming or asyncio.create_task(_next(parts, None))
                if not (await asyncio.wait({coming}, timeout=every))[0]:
                    yield BEAT
                    continue
                part, coming = coming.result(), None
                if part is None:
                    return
                yield part
        finally:
            if coming is not None:
                coming.cancel()
                await asyncio.wait({coming})


def mask_part(part: Part, language: Language) -> dict[str, Any]:
    """Mask the errors of a part: its own, those of its increments, and those of what it completes."""
    masked = dict(part)
    if masked.get("errors"):
        masked["errors"] = mask_errors(masked["errors"], language)
    for name in ("incremental", "completed"):
        if masked.get(name):
            masked[name] = [mask_part(entry, language) for entry in masked[name]]
    return masked


def has_errors(part: Part) -> bool:
    """Tell whether a part says errors: its own, of an increment, or of what it completes."""
    return bool(part.get("errors")) or any(
        entry.get("errors") for name in ("incremental", "completed") for entry in part.get(name) or ()
    )


@asynccontextmanager
async def closed_at_the_end(parts: AsyncIterator[Any]) -> AsyncIterator[None]:
    """Close an iterator that can be closed, however its reader ends: what feeds it must not go on for nobody."""
    try:
        yield
    finally:
        close = getattr(parts, "aclose", None)
        if close is not None:
            await close()


async def _next(parts: AsyncIterator[AnyPart], until: float | None) -> AnyPart | None:
    async with asyncio.timeout_at(until):
        return await anext(parts, None)


def _follow(pending: list[str], part: Part) -> None:
    """Keep the ids that were announced and are not completed yet."""
    pending.extend(one["id"] for one in part.get("pending") or ())
    for one in part.get("completed") or ():
        if one["id"] in pending:
            pending.remove(one["id"])


def _reported(error: Exception, failed: Failed) -> Exception:
    if not isinstance(error, KlantbeeldError):
        failed(error)
    return error
