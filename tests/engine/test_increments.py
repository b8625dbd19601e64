"""What is put off is read when the first answer is out, apart from the rest, and never beyond what is released."""

import asyncio
from typing import Any

import pytest
from tests.engine.house import CUSTOMER, OTHER, House
from tests.engine.parts import merged
from tests.engine.test_writing import KeepingTrail, a_house, kept, solving, theirs

from klantbeeld.engine.increments import Parts
from klantbeeld.errors import RequestError
from klantbeeld.graph.ids import RecordId, seal_record_id

pytestmark = pytest.mark.asyncio

SCREEN = """
query Screen($id: ID!, $late: Boolean! = true) {
  customer(id: $id) {
    party { fullName }
    ... @defer(label: "money", if: $late) { invoices(first: 2) { nodes { number lines { product { name } } } } }
    ... @defer(label: "trouble", if: $late) { complaints { nodes { subject } } }
  }
}
"""
GIVEN = {"id": CUSTOMER}


def calls(house: House) -> set[str]:
    return {call for _, names, _ in house.questions() for call in names}


async def opened(house: House, document: str, **more: Any) -> Parts:
    answer = await house.execute(document, GIVEN, takes_incremental=True, **more)
    assert isinstance(answer, Parts)
    return answer


async def test_the_first_answer_is_out_before_anything_else_is_asked() -> None:
    house = House()
    parts = await opened(house, SCREEN)
    first = await anext(parts)
    assert first["data"] == {"customer": {"party": {"fullName": "Ada"}}}
    assert [one["label"] for one in first["pending"]] == ["money", "trouble"]
    assert calls(house) == {"party"}
    await parts.aclose()
    assert calls(house) == {"party"}


async def test_fragments_come_each_as_soon_as_their_own_source_has_answered() -> None:
    house = House()
    gate = house.sources["billing"].gates["invoices"] = asyncio.Event()
    parts = await opened(house, SCREEN)
    await anext(parts)
    part = await anext(parts)
    assert list(part["incremental"][0]["data"]) == ["complaints"]
    assert part["hasNext"] is True
    gate.set()
    last = await anext(parts)
    assert last["incremental"][0]["data"]["invoices"]["nodes"][0]["lines"] == [{"product": {"name": "Device"}}]
    assert last["hasNext"] is False
    with pytest.raises(StopAsyncIteration):
        await anext(parts)


async def test_a_client_that_goes_away_stops_what_is_under_way() -> None:
    house = House()
    house.sources["billing"].gates["invoices"] = asyncio.Event()
    parts = await opened(house, SCREEN)
    await anext(parts)
    await anext(parts)
    before = asyncio.all_tasks()
    await parts.aclose()
    await parts.aclose()
    assert len(asyncio.all_tasks()) < len(before)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert "product" not in calls(house)


async def test_a_client_that_goes_away_at_once_leaves_nothing_behind() -> None:
    parts = await opened(House(), SCREEN)
    await parts.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_condition_that_is_false_puts_nothing_off() -> None:
    house = House()
    answer = await house.execute(SCREEN, {**GIVEN, "late": False}, takes_incremental=True)
    assert not isinstance(answer, Parts)
    assert house.fallbacks == 0


async def test_a_client_that_takes_one_answer_gets_one_without_the_help_of_graphql_core() -> None:
    house = House()
    whole = await house.ask(SCREEN, GIVEN)
    assert house.fallbacks == 0
    assert merged(await House().parts(SCREEN, GIVEN)) == whole


async def test_deferred_fragments_within_deferred_ones_follow_them() -> None:
    document = """
    query Q($id: ID!) { customer(id: $id) { ... @defer(label: "outer") { complaints { nodes { subject
      ... @defer(label: "inner") { about { name } } } } } } }
    """
    first, *later = await House().parts(document, GIVEN)
    assert [one["label"] for one in first["pending"]] == ["outer"]
    announced = [one for part in later for one in part.get("pending", ())]
    assert [(one["label"], one["path"][:2]) for one in announced] == [("inner", ["customer", "complaints"])] * 3
    assert merged([first, *later]) == await House().ask(document, GIVEN)


async def test_errors_stand_in_the_part_of_their_field() -> None:
    house = House()
    house.sources["billing"].problem = "timeout"
    first, *later = await house.parts(SCREEN, GIVEN)
    assert "errors" not in first
    (error,) = [error for part in later for entry in part["incremental"] for error in entry.get("errors", ())]
    assert error["extensions"]["code"] == "SOURCE_TIMEOUT"
    assert error["path"] == ["customer", "invoices"]


async def test_what_rights_refuse_is_refused_in_a_later_part_too_and_not_asked() -> None:
    house = House()
    answer = await house.execute(SCREEN, GIVEN, without=["billing:read"], takes_incremental=True)
    assert isinstance(answer, Parts)
    parts = [part async for part in answer]
    (error,) = [error for part in parts[1:] for entry in part["incremental"] for error in entry.get("errors", ())]
    assert (error["extensions"]["code"], error["path"]) == ("SCOPE_MISSING", ["customer", "invoices"])
    assert calls(house) == {"party", "complaints"}


async def test_the_trail_has_everything_that_is_released_before_it_leaves() -> None:
    house = House(trail=KeepingTrail())
    parts = await opened(house, SCREEN)
    (reading,) = kept(house)
    assert {"Party.fullName", "Customer.invoices", "Customer.complaints"} <= set(reading.fields)
    assert reading.sources == ("crm",)
    async for _ in parts:
        assert set(kept(house)[-1].sources) >= {one for one, source in house.sources.items() if source.asked}
    assert set(kept(house)[-1].sources) == {"crm", "billing", "complaints"}


async def test_the_trail_has_what_a_root_field_that_is_deferred_reads() -> None:
    complaint = seal_record_id(RecordId("Complaint", CUSTOMER, "complaints", "c1"))
    for deferred, source in (
        (f'node(id: "{complaint}") {{ id ... on Complaint {{ subject }} }}', ("complaints",)),
        (f'customer(id: "{CUSTOMER}") {{ id links {{ source }} }}', ()),
    ):
        house = House(trail=KeepingTrail())
        await house.parts(f"{{ __typename ... @defer {{ {deferred} }} }}")
        (reading,) = kept(house)
        assert (reading.customers, reading.sources) == ((CUSTOMER,), source)


@pytest.mark.parametrize(("count", "given"), [("-1", {}), ("$n", {"n": -1})])
async def test_a_negative_number_of_items_is_refused_before_anything_is_asked(
    count: str, given: dict[str, Any]
) -> None:
    house = House()
    declared = "query ($n: Int = 1)" if given else ""
    query = f'{declared} {{ customers(ids: ["{CUSTOMER}"]) @stream(initialCount: {count}) {{ id }} }}'
    with pytest.raises(RequestError) as refused:
        await house.execute(query, given, takes_incremental=True)
    assert refused.value.reason == "BAD_USER_INPUT"
    assert (house.questions(), house.faults) == ([], [])


async def test_a_write_is_in_the_trail_once_however_many_parts_its_answer_has() -> None:
    document = """
    mutation Solve($input: SolveComplaintInput!) { solveComplaint(input: $input) { status
      customer { party { fullName } ... @defer { complaints { nodes { subject } } } } } }
    """
    house = a_house(theirs("c1", "z1"))
    answer = await house.execute(document, solving("c1"), takes_incremental=True)
    assert isinstance(answer, Parts)
    first, *later = [part async for part in answer]
    assert first["data"]["solveComplaint"]["status"] == "APPLIED"
    assert later
    assert [reading.writes for reading in kept(house)] == [True, False]


async def test_a_write_whose_first_answer_is_broken_off_is_in_the_trail_as_unknown() -> None:
    document = """
    mutation Solve($input: SolveComplaintInput!) { solveComplaint(input: $input) { status
      customer { complaints { nodes @stream(initialCount: 1) { comments(first: 1) { nodes { body } } } } } } }
    """
    house = a_house(theirs("c1", "z1"))
    house.sources["complaints"].gates["comments"] = asyncio.Event()
    asking = asyncio.create_task(house.execute(document, solving("c1"), takes_incremental=True))
    for _ in range(100):
        await asyncio.sleep(0)
    assert "comments" in calls(house)
    asking.cancel()
    await asyncio.wait({asking})
    assert [(reading.outcome, reading.writes) for reading in kept(house)] == [("UNKNOWN", True)]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_streamed_list_asks_for_its_first_items_alone_at_first() -> None:
    document = "query Q($ids: [ID!]!) { customers(ids: $ids) @stream(initialCount: 1) { id party { fullName } } }"
    house, given = House(), {"ids": [CUSTOMER, OTHER]}
    answer = await house.execute(document, given, takes_incremental=True)
    assert isinstance(answer, Parts)
    first = await anext(answer)
    assert [one["id"] for one in first["data"]["customers"]] == [CUSTOMER]
    assert [keys for _, _, keys in house.questions()] == [("p1",)]
    later = [part async for part in answer]
    assert [keys for _, _, keys in house.questions()] == [("p1",), ("p2",)]
    assert merged([first, *later]) == await House().ask(document, given)


async def test_a_customer_who_stands_in_a_streamed_list_twice_is_told_twice() -> None:
    document = """
    query Q($ids: [ID!]!) { customers(ids: $ids) @stream(initialCount: 1) {
      id ... @defer { complaints { nodes { about { name } } } } } }
    """
    given = {"ids": [CUSTOMER, OTHER, CUSTOMER]}
    assert merged(await House().parts(document, given)) == await House().ask(document, given)


async def test_items_below_a_list_of_a_source_are_streamed_with_what_they_join() -> None:
    document = """
    query Q($id: ID!, $count: Int! = 1) { customer(id: $id) { complaints {
      nodes @stream(initialCount: $count, label: "rest") { subject comments(first: 2) { nodes { body } } } } } }
    """
    house = House()
    parts = await opened(house, document)
    first = await anext(parts)
    assert first["pending"] == [{"id": "0", "path": ["customer", "complaints", "nodes"], "label": "rest"}]
    assert [keys for _, names, keys in house.questions() if "comments" in names] == [("c2",)]
    assert merged([first, *[part async for part in parts]]) == await House().ask(document, GIVEN)


async def test_more_deferred_fragments_than_the_setting_allows_are_refused() -> None:
    document = (
        "query Q($id: ID!) { customer(id: $id) { ...A @defer ...A @defer ...A @defer } } fragment A on Customer { id }"
    )
    house = House(more_settings={"gateway": {"max_deferred": 2}})
    with pytest.raises(RequestError) as refused:
        await house.execute(document, GIVEN, takes_incremental=True)
    assert refused.value.reason == "TOO_MANY_DEFERRED"
    assert house.questions() == []


async def test_a_fault_of_ours_in_a_later_part_is_reported_and_its_text_stays_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House()
    source = house.sources["complaints"]

    async def broken(*_: Any) -> Any:
        raise ValueError("jan@heuvel.example")

    monkeypatch.setattr(source, "ask", broken)
    parts = await house.parts(SCREEN, GIVEN)
    assert "heuvel" not in str(parts)
    assert "INTERNAL_ERROR" in str(parts)
    assert [type(one) for one in house.faults] == [ValueError]


async def test_root_fields_that_are_deferred_are_entered_later() -> None:
    document = """
    query Q($id: ID!) { customer(id: $id) { id } ... @defer { more: customer(id: $id) { party { fullName } } } }
    """
    house = House()
    parts = await opened(house, document)
    await anext(parts)
    assert house.questions() == []
    (last,) = [part async for part in parts]
    assert last["incremental"][0]["data"] == {"more": {"party": {"fullName": "Ada"}}}


@pytest.mark.parametrize(
    ("first", "given", "is_refused"),
    [("first: 10", {}, False), ("first: 11", {}, True), ("first: $f", {"f": 11}, True)],
)
async def test_a_deferred_fragment_counts_for_every_object_that_it_may_stand_in(
    first: str, given: dict[str, Any], *, is_refused: bool
) -> None:
    document = f"""
    query Q($ids: [ID!]!, $f: Int! = 1) {{ customers(ids: $ids) {{
      complaints({first}) {{ nodes {{ id ... @defer {{ subject }} }} }} invoices(first: $f) {{ nodes {{ id }} }} }} }}
    """
    house = House(more_settings={"gateway": {"max_parts": 20}})
    asking = house.execute(document, {"ids": [CUSTOMER, OTHER], **given}, takes_incremental=True)
    if not is_refused:
        parts = await asking
        assert isinstance(parts, Parts)
        await parts.aclose()
        return
    with pytest.raises(RequestError) as refused:
        await asking
    assert refused.value.reason == "TOO_MANY_DEFERRED"
    assert house.questions() == []


async def test_origins_tell_of_what_is_selected_beside_them_in_a_later_part_too() -> None:
    query = (
        "{ me { party { ... @defer { kind } origins { field } ... @defer { fullName again: origins { field } } } } }"
    )
    answer = merged(await House().parts(query))

    told = [{"field": "kind"}, {"field": "fullName"}]
    assert answer["data"]["me"]["party"] == {"kind": "PERSON", "fullName": "Ada", "origins": told, "again": told}
