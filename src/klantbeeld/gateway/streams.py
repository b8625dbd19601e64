"""Answers in parts that are under way: how many at most, and their end when the gateway stops."""

import asyncio
from typing import Final

from klantbeeld.errors import Overloaded

RETRY_AFTER: Final = 5


class Streams:
    """Places for streams, one each while it is under way; lives as long as the app."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: set[asyncio.Future[None]] = set()
        self._is_closing = False

    def __len__(self) -> int:
        """How many are under way."""
        return len(self._open)

    def take(self) -> asyncio.Future[None]:
        """Take a place: a future that is done when what has no end must end. Raises Overloaded where none is left."""
        if self._is_closing or len(self._open) >= self._most:
            raise Overloaded("no place for a further stream", retry_after=RETRY_AFTER)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._open.add(place)
        return place

    def give_back(self, place: asyncio.Future[None]) -> None:
        """Give a place back; the stream has ended."""
        self._open.discard(place)
        place.cancel()

    def close(self) -> None:
        """Tell all streams to end, and take no more; for the app's shutdown."""
        self._is_closing = True
        for place in self._open:
            if not place.done():
                place.set_result(None)
