"""The audit trail: what is written, and what happens when it cannot be."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from tests.access.reads import ANNA, BRAM, KEY, NEVER, SETTINGS, read

from klantbeeld.access.rights import Caller, Rights
from klantbeeld.access.trail import Trail
from klantbeeld.access.trail_chain import Entry, Group, Sealed
from klantbeeld.access.trail_tables import Appender
from klantbeeld.engine.ports import Reading
from klantbeeld.errors import ConfigurationError, Overloaded, StoreError
from klantbeeld.settings import TrailSettings

pytestmark = pytest.mark.asyncio(loop_scope="function")

NONE: frozenset[str] = frozenset()
RIGHTS = Rights("https://klantbeeld.invalid", "agent", NONE, "service", NONE, NONE, NONE, False, "1")
CALLER = Caller("https://issuer.invalid", "agent-7", "desktop", "agent", RIGHTS, "all", 2e9, 5.0)
FIELDS = ("Customer.party", "Invoice.number", "Customer.invoices")
READING = Reading((ANNA,), FIELDS, ("billing",), "Bills", "0" * 64, "COMPLETE")


@dataclass
class FakeAppender:
    """Keeps groups in memory, or fails."""

    groups: list[list[Sealed]] = field(default_factory=list)
    is_broken: bool = False
    attempts: int = 0
    appended: asyncio.Event = field(default_factory=asyncio.Event)
    meanwhile: Callable[[], None] | None = None

    async def append(self, group: Group) -> None:
        self.attempts += 1
        if self.is_broken:
            raise StoreError("disk full")
        if self.meanwhile:
            self.meanwhile()
            self.meanwhile = None
        self.groups.append(list(group.entries))
        self.appended.set()

    @property
    def entries(self) -> list[Sealed]:
        return [sealed for group in self.groups for sealed in group]


@pytest.fixture
def appender() -> FakeAppender:
    return FakeAppender()


Start = Callable[..., Awaitable[Trail]]


@pytest_asyncio.fixture
async def start(clock: Any) -> AsyncIterator[Start]:
    """Starts trails, and stops them after the test."""
    started: list[Trail] = []

    async def begin(appender: Appender, settings: TrailSettings = SETTINGS, **options: Any) -> Trail:
        trail = Trail(appender, key=KEY, clock=clock, settings=settings, retry_after=NEVER)
        started.append(trail)
        await trail.start(**options)
        return trail

    yield begin
    for trail in started:
        await trail.stop()


async def test_a_chain_begins_with_its_opening(start: Start, appender: FakeAppender, clock: Any) -> None:
    await start(appender)
    [opening] = appender.entries
    assert json.loads(opening.entry) == {"at": "2027-01-15T08:00:00Z", "act": "OPENED"}


async def test_a_full_group_is_written_at_once(start: Start, appender: FakeAppender) -> None:
    trail = await start(appender)
    appender.appended.clear()
    for _ in range(SETTINGS.group):
        trail.record(read())
    await appender.appended.wait()
    assert [len(group) for group in appender.groups] == [1, SETTINGS.group]


async def test_what_comes_while_a_group_is_written_makes_a_group_of_its_own(
    start: Start, appender: FakeAppender
) -> None:
    trail = await start(appender)
    appender.meanwhile = partial(trail.record, read(BRAM))
    trail.record(read())
    await trail.settled()
    assert [len(group) for group in appender.groups] == [1, 1]
    await trail.settled()
    assert [len(group) for group in appender.groups] == [1, 1, 1]


async def test_a_reading_becomes_an_entry_whose_fields_stand_together_by_type(
    start: Start, appender: FakeAppender, clock: Any
) -> None:
    trail = await start(appender)
    trail.note(CALLER, READING)
    await trail.settled()
    kept = msgspec.json.decode(appender.entries[-1].entry, type=Entry)
    assert kept.fields == ("Customer.party,invoices", "Invoice.number")
    assert kept.coordinates == ["Customer.party", "Customer.invoices", "Invoice.number"]
    assert (kept.act, kept.subject, kept.purpose) == ("READ", "agent-7", "service")
    assert (kept.customers, kept.sources, kept.at) == ((ANNA,), ("billing",), trail.now())


@pytest.mark.parametrize("changes", [{"customers": ("Piet de Vries",)}, {"operation": "\ud800"}])
async def test_a_reading_that_cannot_be_kept_fails_its_own_request_alone(
    start: Start, appender: FakeAppender, changes: dict[str, Any]
) -> None:
    trail = await start(appender)
    with pytest.raises(ValueError, match="ids"):
        trail.note(CALLER, msgspec.structs.replace(READING, **changes))
    trail.note(CALLER, READING)
    await trail.settled()
    assert len(appender.entries) == 2


async def test_a_group_that_is_not_full_is_written_after_the_delay(start: Start, appender: FakeAppender) -> None:
    trail = await start(appender, TrailSettings(delay=0.001))
    appender.appended.clear()
    trail.record(read())
    await appender.appended.wait()
    assert len(appender.entries) == 2


async def test_waiting_for_an_entry_writes_it_now(start: Start, appender: FakeAppender) -> None:
    trail = await start(appender)
    trail.record(read())
    assert len(appender.entries) == 1
    await trail.settled()
    assert len(appender.entries) == 2
    await trail.settled()
    assert appender.attempts == 2


async def test_stopping_writes_what_waits(start: Start, appender: FakeAppender) -> None:
    trail = await start(appender)
    trail.record(read())
    await trail.stop()
    assert len(appender.entries) == 2
    assert trail.lost == 0


async def test_after_stopping_nothing_is_taken_for_recorded(start: Start, appender: FakeAppender) -> None:
    trail = await start(appender)
    await trail.stop()
    with pytest.raises(Overloaded):
        trail.check()
    trail.record(read())
    with pytest.raises(Overloaded):
        await trail.settled()


async def test_a_trail_that_cannot_be_opened_does_not_start(start: Start, appender: FakeAppender) -> None:
    appender.is_broken = True
    with pytest.raises(Overloaded) as caught:
        await start(appender)
    assert caught.value.reason == "TRAIL_UNAVAILABLE"


async def test_while_it_cannot_be_written_requests_are_refused(start: Start, appender: FakeAppender) -> None:
    trail = await start(appender)
    trail.check()
    appender.is_broken = True
    trail.record(read())
    with pytest.raises(Overloaded) as caught:
        await trail.settled()
    assert (caught.value.reason, caught.value.status) == ("TRAIL_UNAVAILABLE", 503)
    with pytest.raises(Overloaded):
        trail.check()


async def test_when_it_can_be_written_again_nothing_is_missing_or_doubled(start: Start, appender: FakeAppender) -> None:
    trail = await start(appender)
    appender.is_broken = True
    trail.record(read())
    with pytest.raises(Overloaded):
        await trail.settled()
    trail.record(read(BRAM))
    appender.is_broken = False
    await trail.settled()
    trail.check()
    assert [sealed.seq for sealed in appender.entries] == [0, 1, 2]


async def test_a_broken_store_is_tried_again_by_the_clock(clock: Any, appender: FakeAppender) -> None:
    trail = Trail(appender, key=KEY, clock=clock, settings=SETTINGS, retry_after=0.001)
    await trail.start()
    appender.is_broken = True
    trail.record(read())
    with pytest.raises(Overloaded):
        await trail.settled()
    appender.appended.clear()
    appender.is_broken = False
    await appender.appended.wait()
    await trail.stop()
    assert len(appender.entries) == 2


async def test_too_many_waiting_entries_refuse_the_next(start: Start, appender: FakeAppender) -> None:
    trail = await start(appender, TrailSettings(delay=NEVER, max_waiting=2, group=1_000))
    trail.record(read())
    trail.check()
    trail.record(read())
    with pytest.raises(Overloaded):
        trail.check()
    with pytest.raises(Overloaded):
        trail.record(read())


async def test_a_trail_that_is_not_required_lets_requests_through_and_counts_what_it_lost(
    start: Start, appender: FakeAppender
) -> None:
    trail = await start(appender, TrailSettings(delay=NEVER, max_waiting=1, group=1_000, required=False))
    appender.is_broken = True
    trail.record(read())
    with pytest.raises(Overloaded):
        await trail.settled()
    trail.check()
    trail.record(read())
    trail.record(read())
    assert trail.lost == 1


async def test_what_is_still_unwritten_at_the_stop_is_counted(appender: FakeAppender, clock: Any) -> None:
    trail = Trail(appender, key=KEY, clock=clock, settings=SETTINGS, retry_after=NEVER)
    await trail.start()
    appender.is_broken = True
    trail.record(read())
    trail.record(read())
    await trail.stop()
    assert trail.lost == 2


@pytest.mark.parametrize("changes", [{"customers": ("Piet de Vries",)}, {"operation": "\ud800"}])
async def test_an_entry_that_cannot_be_kept_fails_its_own_request_alone(
    start: Start, appender: FakeAppender, changes: dict[str, Any]
) -> None:
    trail = await start(appender)
    with pytest.raises(ValueError, match=r"ids|surrogates"):
        trail.record(read(**changes))
    trail.record(read())
    await trail.settled()
    assert len(appender.entries) == 2


async def test_a_short_key_is_refused(appender: FakeAppender, clock: Any) -> None:
    with pytest.raises(ConfigurationError, match="32 bytes"):
        Trail(appender, key=b"short", clock=clock, settings=SETTINGS)
