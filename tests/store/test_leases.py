"""Leases."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from klantbeeld.settings import StoreSettings
from klantbeeld.store import Lease, Store, acquire_lease, is_held, open_store, release_lease, renew_lease

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TTL = timedelta(seconds=30)
LATER = NOW + timedelta(seconds=31)


@pytest_asyncio.fixture
async def store(migrated_url: str) -> AsyncIterator[Store]:
    async with open_store(StoreSettings(url=migrated_url)) as store:
        yield store


async def _acquire(store: Store, holder: str, now: datetime = NOW) -> Lease | None:
    return await acquire_lease(store, "work", holder=holder, ttl=TTL, now=now)


@pytest.mark.asyncio
async def test_a_free_lease_is_given(store: Store) -> None:
    assert await _acquire(store, "one") == Lease("work", "one", 1, NOW + TTL)


@pytest.mark.asyncio
async def test_a_lease_that_is_held_is_not_given_again_not_even_to_its_holder(store: Store) -> None:
    await _acquire(store, "one")
    assert await _acquire(store, "other") is None
    assert await _acquire(store, "one") is None


@pytest.mark.asyncio
async def test_other_work_has_a_lease_of_its_own(store: Store) -> None:
    await _acquire(store, "one")
    assert await acquire_lease(store, "other work", holder="other", ttl=TTL, now=NOW) is not None


@pytest.mark.asyncio
async def test_a_lease_that_ran_out_changes_hands_with_a_larger_token(store: Store) -> None:
    first = await _acquire(store, "one")
    second = await _acquire(store, "other", LATER)
    assert first is not None
    assert second is not None
    assert second.token > first.token


@pytest.mark.asyncio
async def test_a_renewed_lease_holds_for_longer(store: Store) -> None:
    first = await _acquire(store, "one")
    assert first is not None
    renewed = await renew_lease(store, first, ttl=TTL, now=NOW + timedelta(seconds=20))
    assert renewed == Lease("work", "one", first.token, NOW + timedelta(seconds=50))
    assert await _acquire(store, "other", LATER) is None


@pytest.mark.asyncio
async def test_a_lease_that_ran_out_is_not_renewed(store: Store) -> None:
    first = await _acquire(store, "one")
    assert first is not None
    assert await renew_lease(store, first, ttl=TTL, now=LATER) is None


@pytest.mark.asyncio
async def test_a_released_lease_is_free_at_once_and_its_token_goes_on_growing(store: Store) -> None:
    first = await _acquire(store, "one")
    assert first is not None
    await release_lease(store, first, now=NOW)
    second = await _acquire(store, "other")
    assert second is not None
    assert second.token == first.token + 1


@pytest.mark.asyncio
async def test_a_holder_that_comes_back_cannot_release_its_successors_lease(store: Store) -> None:
    first = await _acquire(store, "one")
    await _acquire(store, "other", LATER)
    assert first is not None
    await release_lease(store, first, now=LATER)
    assert await _acquire(store, "third", LATER) is None


@pytest.mark.asyncio
async def test_a_holder_that_comes_back_sees_in_its_transaction_that_the_lease_is_lost(store: Store) -> None:
    first = await _acquire(store, "one")
    second = await _acquire(store, "other", LATER)
    assert first is not None
    assert second is not None
    async with store.write() as connection:
        assert not await is_held(connection, first, now=LATER)
        assert await is_held(connection, second, now=LATER)


@pytest.mark.asyncio
async def test_of_many_replicas_one_gets_the_lease(migrated_url: str) -> None:
    settings = StoreSettings(url=migrated_url, timeout=30)
    async with open_store(settings) as one, open_store(settings) as other:
        given = await asyncio.gather(*(_acquire(store, str(n)) for n in range(8) for store in (one, other)))
    assert len([lease for lease in given if lease is not None]) == 1
