"""Opening the log of changes where the settings keep it, and this replica's part of it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from klantbeeld.settings import Settings
from klantbeeld.sources.changes import Changes
from klantbeeld.store import Store
from klantbeeld.store.change_log import ChangeLog
from klantbeeld.store.redis_changes import RedisChangeLog
from klantbeeld.store.redis_server import open_redis
from klantbeeld.store.stored_changes import Pace, StoredChangeLog
from klantbeeld.store.transactions import Transactions


@asynccontextmanager
async def open_changes(
    settings: Settings, store: Store, transactions: Transactions, *, secret: bytes, now: Callable[[], datetime]
) -> AsyncIterator[Changes]:
    """Give this replica's part while it follows the log. Raises ConfigurationError or StoreError."""
    log = open_log(settings, store, transactions, now=now)
    changes = Changes(log, secret=secret, now=now, max_waiting=settings.changes.max_waiting)
    try:
        await changes.start()
        yield changes
    finally:
        await changes.stop()


def open_log(settings: Settings, store: Store, transactions: Transactions, *, now: Callable[[], datetime]) -> ChangeLog:
    """Open the log that all replicas with these settings share."""
    chosen = settings.changes
    if chosen.log == "redis":
        client = open_redis(settings.redis, where="changes.log")
        waiting = open_redis(settings.redis, where="changes.log", patience=chosen.look_anyway_every)
        return RedisChangeLog(client, waiting, look_anyway_every=chosen.look_anyway_every)
    pace = Pace(keep=chosen.keep, look_every=chosen.look_every, look_anyway_every=chosen.look_anyway_every)
    return StoredChangeLog(store, transactions, now=now, pace=pace, wait=settings.store.timeout)
