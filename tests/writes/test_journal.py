"""The journal over both databases: one holder at a time, whole transactions, and nothing of whoever slept too long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from klantbeeld.settings import StoreSettings
from klantbeeld.store import open_store
from klantbeeld.store.transactions import open_transactions
from klantbeeld.writes.beside import Beside, Event
from klantbeeld.writes.journal import Journal
from klantbeeld.writes.leases import Fenced, RecordBusy, lease_of
from klantbeeld.writes.rows import OperationRow, OperationView, StepRow, ended
from klantbeeld.writes.states import OperationState, StepState

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
ONE, OTHER = "01900000-0000-7000-8000-0000000000a1", "01900000-0000-7000-8000-0000000000a2"
CUSTOMER = "01900000-0000-7000-8000-000000000001"

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Journal]:
    async with open_store(StoreSettings(url=url)) as store, open_transactions(store) as transactions:
        yield Journal(transactions, wait=5)


def an_operation(number: int = 1, *, key: bytes | None = b"k" * 32, lock: bytes | None = None) -> OperationView:
    operation_id = f"01900000-0000-7000-8000-{number:012d}"
    operation = OperationRow(
        id=operation_id,
        scope_key=key,
        fingerprint=b"f" * 32,
        caller=b"c" * 32,
        mutation="changeContactDetails",
        customer_id=CUSTOMER,
        channel="APP",
        created_at=NOW,
        updated_at=NOW,
        expires_at=NOW + timedelta(days=7),
        wake_at=NOW + timedelta(seconds=5),
        holder=ONE,
        leased_until=NOW + timedelta(seconds=5),
        sealed_key=b"wrapped",
    )
    step = StepRow(
        operation_id=operation_id,
        seq=0,
        kind="call",
        act="change_contact_details",
        source="crm",
        role="CRM",
        state=StepState.SENDING,
        step_key="k",
        lock_key=lock,
        attempts=1,
        first_sent_at=NOW,
        last_sent_at=NOW,
        sealed=b"sealed",
    )
    return OperationView(operation, (step,))


def applied(view: OperationView) -> OperationView:
    (step,) = view.steps
    operation = structs.replace(view.operation, state=OperationState.APPLIED, leased_until=NOW)
    return ended(
        OperationView(operation, (structs.replace(step, state=StepState.APPLIED, record_id="p1", version="v2"),))
    )


async def test_what_is_claimed_is_found_as_it_was(migrated_url: str) -> None:
    async with opened(migrated_url) as journal:
        new = an_operation()
        assert await journal.claim(new) is None
        assert await journal.find(new.operation.id) == new
        assert await journal.find_by_key(b"k" * 32) == new


async def test_a_key_belongs_to_the_first_who_claims_it(migrated_url: str) -> None:
    async with opened(migrated_url) as one, opened(migrated_url) as other:
        claims = await asyncio.gather(
            *((one if number % 2 else other).claim(an_operation(number)) for number in range(1, 21))
        )
        winners = [number for number, known in enumerate(claims, 1) if known is None]
        assert len(winners) == 1
        assert {known.operation.id for known in claims if known} == {an_operation(winners[0]).operation.id}


async def test_operations_without_a_key_do_not_meet(migrated_url: str) -> None:
    async with opened(migrated_url) as journal:
        assert [await journal.claim(an_operation(number, key=None)) for number in (1, 2)] == [None, None]


async def test_a_record_is_locked_by_one_operation_at_a_time(migrated_url: str) -> None:
    async with opened(migrated_url) as journal:
        first = an_operation(1, key=None, lock=b"l" * 32)
        await journal.claim(first)
        second = an_operation(2, key=None, lock=b"l" * 32)
        with pytest.raises(RecordBusy):
            await journal.claim(second)
        assert await journal.find(second.operation.id) is None, "nothing of it was kept"
        await journal.finish(first, applied(first))
        assert await journal.claim(second) is None


async def test_what_came_of_it_is_kept_whole_and_the_input_is_gone(migrated_url: str) -> None:
    async with opened(migrated_url) as journal:
        new = an_operation()
        await journal.claim(new)
        await journal.finish(new, applied(new), Beside(events=[Event(OTHER, '{"id": "e"}')]))
        found = await journal.find(new.operation.id)
        assert found == applied(new)
        assert found is not None
        assert (found.operation.sealed_key, found.steps[0].sealed) == (None, None)
        (event,) = await journal.undelivered(NOW, most=9, again_at=NOW + timedelta(seconds=30))
        assert (event.id, event.event) == (OTHER, '{"id": "e"}')


async def test_an_operation_is_taken_over_only_when_its_lease_is_over(migrated_url: str) -> None:
    async with opened(migrated_url) as journal:
        await journal.claim(an_operation())
        operation_id = an_operation().operation.id
        assert await journal.take(operation_id, lease_of(OTHER, NOW + timedelta(seconds=4), 5)) is None
        assert await journal.due(NOW + timedelta(seconds=4), most=9) == []
        later = NOW + timedelta(seconds=5)
        assert await journal.due(later, most=9) == [operation_id]
        taken = await journal.take(operation_id, lease_of(OTHER, later, 5))
        assert taken is not None
        assert (taken.operation.holder, taken.operation.token) == (OTHER, 2)
        assert await journal.take(operation_id, lease_of(ONE, later, 5)) is None


async def test_whoever_was_taken_over_sends_and_writes_nothing_more(migrated_url: str) -> None:
    async with opened(migrated_url) as journal:
        sleeper = an_operation()
        await journal.claim(sleeper)
        later = NOW + timedelta(seconds=6)
        taken = await journal.take(sleeper.operation.id, lease_of(OTHER, later, 5))
        with pytest.raises(Fenced):
            await journal.begin(sleeper, sleeper.steps[0], lease_of(ONE, later, 5))
        with pytest.raises(Fenced):
            await journal.finish(sleeper, applied(sleeper), Beside(events=[Event(OTHER, "{}")]))
        assert await journal.find(sleeper.operation.id) == taken
        assert await journal.undelivered(later, most=9, again_at=later) == []


async def test_whose_lease_is_over_begins_nothing_though_nobody_took_it(migrated_url: str) -> None:
    async with opened(migrated_url) as journal:
        sleeper = an_operation()
        await journal.claim(sleeper)
        with pytest.raises(Fenced):
            await journal.begin(sleeper, sleeper.steps[0], lease_of(ONE, NOW + timedelta(seconds=6), 5))


async def test_a_step_that_is_begun_prolongs_the_lease_and_may_bring_another(migrated_url: str) -> None:
    async with opened(migrated_url) as journal:
        held = an_operation()
        await journal.claim(held)
        undo = structs.replace(held.steps[0], seq=1, state=StepState.PENDING, compensates=0, lock_key=None)
        again = structs.replace(held.steps[0], attempts=2)
        await journal.begin(held, again, lease_of(ONE, NOW + timedelta(seconds=3), 5), more=[undo])
        found = await journal.find(held.operation.id)
        assert found is not None
        assert found.operation.leased_until == NOW + timedelta(seconds=8)
        assert found.steps == (again, undo)


async def test_parked_operations_are_listed_and_counted(migrated_url: str) -> None:
    async with opened(migrated_url) as journal:
        for number in (1, 2, 3):
            view = an_operation(number, key=None)
            await journal.claim(view)
            parked = structs.replace(view.operation, state=OperationState.UNKNOWN, parked=number != 2)
            await journal.finish(view, OperationView(parked, view.steps))
        found = await journal.parked(first=10)
        assert [view.operation.id[-1] for view in found] == ["1", "3"]
        assert await journal.parked(first=10, after=found[0].operation.id) == found[1:]
        assert await journal.count_parked() == 2
        assert [view.operation.id[-1] for view in await journal.latest(first=2)] == ["3", "2"]


async def test_only_what_has_ended_is_forgotten(migrated_url: str) -> None:
    async with opened(migrated_url) as journal:
        over, open_ = an_operation(1, key=None), an_operation(2, key=None)
        for view in (over, open_):
            await journal.claim(view)
        await journal.finish(over, applied(over))
        assert await journal.expire(NOW + timedelta(days=8), most=9) == 1
        assert await journal.find(over.operation.id) is None
        assert await journal.find(open_.operation.id) == open_


async def test_an_event_is_with_one_replica_at_a_time_until_it_is_delivered(migrated_url: str) -> None:
    async with opened(migrated_url) as journal:
        new = an_operation()
        await journal.claim(new)
        await journal.finish(new, applied(new), Beside(events=[Event(OTHER, "{}")]))
        again_at = NOW + timedelta(seconds=30)
        taken: list[Any] = [await journal.undelivered(NOW, most=9, again_at=again_at) for _ in range(2)]
        assert [len(events) for events in taken] == [1, 0]
        later = await journal.undelivered(again_at, most=9, again_at=again_at + timedelta(seconds=30))
        assert [event.id for event in later] == [OTHER]
        await journal.delivered(OTHER)
        assert await journal.undelivered(again_at + timedelta(days=1), most=9, again_at=again_at) == []


async def test_an_operation_can_be_woken(migrated_url: str) -> None:
    async with opened(migrated_url) as journal:
        view = an_operation()
        await journal.claim(view)
        waiting = structs.replace(view.operation, state=OperationState.WAITING, wake_at=None, leased_until=NOW)
        await journal.finish(view, OperationView(waiting, view.steps))
        assert await journal.due(NOW + timedelta(days=1), most=9) == []
        await journal.wake(view.operation.id, NOW)
        assert await journal.due(NOW, most=9) == [view.operation.id]
