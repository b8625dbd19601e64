"""The log of changes in Redis or Valkey: a stream whose ids are our numbers.

A stream and not publish-subscribe: whoever was away for a moment reads on where it stopped. A server that lost its data
begins a new log, with another epoch, which every replica notices.
"""

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from klantbeeld.store.change_log import GROUP, Head, Notice, read, written
from klantbeeld.store.translation import AsStoreError

if TYPE_CHECKING:
    from redis.asyncio import Redis

PREFIX = "klantbeeld:changes"
EPOCH, NEWEST, STREAM = f"{PREFIX}:epoch", f"{PREFIX}:newest", f"{PREFIX}:stream"
MOST = 100_000  # notices that the stream keeps, about; a replica that missed more distrusts all that it holds

# One step, so that a notice is in the stream before a later number is given out.
APPEND = f"""
redis.call('SET', KEYS[1], ARGV[1], 'NX')
local number = redis.call('INCR', KEYS[2])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', {MOST}, number .. '-0', 'notice', ARGV[2])
return number
"""
HEAD = """
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])}
"""


class RedisChangeLog:
    """The log in one server; lives as long as the app. `look_anyway_every` is in seconds."""

    def __init__(self, client: "Redis", waiting: "Redis", *, look_anyway_every: float) -> None:
        self._client = client
        self._waiting = waiting
        self._milliseconds = max(1, int(look_anyway_every * 1000))

    async def append(self, notice: Notice) -> int:
        """Add a notice."""
        with AsStoreError("writing"):
            number = await self._eval(APPEND, 3, EPOCH, NEWEST, STREAM, secrets.token_bytes(8), written(notice))
        return int(number)

    def appending(self, notice: Notice) -> None:
        """Give nothing: no transaction of the store reaches Redis."""

    async def after(self, number: int) -> Sequence[tuple[int, Notice]]:
        """Read what follows a number."""
        with AsStoreError("reading"):
            found: Any = await self._client.xrange(STREAM, min=f"({number}-0", max="+", count=GROUP)
        return [(int(entry.partition(b"-")[0]), read(fields[b"notice"])) for entry, fields in found]

    async def head(self) -> Head:
        """Tell where the log stands."""
        with AsStoreError("reading"):
            epoch, newest = await self._eval(HEAD, 2, EPOCH, NEWEST, secrets.token_bytes(8))
        return Head(epoch, int(newest or 0))

    async def wait(self, number: int) -> None:
        """Wait until there may be something after a number."""
        with AsStoreError("listening for changes"):
            await self._waiting.xread({STREAM: f"{number}-0"}, count=1, block=self._milliseconds)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
        await self._waiting.aclose()

    async def _eval(self, script: str, keys: int, *given: Any) -> Any:
        return await self._client.eval(script, keys, *given)
