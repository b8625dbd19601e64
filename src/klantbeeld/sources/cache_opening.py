"""Opening the cache where the settings ask for one; aiocache is imported then and not before, because it is heavy."""

import base64
import hmac
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from pydantic import SecretStr

from klantbeeld.errors import ConfigurationError
from klantbeeld.settings import Secret, Settings
from klantbeeld.sources.cached import Sharing
from klantbeeld.sources.changes import Changes
from klantbeeld.store.redis_server import open_redis

KEY_BYTES = 32
KEY = "cache.key"


@asynccontextmanager
async def open_cache(
    settings: Settings,
    changes: Changes,
    *,
    secret: bytes,
    now: Callable[[], datetime],
    read: Callable[[Secret, str], SecretStr],
) -> AsyncIterator[Sharing | None]:
    """Give what the cached reads of all sources have in common; None where nothing is kept.

    `secret` is one that all replicas have, and `read` reads a secret of the settings. Raises ConfigurationError.
    """
    chosen = settings.cache
    if not chosen.is_on:
        yield None
        return
    from klantbeeld.sources.cache_store import BoundedMemory, CacheStore  # noqa: PLC0415  # aiocache: see above

    if chosen.backend == "redis":
        from klantbeeld.sources.cache_redis import OverRedis  # noqa: PLC0415  # as above

        client = open_redis(settings.redis, where="cache.backend")
        store = CacheStore(OverRedis(client, key_of(read(chosen.key, KEY))), clock=time.monotonic)
    else:
        store = CacheStore(BoundedMemory(chosen.max_bytes, clock=time.monotonic), clock=time.monotonic)
    names = hmac.digest(secret, b"klantbeeld names of cached values", "sha256")
    try:
        yield Sharing(store=store, changes=changes, ages_of=chosen.ages_of, secret=names, now=now)
    finally:
        await store.aclose()


def key_of(secret: SecretStr) -> bytes:
    """Decode the key; raises ConfigurationError for one that is not base64, or too short."""
    mend = "Make one with: openssl rand -base64 32"
    try:
        key = base64.b64decode(secret.get_secret_value(), validate=True)
    except ValueError as error:
        raise ConfigurationError(KEY, "is not base64", mend) from error
    if len(key) < KEY_BYTES:
        raise ConfigurationError(KEY, f"is shorter than {KEY_BYTES} bytes", mend)
    return key
