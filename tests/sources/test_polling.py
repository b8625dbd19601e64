"""Polling a source for changes, by one replica of several."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.sources.shop import NOW, Bill, Page, shop
from tests.sources.test_feeds import Map

from klantbeeld.sdk import Ask, Call, Connector, reads
from klantbeeld.sdk.auth import NoAuth
from klantbeeld.sdk.mapping import Mapping as RecordMapping
from klantbeeld.sdk.mapping import take
from klantbeeld.sdk.records import Party
from klantbeeld.settings import StoreSettings
from klantbeeld.settings_source import RetrySettings
from klantbeeld.sources.changes import Changes
from klantbeeld.sources.feeds import Feeds
from klantbeeld.sources.polling import Poller, Rhythm
from klantbeeld.sources.source import loop_clock
from klantbeeld.store import Store, open_store
from klantbeeld.store.change_log import MemoryChangeLog

pytestmark = pytest.mark.asyncio

RHYTHM = Rhythm(every=30, overlap=120, reach=1_020)
CHANGED = RecordMapping(Party, Bill, {"record_id": take("id"), "version": take("note", via=str)})


class Telling(Connector):
    """A shop that says who changed."""

    auth = NoAuth()

    @reads(CHANGED, page=2)
    def changes(self, ask: Ask) -> Call[Bill]:
        since: datetime = ask.arguments["since"]
        return Call(
            path="/changes",
            query=[("since", since.isoformat()), ("from", ask.after or "")],
            items=("data",),
            record=Bill,
            envelope=Page,
            next_page=lambda page, _last: page.more,
        )


@dataclass
class World:
    """Replicas that poll one shop; `data` is what it answers, a page after another."""

    store: Store
    log: MemoryChangeLog = field(default_factory=MemoryChangeLog)
    moment: datetime = NOW
    pages: list[list[dict[str, Any]]] = field(default_factory=lambda: [[{"id": "a", "note": 1}]])
    asked: list[str] = field(default_factory=list)
    status: int = 200
    opened: list[Changes] = field(default_factory=list)

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.params["since"])
        place = int(request.url.params["from"] or 0)
        more = str(place + 1) if place + 1 < len(self.pages) else None
        return httpx.Response(self.status, json={"data": self.pages[place], "more": more})

    async def replica(self) -> Poller:
        changes = Changes(self.log, secret=b"secret", now=lambda: self.moment)
        await changes.start()
        self.opened.append(changes)
        source = shop(self.handle, connector=Telling({}), retry=RetrySettings(attempts=1))
        feeds = Feeds({}, changes=changes, identity=Map(), now=lambda: self.moment)
        return Poller(source, feeds, self.store, RHYTHM, now=lambda: self.moment, clock=loop_clock)

    def pass_by(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    async with open_store(StoreSettings(url=f"sqlite:///{folder}/klantbeeld.sqlite")) as store:
        made = World(store)
        try:
            yield made
        finally:
            for changes in made.opened:
                await changes.stop()


async def test_who_changed_is_told_once(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        poller = await here.replica()
        assert await poller.poll() == 1
        here.pass_by(30)
        assert await poller.poll() == 0
        here.pages = [[{"id": "a", "note": 2}, {"id": "b", "note": 1}]]
        assert await poller.poll() == 2

        assert [(notice.how, len(notice.subjects)) for notice in here.log.notices] == [("POLL", 1), ("POLL", 2)]


async def test_the_first_question_reaches_as_far_as_anything_is_cached_and_the_next_overlaps(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        poller = await here.replica()
        await poller.poll()
        here.pass_by(30)
        await poller.poll()

        assert here.asked == [
            (NOW - timedelta(seconds=1_020)).isoformat(),
            (NOW - timedelta(seconds=120)).isoformat(),
        ]


async def test_a_source_that_fails_is_asked_again_from_where_it_was(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        poller = await here.replica()
        await poller.poll()
        here.status = 500
        here.pass_by(30)
        await poller.poll()
        here.status = 200
        here.pass_by(30)
        await poller.poll()

        assert here.asked[1] == here.asked[2]


async def test_one_replica_polls_and_another_takes_over(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        one, other = await here.replica(), await here.replica()
        await one.poll()
        await other.poll()
        assert len(here.asked) == 1

        here.pass_by(91)  # the first was not heard of for three rounds
        await other.poll()
        await one.poll()
        assert len(here.asked) == 2


async def test_a_replica_that_stops_lets_another_go_on_at_once(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        one, other = await here.replica(), await here.replica()
        await one.poll()
        await one.stop()
        await other.poll()

        assert len(here.asked) == 2


async def test_more_changes_than_are_read_doubt_all_of_the_source(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        poller = await here.replica()
        here.pages = [[{"id": "a", "note": number}] for number in range(25)]
        before = here.opened[0].evictions.mark
        await poller.poll()

        evictions = here.opened[0].evictions
        assert not evictions.allows(before, "shop", here.opened[0].subject("somebody else"))
