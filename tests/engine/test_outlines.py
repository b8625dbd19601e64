"""Outlines: customers whom the same sources know are asked about alike, and all others joint by joint."""

from dataclasses import replace
from typing import Any

import pytest
from tests.engine.house import CUSTOMER, OTHER, House, links_of
from tests.engine.memory import MemoryRows, MemorySource

from klantbeeld.engine import outlines

pytestmark = pytest.mark.asyncio

MANY = "query ($ids: [ID!]!) { customers(ids: $ids) { id party { fullName } invoices { nodes { number } } } }"
THIRD = "01900000-0000-7000-8000-000000000003"


def asked_of(house: House, source: str) -> list[str]:
    """Return the ids that a source was asked for."""
    return [key for question in house.sources[source].asked for key in question.keys]


async def states(house: House, ids: list[str]) -> list[Any]:
    query = "query ($ids: [ID!]!) { customers(ids: $ids) { invoices { nodes { id } } sources { source state } } }"
    return [one["sources"] for one in (await house.ask(query, {"ids": ids}))["data"]["customers"]]


async def test_each_customer_is_asked_about_where_it_is_known() -> None:
    house = House()
    house.customers |= {
        OTHER: links_of(OTHER, crm="p2"),
        THIRD: links_of(THIRD, crm="p3", billing="cus_3"),
    }
    await house.ask(MANY, {"ids": [CUSTOMER, OTHER, THIRD, OTHER]})
    assert sorted(asked_of(house, "crm")) == ["p1", "p2", "p3"]
    assert sorted(asked_of(house, "billing")) == ["cus_1", "cus_3"]


async def test_a_source_that_does_not_know_the_customer_is_said_to_be_not_linked() -> None:
    house = House()
    house.customers |= {OTHER: links_of(OTHER, crm="p2")}
    for _ in range(2):  # the second time by the outline that the first one made
        first, second = await states(house, [CUSTOMER, OTHER])
        assert {"source": "billing", "state": "OK"} in first
        assert {"source": "billing", "state": "NOT_LINKED"} in second


async def test_one_whom_a_source_knows_under_two_ids_is_asked_about_under_both() -> None:
    house = House()
    house.customers |= {OTHER: links_of(OTHER, crm="p2", billing=("cus_8", "cus_9"))}
    await house.ask(MANY, {"ids": [CUSTOMER, OTHER]})
    assert sorted(asked_of(house, "billing")) == ["cus_1", "cus_8", "cus_9"]


async def test_what_one_customer_did_not_release_is_not_asked_about_that_one() -> None:
    house = House(rows=MemoryRows(CUSTOMER, withheld={OTHER: frozenset({"billing:read"})}))
    house.customers |= {OTHER: links_of(OTHER, crm="p2", billing="cus_2")}
    answer = await house.ask(MANY, {"ids": [CUSTOMER, OTHER]})
    assert asked_of(house, "billing") == ["cus_1"]
    assert [error["path"] for error in answer["errors"]] == [["customers", 1, "invoices"]]


async def test_a_call_asks_for_the_largest_of_the_pages_that_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    billing = house.sources["billing"]
    paged = {call: replace(reading, newest_first="issued_on") for call, reading in billing.readings.items()}
    monkeypatch.setattr(MemorySource, "readings", paged)
    fields = " ".join(
        f"{name}: invoices(first: {size}) {{ nodes {{ id }} }}" for name, size in {"a": 3, "b": 7, "c": 5}.items()
    )
    await house.ask(f"{{ me {{ {fields} }} }}")
    (question,) = billing.asked
    assert (question.first, question.everything) == (7, False)


async def test_without_room_for_another_outline_the_answer_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = {"ids": [CUSTOMER, OTHER]}
    expected, with_outlines = await House().ask(MANY, ids), House()
    monkeypatch.setattr(outlines, "MOST_OUTLINES", 0)
    without = House()
    assert await without.ask(MANY, ids) == expected
    await with_outlines.ask(MANY, ids)
    assert without.questions() == with_outlines.questions()


async def test_outlines_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlines, "MOST_OUTLINES", 1)
    house = House()
    house.customers |= {OTHER: links_of(OTHER, crm="p2")}
    answer = await house.ask(MANY, {"ids": [CUSTOMER, OTHER]})
    assert [one["id"] for one in answer["data"]["customers"]] == [CUSTOMER, OTHER]
    assert asked_of(house, "billing") == ["cus_1"]
