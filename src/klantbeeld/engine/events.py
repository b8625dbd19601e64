"""Events of a subscription: what happens is kept until its subscriber takes it, and each event is an answer of its own.

A subscriber may be slower than what happens. Then what waits is told as one, and what is more than may wait is dropped
and said to be missing; nothing grows.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

Part = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Happened:
    """What happened since the last event, in its order; `has_missed` says that there was more."""

    events: tuple[Any, ...]
    has_missed: bool = False


class Waiting:
    """Keeps what a feed tells; lives as long as one subscription, and has to be closed.

    At most the last `most` are kept. `gather` is for how many seconds more is awaited after the first.
    """

    def __init__(self, feed: AsyncIterator[Any], *, most: int, gather: float) -> None:
        self._feed = feed
        self._gather = gather
        self._kept: deque[Any] = deque(maxlen=most)
        self._has_missed = False
        self._something = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def take(self) -> Happened | None:
        """Wait for something, and take all that there is; None when the feed has ended. Raises what the feed raised."""
        while not self._kept:
            if self._reading.done():
                self._reading.result()
                return None
            self._something.clear()
            await self._something.wait()
        if self._gather:
            await asyncio.sleep(self._gather)
        happened = Happened(tuple(self._kept), self._has_missed)
        self._kept.clear()
        self._has_missed = False
        return happened

    async def close(self) -> None:
        """Listen no more; may be called again."""
        self._reading.cancel()
        await asyncio.wait({self._reading})

    async def _read(self) -> None:
        try:
            async for event in self._feed:
                self._has_missed |= len(self._kept) == self._kept.maxlen
                self._kept.append(event)
                self._something.set()
        finally:
            self._something.set()
            close = getattr(self._feed, "aclose", None)
            if close is not None:
                await close()


@dataclass(slots=True)
class Events:
    """The events of one subscription, for the gateway; `answer` gives the answer to what happened, None for none."""

    waiting: Waiting
    answer: Callable[[Happened], Awaitable[Part | None]]
    document: str
    is_live: bool = True

    def __aiter__(self) -> "Events":
        """Give itself."""
        return self

    async def __anext__(self) -> Part:
        """Give the next event."""
        while (happened := await self.waiting.take()) is not None:
            part = await self.answer(happened)
            if part is not None:
                return part
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Listen no more; may be called again."""
        await self.waiting.close()


class NothingHappens:
    """Tells of nothing; for an engine without a feed."""

    def of(self, subject: str, /) -> AsyncIterator[Any]:
        """Give what never tells."""
        return _never(subject)


async def _never(_: str) -> AsyncIterator[Any]:
    await asyncio.Event().wait()
    yield None  # makes it an iterator
