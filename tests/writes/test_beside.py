"""What goes on beside requests: events are delivered at least once, and progress is heard of."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from tests.writes.memory import Days, MemoryTransactions
from tests.writes.test_journal import NOW, an_operation, applied

from klantbeeld.sdk.acts import ChangeContactDetails
from klantbeeld.sdk.records import PostalAddress
from klantbeeld.sdk.words import Channel
from klantbeeld.writes.beside import Beside, Event
from klantbeeld.writes.delivery import Delivery, DeliveryParts
from klantbeeld.writes.events import CustomerChanged
from klantbeeld.writes.journal import Journal
from klantbeeld.writes.progress import ProgressFeed

ID = "01900000-0000-7000-8000-0000000000e{}"

pytestmark = pytest.mark.asyncio


@pytest.fixture
def journal() -> Iterator[Journal]:
    transactions = MemoryTransactions()
    yield Journal(transactions, wait=1)
    transactions.close()


class Receiver:
    """Takes events, or refuses them."""

    def __init__(self) -> None:
        self.status = 204
        self.received: list[str] = []

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        self.received.append(headers["webhook-id"])
        return self.status


def delivery(journal: Journal, receiver: Receiver, clock: Days) -> Delivery:
    return Delivery(
        DeliveryParts(journal=journal, post=receiver, url="u", secret=b"s" * 32, now=clock, every=1, again_after=30)
    )


async def keep_events(journal: Journal, *numbers: int) -> None:
    new = an_operation()
    await journal.claim(new)
    await journal.finish(new, applied(new), Beside(events=[Event(ID.format(number), "{}") for number in numbers]))


async def test_events_leave_in_their_order_and_once_when_they_are_taken(journal: Journal) -> None:
    await keep_events(journal, 1, 2, 3)
    receiver, clock = Receiver(), Days(NOW + timedelta(days=1))
    assert await delivery(journal, receiver, clock).look() == 3
    assert await delivery(journal, receiver, clock).look() == 0
    assert receiver.received == [ID.format(number) for number in (1, 2, 3)]


async def test_an_event_that_was_not_taken_is_sent_again_later(journal: Journal) -> None:
    await keep_events(journal, 1, 2)
    receiver, clock = Receiver(), Days(NOW + timedelta(days=1))
    receiver.status = 503
    sender = delivery(journal, receiver, clock)
    await sender.look()
    assert receiver.received == [ID.format(1)], "the first that is refused ends it"
    receiver.status = 204
    assert await sender.look() == 0
    clock.at += timedelta(seconds=30)
    assert await sender.look() == 2
    assert receiver.received == [ID.format(number) for number in (1, 1, 2)]


async def test_an_event_names_ids_and_fields_and_no_values() -> None:
    act = ChangeContactDetails(
        customer="p1", key="k", channel=Channel.APP, phone="+31612345678", address=PostalAddress(city="Utrecht")
    )
    view = an_operation()
    make = CustomerChanged("klantbeeld", lambda: ID.format(1), lambda: NOW)
    (event,) = make(view.operation, view.steps[0], act)
    told: dict[str, Any] = json.loads(event.event)
    assert told["data"]["fields"] == ["phone", "address"]
    assert told["subject"] == view.operation.customer_id
    assert not any(value in event.event for value in ("+31612345678", "Utrecht", "p1"))


async def test_whoever_watches_hears_of_every_move_until_the_end(journal: Journal) -> None:
    feed = ProgressFeed(journal.find, every=60)
    journal.moved = feed.moved
    new = an_operation()
    await journal.claim(new)
    feeding = feed.of(new.operation.id)
    await anext(feeding)
    following = asyncio.ensure_future(anext(feeding))
    await asyncio.sleep(0)
    assert not following.done()
    await journal.finish(new, applied(new))
    await following
    with pytest.raises(StopAsyncIteration):
        await anext(feeding)
    assert feed._watched == {}


async def test_nobody_is_told_of_an_operation_that_is_not_there(journal: Journal) -> None:
    feed = ProgressFeed(journal.find, every=60)
    assert [one async for one in feed.of(ID.format(9))] == []
