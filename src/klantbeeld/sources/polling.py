"""Polling: asks sources that tell nothing of themselves what changed since the last time.

One replica does it for each source, under a lease. Nothing is written down of how far it came: whoever takes over
begins as far back as anything can be cached. What is told twice evicts twice, which hurts nobody.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from klantbeeld.errors import StoreError
from klantbeeld.sdk.hooks import Changed
from klantbeeld.sources.context import CallContext, Priority
from klantbeeld.sources.feeds import Feeds
from klantbeeld.sources.questions import Question, SourceState
from klantbeeld.sources.source import Source
from klantbeeld.store import Lease, Store, acquire_lease, release_lease, renew_lease

CAPABILITY = "changes"
MOST_SEEN = 20_000  # versions of records that are known again

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often a source is asked, how far each question reaches back before the last, and where the first begins.

    All in seconds.
    """

    every: float
    overlap: float
    reach: float


@dataclass(slots=True)
class Poller:
    """Polls one source; lives as long as the app. `now` is in UTC, `clock` the loop's time."""

    source: Source
    feeds: Feeds
    store: Store
    rhythm: Rhythm
    now: Callable[[], datetime]
    clock: Callable[[], float]
    holder: str = field(default_factory=lambda: str(uuid4()))
    _lease: Lease | None = None
    _since: datetime | None = None
    _seen: dict[tuple[str, str | None], None] = field(default_factory=dict)

    async def run(self) -> None:
        """Poll for ever."""
        while True:
            try:
                await self.poll()
            except StoreError as error:
                log.warning("store_failed", error=error)
            await asyncio.sleep(self.rhythm.every)

    async def poll(self) -> int:
        """Ask once, if this replica is the one that does; returns how many customers changed. Raises StoreError."""
        if not await self._holds():
            self._since = None
            self._seen.clear()
            return 0
        began = self.now()
        since = self._since or began - timedelta(seconds=self.rhythm.reach)
        question = Question({}, {CAPABILITY: frozenset()}, {"since": since}, everything=True)
        deadline = self.clock() + self.source.settings.timeout * 2
        outcome = await self.source.ask(question, CallContext(deadline, Priority.BACKGROUND))
        if outcome.state is not SourceState.OK:  # asked again from the same moment on
            log.warning(
                "source_failed", source=self.source.name, code=outcome.problem.code if outcome.problem else None
            )
            return 0
        found = [record for records in outcome.records[CAPABILITY].values() for record in records]
        new = {(record.record_id, record.version): None for record in found}
        fresh = [identity for identity in new if identity not in self._seen or identity[1] is None]
        changed = [Changed(record_id) for record_id in dict.fromkeys(record_id for record_id, _ in fresh)]
        if not outcome.complete:
            changed.append(Changed(None))
        await self.feeds.tell(self.source.name, changed, how="POLL")
        self._remember(new)
        self._since = began - timedelta(seconds=self.rhythm.overlap)
        return len(changed)

    async def stop(self) -> None:
        """Give the lease back, so that another replica goes on at once."""
        if self._lease is not None:
            await release_lease(self.store, self._lease, now=self.now())

    async def _holds(self) -> bool:
        ttl = timedelta(seconds=3 * self.rhythm.every)
        if self._lease is not None:
            self._lease = await renew_lease(self.store, self._lease, ttl=ttl, now=self.now())
        if self._lease is None:
            name = f"poll:{self.source.name}"
            self._lease = await acquire_lease(self.store, name, holder=self.holder, ttl=ttl, now=self.now())
            self._since = None
        return self._lease is not None

    def _remember(self, new: dict[tuple[str, str | None], None]) -> None:
        self._seen |= new
        while len(self._seen) > MOST_SEEN:
            del self._seen[next(iter(self._seen))]
