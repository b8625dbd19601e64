"""An empty map, once with each database, under a clock that the test moves."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from klantbeeld.identity.blind_index import KeyRing
from klantbeeld.identity.stored_map import StoredIdentityMap
from klantbeeld.settings import StoreSettings
from klantbeeld.store import Store, open_store


@pytest.fixture
def moments() -> list[datetime]:
    """Give the moments that the clock shows: the last one."""
    return [datetime(2026, 11, 23, 9, 0, tzinfo=UTC)]


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing(b"k" * 32, 1)


@pytest_asyncio.fixture
async def store(migrated_url: str) -> AsyncIterator[Store]:
    async with open_store(StoreSettings(url=migrated_url, timeout=30)) as store:
        yield store


@pytest.fixture
def identity(store: Store, ring: KeyRing, moments: list[datetime]) -> StoredIdentityMap:
    return StoredIdentityMap(store, ring, clock=lambda: moments[-1])
