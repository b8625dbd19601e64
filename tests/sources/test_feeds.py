"""Change feeds: what sources tell, and are asked, evicts and is told on."""

import asyncio
import hmac
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.sources.shop import NOW

from klantbeeld.errors import HookRefused, StoreError
from klantbeeld.sdk.hooks import Changed, Delivery, Hook, Secrets, prove
from klantbeeld.sources.changes import Changes
from klantbeeld.sources.feeds import Feed, Feeds
from klantbeeld.sources.subscribers import Change
from klantbeeld.store.change_log import Head, MemoryChangeLog

pytestmark = pytest.mark.asyncio

ANNA, BRAM = "019ab000-0000-7000-8000-000000000001", "019ab000-0000-7000-8000-000000000002"
SECRETS = {"word": "s3cret"}


def read(delivery: Delivery, secrets: Secrets) -> Iterable[Changed]:
    """Read a list of the source's customers, or of nobody's."""
    prove(delivery.body, secrets["word"].encode(), given=delivery.headers.get("x-sig", ""))
    for customer in delivery.decoded(list[str | None]):
        yield Changed(customer, ("invoices",))


HOOK = Hook(("word",), read)


def signed(body: bytes) -> dict[str, str]:
    return {"x-sig": hmac.digest(b"s3cret", body, "sha256").hex()}


@dataclass
class Map:
    """Knows two customers of the shop."""

    known: Mapping[tuple[str, str], str] = field(
        default_factory=lambda: {("shop", "a"): ANNA, ("shop", "a2"): ANNA, ("shop", "b"): BRAM}
    )

    async def by_references(self, references: Collection[tuple[str, str]]) -> Mapping[Any, str]:
        return {one: self.known[one] for one in references if one in self.known}


@dataclass
class Here:
    feeds: Feeds
    changes: Changes
    log: MemoryChangeLog
    moment: list[datetime]

    async def take(self, body: bytes, *, headers: Mapping[str, str] | None = None, source: str = "shop") -> bool:
        return await self.feeds.take(source, headers=signed(body) if headers is None else headers, query={}, body=body)


@asynccontextmanager
async def feeds(log: MemoryChangeLog | None = None, *, hook: Hook = HOOK) -> AsyncIterator[Here]:
    moment = [NOW]
    shared = log or MemoryChangeLog()
    changes = Changes(shared, secret=b"secret", now=lambda: moment[0])
    await changes.start()
    try:
        made = Feeds({"shop": Feed(hook, SECRETS, 300)}, changes=changes, identity=Map(), now=lambda: moment[0])
        yield Here(made, changes, shared, moment)
    finally:
        await changes.stop()


async def test_what_a_source_tells_evicts_and_is_told_on() -> None:
    async with feeds() as here:
        heard = here.changes.of(ANNA)
        before = here.changes.evictions.mark
        assert await here.take(b'["a"]')

        assert await asyncio.wait_for(anext(heard), 5) == Change("shop", NOW, ("invoices",), None, "WEBHOOK")
        assert not here.changes.evictions.allows(before, "shop", here.changes.subject(ANNA))
        assert here.changes.evictions.allows(before, "shop", here.changes.subject(BRAM))


async def test_two_numbers_of_one_customer_are_one_change() -> None:
    async with feeds() as here:
        await here.take(b'["a", "a2", "b"]')

        assert [len(notice.subjects) for notice in here.log.notices] == [2]


async def test_a_change_of_nobody_by_name_doubts_all_of_the_source() -> None:
    async with feeds() as here:
        before = here.changes.evictions.mark
        await here.take(b"[null]")

        assert not here.changes.evictions.allows(before, "shop", here.changes.subject(BRAM))


async def test_a_customer_whom_the_map_does_not_know_is_told_to_nobody() -> None:
    async with feeds() as here:
        assert await here.take(b'["stranger"]')
        assert here.log.notices == []


async def test_what_is_not_proven_changes_nothing() -> None:
    async with feeds() as here:
        with pytest.raises(HookRefused):
            await here.take(b'["a"]', headers={"x-sig": "0"})
        assert here.log.notices == []


async def test_a_delivery_is_taken_once_within_the_window() -> None:
    async with feeds() as here:
        assert [await here.take(b'["a"]') for _ in range(2)] == [True, False]
        assert len(here.log.notices) == 1


async def test_deliveries_are_forgotten_after_the_window() -> None:
    async with feeds() as here:
        await here.take(b'["a"]')
        here.moment[0] = NOW + timedelta(seconds=601)
        await here.take(b'["b"]')

        assert len(here.feeds._told) == 1


async def test_a_source_without_a_feed_is_not_there() -> None:
    async with feeds() as here:
        with pytest.raises(LookupError):
            await here.take(b'["a"]', source="another")


async def test_a_connector_that_breaks_over_a_delivery_does_not_believe_it() -> None:
    def broken(_delivery: Delivery, _secrets: Secrets) -> Iterable[Changed]:
        raise RuntimeError("Sanne de Wit")

    async with feeds(hook=Hook(("word",), broken)) as here:
        with pytest.raises(HookRefused) as caught:
            await here.take(b'["a"]')
        assert "Sanne" not in str(caught.value)


async def test_a_delivery_that_could_not_be_told_on_is_taken_again() -> None:
    class Moody(MemoryChangeLog):
        is_down = True

        async def head(self) -> Head:
            return await super().head()

        async def append(self, notice: Any) -> int:
            if self.is_down:
                raise StoreError("down")
            return await super().append(notice)

    log = Moody()
    async with feeds(log) as here:
        with pytest.raises(StoreError):
            await here.take(b'["a"]')
        log.is_down = False

        assert await here.take(b'["a"]')
