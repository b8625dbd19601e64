"""All acceptance tests over gateways that cache: `KLANTBEELD_TEST_CACHE=60 pytest tests/acceptance` keeps for a minute.

A test begins with the systems as they were at their start, which no source tells anybody; so before each one everything
that was kept is evicted, as a webhook would. Tests that change a system, or take it away, and expect to see it at once
say so with `live_only`.
"""

import asyncio
import os
from datetime import UTC, datetime

import pytest

from klantbeeld.settings import Settings
from klantbeeld.store import open_store
from klantbeeld.store.change_log import Notice
from klantbeeld.store.stored_changes import Pace, StoredChangeLog
from klantbeeld.store.transactions import open_transactions

AGE = os.environ.get("KLANTBEELD_TEST_CACHE", "")

live_only = pytest.mark.skipif(bool(AGE), reason="what it changes behind the gateway is seen when a value is over")


def with_cache(settings: str) -> str:
    """Let values be kept, consents too, where the tests are run so and the settings say nothing of it themselves."""
    if not AGE or "[cache]" in settings:
        return settings
    return f"{settings}\n[cache]\nmax_age = {AGE}\n\n[cache.kinds.consent]\nmax_age = {AGE}\n"


def evict_all(settings: Settings) -> None:
    """Evict everything that a gateway keeps, as if each source had told of a change of nobody by name."""
    if AGE:
        asyncio.run(_evict_all(settings))


async def _evict_all(settings: Settings) -> None:
    pace = Pace(keep=3_600, look_every=1, look_anyway_every=1)
    async with open_store(settings.store) as store, open_transactions(store) as transactions:
        log = StoredChangeLog(store, transactions, now=lambda: datetime.now(UTC), pace=pace)
        for source in settings.sources:
            await log.append(Notice(source=source, key=b"", at=datetime.now(UTC), how="WEBHOOK"))
        await log.aclose()
