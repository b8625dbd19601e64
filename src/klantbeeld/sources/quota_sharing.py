"""Sharing quotas: replicas tell each other of pauses, and how many they are, through the store."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Protocol
from uuid import uuid4

import structlog

from klantbeeld.errors import StoreError
from klantbeeld.sources.quota import Quota
from klantbeeld.sources.quota_ledger import Shared, StoredLedger
from klantbeeld.sources.source import Source, loop_clock
from klantbeeld.store import Store

# A replica that was not heard of for so many rounds is up no more.
ROUNDS = 5

# Seconds between rounds where there are no sources.
IDLE = 60.0

log = structlog.get_logger(__name__)


class Sharing(Protocol):
    """What replicas share; the stored ledger is one."""

    async def share(
        self, replica: str, pauses: Mapping[str, datetime], *, now: datetime, ttl: timedelta | None
    ) -> Shared:
        """Tell, and learn. Raises StoreError."""

    async def leave(self, replica: str) -> None:
        """Say good-bye. Raises StoreError."""


class QuotaSharing:
    """The rounds of one replica; lives as long as the app. `every` is in seconds.

    A replica is counted only where a source has a rate, which is divided by their number.
    """

    def __init__(
        self,
        quotas: Mapping[str, Quota],
        ledger: Sharing,
        *,
        replica: str,
        every: float,
        now: Callable[[], datetime],
        clock: Callable[[], float],
    ) -> None:
        self._quotas = quotas
        self._ledger = ledger
        self._replica = replica
        self._every = every
        self._now = now
        self._clock = clock
        self._counts_replicas = any(quota.has_rate for quota in quotas.values())
        self._told: dict[str, float] = {}
        self._news = asyncio.Event()
        for quota in quotas.values():
            quota.heard = self._news.set

    async def round(self) -> None:
        """Tell what is new, and take over what others told; while the store is down everybody is alone."""
        now, here = self._now(), self._clock()
        fresh = {
            name: quota.paused_until
            for name, quota in self._quotas.items()
            if quota.paused_until > max(here, self._told.get(name, here))
        }
        pauses = {name: now + timedelta(seconds=until - here) for name, until in fresh.items()}
        ttl = timedelta(seconds=self._every * ROUNDS) if self._counts_replicas else None
        try:
            shared = await self._ledger.share(self._replica, pauses, now=now, ttl=ttl)
        except StoreError as error:
            log.warning("store_failed", error=error)
            return
        self._told |= fresh
        for name, quota in self._quotas.items():
            quota.replicas = max(shared.replicas, 1)
            if name in shared.pauses:
                until = here + (shared.pauses[name] - now).total_seconds()
                quota.pause_until(until)
                self._told[name] = max(self._told.get(name, until), until)

    async def run(self) -> None:
        """Go round until cancelled: every so many seconds, and at once when a source asks for a pause."""
        while True:
            await self.round()
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    await self._news.wait()

    async def leave(self) -> None:
        """Say that this replica is up no more."""
        if self._counts_replicas:
            with contextlib.suppress(StoreError):
                await self._ledger.leave(self._replica)


@asynccontextmanager
async def shared_quotas(
    sources: Mapping[str, Source], store: Store, *, now: Callable[[], datetime]
) -> AsyncIterator[None]:
    """Let sources share their quotas with all replicas on a store, as long as the block."""
    ledger = StoredLedger(store)
    quotas = {name: source.chain.quota for name, source in sources.items()}
    for quota in quotas.values():
        quota.ledger = ledger
    every = min((source.settings.quota.share_every for source in sources.values()), default=IDLE)
    sharing = QuotaSharing(quotas, ledger, replica=uuid4().hex, every=every, now=now, clock=loop_clock)
    running = asyncio.create_task(sharing.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait({running})
        await sharing.leave()
