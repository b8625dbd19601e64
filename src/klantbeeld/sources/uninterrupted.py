"""Uninterrupted: what must come to its end though whoever waits for it goes away, such as a write that was sent."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def seen(ended: asyncio.Future[Any]) -> None:
    """Look at how something ended of which nobody may want to know any more; else the loop would speak of it."""
    if not ended.cancelled():
        ended.exception()


async def uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; a cancellation is held back until then, and raised in place of what came of it.

    Whatever has to be known of the outcome then is kept by the work itself, which also bounds its own time.
    """
    task = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        seen(task)
        raise cancelled
    return task.result()
