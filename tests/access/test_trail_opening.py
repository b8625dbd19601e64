"""The trail's lifetime."""

from typing import Any

import pytest
from sqlalchemy import text

from klantbeeld.access.trail_chain import Entry
from klantbeeld.access.trail_check import check_trail
from klantbeeld.access.trail_opening import open_trail
from klantbeeld.errors import StoreError
from klantbeeld.settings import StoreSettings, TrailSettings
from klantbeeld.store import Store, open_store

pytestmark = pytest.mark.asyncio(loop_scope="function")

KEY = bytes(range(32))


async def break_trail(store: Store) -> None:
    async with store.write() as connection:
        await connection.execute(text("DROP TABLE trail_heads"))


async def test_closing_writes_what_waits_and_the_next_process_goes_on(store_url: str, clock: Any) -> None:
    async with open_store(StoreSettings(url=store_url)) as store:
        for _ in range(3):
            async with open_trail(store, key=KEY, clock=clock, settings=TrailSettings()) as trail:
                trail.record(Entry(at=trail.now(), act="READ"))
        found = await check_trail(store, key=KEY)
    assert (found.chains, found.entries, found.flaws) == (3, 6, ())


async def test_a_gateway_whose_trail_is_required_does_not_start_without_it(store_url: str, clock: Any) -> None:
    async with open_store(StoreSettings(url=store_url)) as store:
        await break_trail(store)
        with pytest.raises(StoreError):
            async with open_trail(store, key=KEY, clock=clock, settings=TrailSettings()):
                pass


async def test_a_gateway_whose_trail_is_not_required_starts_without_it(store_url: str, clock: Any) -> None:
    async with open_store(StoreSettings(url=store_url)) as store:
        await break_trail(store)
        async with open_trail(store, key=KEY, clock=clock, settings=TrailSettings(required=False)) as trail:
            trail.check()
        assert trail.lost == 1
