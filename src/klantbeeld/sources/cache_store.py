"""Where cached values lie: behind aiocache's interface, in memory with a bound or (`cache_redis`) in a server.

Keys are keyed hashes; values are bytes. What cannot be read is not there: a cache that fails costs a call to the
source, never an answer. A server that is out of reach is left alone for a moment, so that nobody waits for it twice.

Of aiocache come the interface, the back end for Redis, the place of serialisers, and `add`, by which one replica of
many asks again for a stale value. Its RedLock is not used: between processes it does not wait.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog
from aiocache.base import BaseCache
from aiocache.serializers import NullSerializer

OVERHEAD: Final = 200  # bytes that an entry takes beside its key and its value, about
LEFT_ALONE: Final = 1.0  # seconds after a failure

log = structlog.get_logger(__name__)


class BoundedMemory(BaseCache):  # type: ignore[misc]  # aiocache has no types
    """Values in this process: at most so many bytes, the one used longest ago goes first. `clock` is in seconds."""

    NAME = "bounded-memory"

    def __init__(self, max_bytes: int, *, clock: Callable[[], float]) -> None:
        super().__init__(serializer=NullSerializer(), timeout=None)
        self.size = 0
        self._max_bytes = max_bytes
        self._clock = clock
        self._kept: OrderedDict[str, tuple[bytes, float]] = OrderedDict()

    async def _get(self, key: str, encoding: str | None = None, _conn: object = None) -> bytes | None:  # noqa: ARG002 - aiocache's
        return self._good(key)

    async def _multi_get(self, keys: Sequence[str], **_: object) -> list[bytes | None]:
        return [self._good(key) for key in keys]

    async def _set(self, key: str, value: bytes, ttl: float, _cas_token: object = None, _conn: object = None) -> bool:
        self._drop(key)
        self._kept[key] = (value, self._clock() + ttl)
        self.size += OVERHEAD + len(key) + len(value)
        while self.size > self._max_bytes:
            self._drop(next(iter(self._kept)))
        return True

    async def _multi_set(self, pairs: Sequence[tuple[str, bytes]], ttl: float, _conn: object = None) -> bool:
        for key, value in pairs:
            await self._set(key, value, ttl)
        return True

    async def _add(self, key: str, value: bytes, ttl: float, _conn: object = None) -> bool:
        if self._good(key) is not None:
            raise ValueError(key)
        return await self._set(key, value, ttl)

    async def _delete(self, key: str, _conn: object = None) -> int:
        return self._drop(key)

    def _good(self, key: str) -> bytes | None:
        found = self._kept.get(key)
        if found is None:
            return None
        if found[1] <= self._clock():
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return found[0]

    def _drop(self, key: str) -> int:
        found = self._kept.pop(key, None)
        if found is None:
            return 0
        self.size -= OVERHEAD + len(key) + len(found[0])
        return 1


class CacheStore:
    """The port: what is kept by key, for so long; lives as long as the app."""

    def __init__(self, cache: BaseCache, *, clock: Callable[[], float]) -> None:
        self._cache = cache
        self._clock = clock
        self._alone_until = float("-inf")

    async def look(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        """Return what there is of some keys."""
        if not self._is_reachable:
            return {}
        try:
            found = await self._cache.multi_get(keys)
        except Exception as error:  # noqa: BLE001 - whatever its server does, the sources can be asked
            self._leave_alone(error)
            return {}
        return {key: value for key, value in zip(keys, found, strict=True) if value is not None}

    async def keep(self, values: Mapping[str, bytes], seconds: float) -> None:
        """Keep values for some seconds."""
        if not self._is_reachable or not values:
            return
        try:
            await self._cache.multi_set(list(values.items()), ttl=float(seconds))
        except Exception as error:  # noqa: BLE001 - as above
            self._leave_alone(error)

    async def is_first(self, key: str, seconds: float) -> bool:
        """Say whether nobody else said this of a key within some seconds, on any replica that shares the cache."""
        try:
            await self._cache.add(f"{key}:again", b"1", ttl=float(seconds))
        except ValueError:
            return False
        except Exception as error:  # noqa: BLE001 - as above
            self._leave_alone(error)
        return True

    async def aclose(self) -> None:
        """Close its connections."""
        if (client := getattr(self._cache, "client", None)) is not None:
            await client.aclose()

    @property
    def _is_reachable(self) -> bool:
        return self._clock() >= self._alone_until

    def _leave_alone(self, error: Exception) -> None:
        self._alone_until = self._clock() + LEFT_ALONE
        log.warning("cache_failed", error=error)
