"""The trail's lifetime: opened with the app, closed with it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from klantbeeld.access.trail import Clock, Trail
from klantbeeld.access.trail_check import heads
from klantbeeld.access.trail_tables import open_appender
from klantbeeld.errors import Overloaded, StoreError
from klantbeeld.settings import TrailSettings
from klantbeeld.store import Store

log = structlog.get_logger(__name__)


@asynccontextmanager
async def open_trail(store: Store, *, key: bytes, clock: Clock, settings: TrailSettings) -> AsyncIterator[Trail]:
    """Open this process's chain, and close it, with all that waits written, before the store.

    Raises StoreError when the store does not take it and the trail is required, ConfigurationError for a short key.
    """
    async with open_appender(store) as appender:
        trail = Trail(appender, key=key, clock=clock, settings=settings)
        try:
            await _start(trail, store, settings)
            yield trail
        finally:
            await trail.stop()


async def _start(trail: Trail, store: Store, settings: TrailSettings) -> None:
    try:
        await trail.start(await heads(store))
    except Overloaded as error:
        if settings.required:
            raise StoreError("the trail cannot be written") from error
        log.warning("trail_not_written", entries=1)
