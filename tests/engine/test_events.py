"""A subscription: each event is read when it happens, under the rows and rights of that moment, and nothing grows."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.engine.house import CUSTOMER, NOW, OTHER, STRANGER, House
from tests.engine.test_writing import KeepingTrail, kept

from klantbeeld.engine.events import Events, Waiting
from klantbeeld.engine.ports import Answer
from klantbeeld.errors import RequestError
from klantbeeld.sources.subscribers import Change

pytestmark = pytest.mark.asyncio

LISTEN = """
subscription Listen($id: ID!) { customerChanged(id: $id) {
  isComplete
  changes { source fields at channel learnt }
  customer { id party { fullName } invoices(first: 1) { nodes { number } } }
} }
"""
INVOICED = Change("billing", NOW, ("invoices",), "APP", "WRITE")
COMPLAINED = Change("complaints", NOW, ("complaints",), None, "WEBHOOK")


def at_once(**more: Any) -> House:
    return House(more_settings={"changes": {"gather": 0}}, **more)


async def listening(house: House, customer_id: str = CUSTOMER, **more: Any) -> Events:
    answer = await house.execute(LISTEN, {"id": customer_id}, takes_events=True, **more)
    assert isinstance(answer, Events)
    return answer


async def tell(house: House, *changes: Change, about: str = CUSTOMER) -> None:
    for change in changes:
        house.changes.listening[about].put_nowait(change)
    for _ in range(5):
        await asyncio.sleep(0)


async def taken(events: Events) -> Any:
    async with asyncio.timeout(5):
        return msgspec.json.decode(msgspec.json.encode(await anext(events)))


async def test_an_event_says_what_changed_and_brings_the_customer_as_they_are_now() -> None:
    house = at_once()
    events = await listening(house)
    assert house.questions() == []
    await asyncio.sleep(0)
    await tell(house, INVOICED)
    told = (await taken(events))["data"]["customerChanged"]
    assert told["changes"] == [
        {"source": "billing", "fields": ["invoices"], "at": "2026-11-23T12:00:00Z", "channel": "APP", "learnt": "WRITE"}
    ]
    assert told["isComplete"] is True
    assert told["customer"]["party"] == {"fullName": "Ada"}
    assert told["customer"]["invoices"] == {"nodes": [{"number": "2026-4"}]}
    await events.aclose()
    await events.aclose()
    assert house.changes.listening == {}


async def test_an_event_is_the_same_whoever_assembles_it() -> None:
    house = at_once()
    told = []
    for _ in range(2):  # a document that is new is left to graphql-core, one that recurs to the written functions
        events = await listening(house)
        await asyncio.sleep(0)
        await tell(house, INVOICED)
        told.append(await taken(events))
        await events.aclose()
    assert told[0] == told[1]
    assert house.fallbacks == 0


async def test_what_happens_while_an_event_is_on_its_way_is_told_as_one() -> None:
    house = at_once()
    events = await listening(house)
    await asyncio.sleep(0)
    await tell(house, INVOICED, COMPLAINED)
    told = (await taken(events))["data"]["customerChanged"]
    assert [one["source"] for one in told["changes"]] == ["billing", "complaints"]
    assert len([one for one in house.questions() if "invoices" in one[1]]) == 1
    await events.aclose()


async def test_more_than_may_wait_is_said_to_be_missing() -> None:
    house = House(more_settings={"changes": {"gather": 0, "max_waiting": 3}})
    events = await listening(house)
    await asyncio.sleep(0)
    await tell(house, *(Change("billing", NOW + timedelta(seconds=one), ("invoices",)) for one in range(10)))
    told = (await taken(events))["data"]["customerChanged"]
    assert [one["at"][-3:-1] for one in told["changes"]] == ["07", "08", "09"]
    assert told["isComplete"] is False
    await events.aclose()


async def test_a_feed_that_cannot_tell_what_changed_makes_an_event_that_says_so() -> None:
    house = at_once()
    events = await listening(house)
    await asyncio.sleep(0)
    await tell(house, Change("", NOW))
    told = (await taken(events))["data"]["customerChanged"]
    assert (told["changes"], told["isComplete"]) == ([], False)
    await events.aclose()


async def test_what_the_caller_may_not_read_is_not_told_of() -> None:
    house = at_once()
    events = await listening(house, without=["complaints:read"])
    await asyncio.sleep(0)
    await tell(house, COMPLAINED, Change("complaints", NOW, ()), INVOICED)
    told = (await taken(events))["data"]["customerChanged"]
    assert [one["source"] for one in told["changes"]] == ["billing"]
    await events.aclose()


async def test_an_event_of_which_nothing_may_be_told_is_none() -> None:
    house = at_once()
    events = await listening(house, without=["complaints:read"])
    await asyncio.sleep(0)
    await tell(house, COMPLAINED)
    waiting = asyncio.create_task(taken(events))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    await tell(house, INVOICED)
    assert (await waiting)["data"]["customerChanged"]["changes"][0]["source"] == "billing"
    await events.aclose()


@pytest.mark.parametrize("customer_id", [STRANGER, "01900000-0000-7000-8000-0000000000ff"])
async def test_unknown_and_forbidden_customers_are_refused_alike_and_nobody_listens(customer_id: str) -> None:
    house = House()
    with pytest.raises(RequestError) as refused:
        await house.execute(LISTEN, {"id": customer_id}, takes_events=True)
    assert refused.value.reason == "CUSTOMER_UNKNOWN"
    assert house.changes.listening == {}


async def test_a_customer_who_is_no_longer_the_callers_to_see_ends_it() -> None:
    house = at_once()
    events = await listening(house)
    await asyncio.sleep(0)
    house.rows.hidden = frozenset({CUSTOMER})
    await tell(house, INVOICED)
    with pytest.raises(RequestError) as refused:
        await taken(events)
    assert refused.value.reason == "CUSTOMER_UNKNOWN"
    await events.aclose()


async def test_a_field_that_rights_refuse_is_answered_without_listening() -> None:
    house = House()
    answer = await house.execute(LISTEN, {"id": CUSTOMER}, takes_events=True, without=["customer:read"])
    assert isinstance(answer, Answer)
    response = msgspec.json.decode(answer.body)
    assert response["data"] == {"customerChanged": None}
    assert response["errors"][0]["extensions"]["code"] == "SCOPE_MISSING"
    assert house.changes.listening == {}


async def test_a_client_that_reads_no_events_is_told_so() -> None:
    with pytest.raises(RequestError) as refused:
        await House().execute(LISTEN, {"id": CUSTOMER})
    assert (refused.value.reason, refused.value.status) == ("NOT_ACCEPTABLE", 406)


async def test_only_the_first_event_of_a_document_that_was_new_pays_for_that() -> None:
    house = at_once()
    house.engine._documents._all_recur = False
    events = await listening(house)
    spent = []
    for _ in range(3):
        before = house.engine._share._saved
        await tell(house, INVOICED)
        await taken(events)
        spent.append(before - house.engine._share._saved)
    assert (spent[0] > 0, spent[2]) == (True, 0)
    await events.aclose()


async def test_every_event_is_in_the_trail_before_it_leaves() -> None:
    house = at_once(trail=KeepingTrail())
    events = await listening(house)
    await asyncio.sleep(0)
    for number in range(1, 3):
        await tell(house, INVOICED)
        await taken(events)
        assert len(kept(house)) == number
    assert kept(house)[-1].sources == ("billing", "crm")
    await events.aclose()


async def test_a_source_that_is_down_costs_its_fields_of_the_event() -> None:
    house = at_once()
    house.sources["billing"].problem = "unavailable"
    events = await listening(house)
    await asyncio.sleep(0)
    await tell(house, INVOICED)
    part = await taken(events)
    assert part["data"]["customerChanged"]["customer"]["invoices"] is None
    assert part["errors"][0]["extensions"] == {"code": "SOURCE_UNAVAILABLE", "retryable": True, "source": "billing"}
    await events.aclose()


async def test_one_customers_listener_hears_nothing_of_another() -> None:
    house = at_once()
    mine, theirs = await listening(house), await listening(house, OTHER)
    await asyncio.sleep(0)
    await tell(house, INVOICED, about=OTHER)
    waiting = asyncio.create_task(taken(mine))
    assert (await taken(theirs))["data"]["customerChanged"]["customer"]["id"] == OTHER
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait({waiting})
    await mine.aclose()
    await theirs.aclose()


async def test_what_a_feed_raises_reaches_its_reader_and_a_feed_that_ends_ends_it() -> None:
    async def breaking(*, breaks: bool) -> Any:
        yield 1
        if breaks:
            raise ConnectionError

    for breaks in (True, False):
        waiting = Waiting(breaking(breaks=breaks), most=2, gather=0)
        first = await waiting.take()
        assert first is not None
        assert first.events == (1,)
        if breaks:
            with pytest.raises(ConnectionError):
                await waiting.take()
        else:
            assert await waiting.take() is None
        await waiting.close()
