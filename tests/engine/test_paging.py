"""Pages over several sources: one order, nothing twice, nothing lost."""

from collections.abc import Iterator
from functools import partial
from itertools import repeat
from random import Random
from typing import Any

import pytest
from tests.engine.house import CUSTOMER, OTHER, House, links_of
from tests.engine.paged import PagedSource, billing, expected, house_of, numbers_of, page_of, walk

pytestmark = pytest.mark.asyncio


def seeded() -> Iterator[Random]:
    """Give the same twelve sources of chance each time."""
    return (Random(seed) for seed in range(12))


def sizes(random: Random) -> Iterator[int]:
    """Give sizes of pages without end."""
    return iter(lambda: random.randint(1, 6), 0)


def two_billings(random: Random, **more: Any) -> House:
    return house_of(billing("old", ["a"], random, **more), billing("young", ["b"], random, **more))


def everything(pages: list[dict[str, Any]]) -> list[str]:
    return [number for page in pages for number in numbers_of(page)]


async def test_two_sources_are_one_list_newest_first() -> None:
    for random in seeded():
        house = two_billings(random, days=None)
        pages = await walk(house, repeat(random.randint(1, 5)))
        assert everything(pages) == expected(house)


async def test_no_page_begins_with_something_newer_than_the_page_before_it() -> None:
    for random in seeded():
        pages = await walk(two_billings(random), repeat(random.randint(1, 5)))
        days = [edge["node"]["issuedOn"] for page in pages for edge in page["edges"]]
        assert days == sorted(days, reverse=True)


async def test_equal_days_stand_in_the_order_of_source_and_record_on_a_page() -> None:
    for random in seeded():
        house = two_billings(random)
        page = await page_of(house, 100)
        assert numbers_of(page) == expected(house)


async def test_nothing_is_lost_or_given_twice_where_days_are_equal() -> None:
    for random in seeded():
        house = two_billings(random)
        pages = await walk(house, repeat(random.randint(1, 5)))
        assert sorted(everything(pages)) == sorted(expected(house))


async def test_pages_of_changing_size_lose_nothing() -> None:
    for random in seeded():
        house = two_billings(random)
        pages = await walk(house, sizes(random))
        assert sorted(everything(pages)) == sorted(expected(house))


async def test_pages_of_changing_size_lose_nothing_where_no_days_are_equal() -> None:
    for random in seeded():
        house = two_billings(random, days=None)
        pages = await walk(house, sizes(random))
        assert sorted(everything(pages)) == sorted(expected(house))


async def test_several_links_at_one_source_are_one_list() -> None:
    for random in seeded():
        house = house_of(billing("old", ["a", "b", "c"], random), billing("young", ["d", "e"], random))
        pages = await walk(house, repeat(random.randint(1, 5)))
        assert sorted(everything(pages)) == sorted(expected(house))


async def test_several_links_that_are_asked_in_one_call_are_one_list() -> None:
    for random in seeded():
        source = billing("old", ["a", "b", "c"], random, least=4)
        source.batch = 10
        house = house_of(source, billing("young", ["d"], random, least=4))
        pages = await walk(house, repeat(random.randint(1, 5)))
        assert sorted(everything(pages)) == sorted(expected(house))


async def test_each_customer_of_one_call_has_a_page_of_its_own() -> None:
    """Two customers are asked for together, and all that is new belongs to the first."""
    source = billing("old", ["a", "b"], Random(1), days=None)
    source.batch = 10
    for record in source.held["invoices"]["b"]:
        record.issued_on = record.issued_on.replace(year=2020)  # type: ignore[attr-defined]
    house = house_of(source)
    house.customers |= {CUSTOMER: links_of(CUSTOMER, old="a"), OTHER: links_of(OTHER, old="b")}
    query = "query ($ids: [ID!]!) { customers(ids: $ids) { invoices(first: 3) { nodes { number } } } }"

    answer = await house.ask(query, {"ids": [CUSTOMER, OTHER]})

    held = source.held["invoices"]
    got = [len(one["invoices"]["nodes"]) for one in answer["data"]["customers"]]
    assert got == [min(3, len(held["a"])), min(3, len(held["b"]))]


async def test_a_page_can_begin_behind_any_edge() -> None:
    for random in seeded():
        house = two_billings(random)
        pages = await walk(house, repeat(3))
        whole = everything(pages)
        for edge in (edge for page in pages for edge in page["edges"]):
            rest = everything(await walk(house, repeat(3), edge["cursor"]))
            assert sorted(rest) == sorted(whole[whole.index(edge["node"]["number"]) + 1 :])


async def test_what_a_failed_source_owes_comes_on_a_later_page() -> None:
    for random in seeded():
        house = two_billings(random, days=None)
        for name in ("old", "young"):
            _billing(house, name).failing = partial(_one_in_three, random)
        assert sorted(await _patient_walk(house, random)) == sorted(expected(house))


def _one_in_three(random: Random) -> bool:
    return random.random() < 1 / 3


async def _patient_walk(house: House, random: Random) -> list[str]:
    """Walk to the end; a page for which every source failed is asked again."""
    after, found = None, []
    for _ in range(400):
        answer = await house.ask(PAGE, {"id": CUSTOMER, "first": random.randint(1, 4), "after": after})
        page = answer["data"]["customer"]["invoices"]
        if page is None:
            assert answer["errors"][0]["extensions"]["code"] == "SOURCE_UNAVAILABLE"
            continue
        found += [node["number"] for node in page["nodes"]]
        assert page["pageInfo"]["hasNextPage"] or not page["incomplete"]
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]
    message = "the walk does not end"
    raise AssertionError(message)


PAGE = """
query ($id: ID!, $first: Int!, $after: String) {
  customer(id: $id) {
    invoices(first: $first, after: $after) {
      nodes { number } pageInfo { hasNextPage endCursor } incomplete { source state code consequence }
    }
  }
}
"""


async def test_a_source_that_failed_keeps_its_position() -> None:
    house = two_billings(Random(1), most=12)
    whole = expected(house)
    old, young = _billing(house, "old"), _billing(house, "young")
    first = await page_of(house, 4)
    old.problem = "timeout"
    second = await page_of(house, 100, first["pageInfo"]["endCursor"])
    old.problem = None
    third = await page_of(house, 100, second["pageInfo"]["endCursor"])

    assert second["incomplete"] == [{"source": "old"}]
    assert all(edge["node"]["provenance"]["source"] == "young" for edge in second["edges"])
    assert all(edge["node"]["provenance"]["source"] == "old" for edge in third["edges"])
    assert sorted(everything([first, second, third])) == sorted(whole)
    assert not third["pageInfo"]["hasNextPage"]
    # What had been delivered to the end is not asked again.
    assert len(young.asked) == 2


async def test_a_page_says_whether_something_stands_before_it() -> None:
    house = two_billings(Random(2))
    first = await page_of(house, 2)
    second = await page_of(house, 2, first["pageInfo"]["endCursor"])

    assert not first["pageInfo"]["hasPreviousPage"]
    assert second["pageInfo"]["hasPreviousPage"]
    assert first["pageInfo"]["startCursor"] == first["edges"][0]["cursor"]


async def test_a_short_page_of_one_source_does_not_let_older_records_of_another_go_first() -> None:
    """One source gives two records a page whatever is asked; its third is newer than all of the other source."""
    old, young = (billing(name, ["a"], Random(3), days=1, least=6) for name in ("old", "young"))
    young.largest = 2
    for record in young.held["invoices"]["a"]:
        record.issued_on = record.issued_on.replace(month=9)  # type: ignore[attr-defined]
    house = house_of(old, young)

    pages = await walk(house, repeat(5))

    newest = everything(pages)[: len(young.held["invoices"]["a"])]
    assert sorted(newest) == sorted(number for number in expected(house) if number.startswith("young"))


async def test_a_customer_without_invoices_has_an_empty_last_page() -> None:
    house = house_of(billing("old", ["a"], Random(5), most=0))
    page = await page_of(house, 5)

    assert page["edges"] == []
    assert page["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": False,
        "startCursor": None,
        "endCursor": page["pageInfo"]["endCursor"],
    }


@pytest.mark.parametrize("first", [0, -1, 101, 2**31 - 1])
async def test_a_page_of_another_size_than_1_to_100_is_refused(first: int) -> None:
    house = two_billings(Random(6))
    answer = await house.ask(PAGE, {"id": CUSTOMER, "first": first})

    assert answer["data"]["customer"]["invoices"] is None
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert answer["errors"][0]["extensions"]["place"] == "first"
    assert answer["errors"][0]["extensions"]["allowed"] == ["1..100"]
    assert answer["errors"][0]["path"] == ["customer", "invoices"]


async def test_no_source_is_asked_for_a_page_that_is_refused() -> None:
    house = two_billings(Random(6))
    await house.ask(PAGE, {"id": CUSTOMER, "first": 100_000})

    assert house.questions() == []


CURSORS = """
query ($id: ID!, $other: ID!, $after: String) {
  customer(id: $id) {
    products(after: $after) { nodes { id } }
    orders(after: $after) { nodes { id } }
    filtered: invoices(state: PAID, after: $after) { nodes { id } }
    invoices(after: $after) { nodes { id } }
  }
  other: customer(id: $other) { invoices(after: $after) { nodes { id } } }
}
"""


async def test_a_cursor_opens_at_its_own_field_arguments_and_customer_alone() -> None:
    house = two_billings(Random(7))
    cursor = (await page_of(house, 1))["edges"][0]["cursor"]
    house.sources["crm"].asked.clear()

    answer = await house.ask(CURSORS, {"id": CUSTOMER, "other": OTHER, "after": cursor})

    refused = {tuple(error["path"]): error["extensions"]["code"] for error in answer["errors"]}
    assert refused == dict.fromkeys(
        [("customer", "products"), ("customer", "orders"), ("customer", "filtered"), ("other", "invoices")],
        "CURSOR_INVALID",
    )
    assert answer["data"]["customer"]["invoices"]["nodes"]
    assert house.sources["crm"].asked == []


async def test_a_cursor_fits_a_page_of_another_size() -> None:
    house = two_billings(Random(8), days=None)
    cursor = (await page_of(house, 1))["pageInfo"]["endCursor"]

    assert numbers_of(await page_of(house, 3, cursor)) == expected(house)[1:4]


def forgeries(cursor: str) -> dict[str, str]:
    middle = len(cursor) // 2
    return {
        "changed": cursor[:middle] + ("A" if cursor[middle] != "A" else "B") + cursor[middle + 1 :],
        "cut short": cursor[:-4],
        "lengthened": cursor + "AAAA",
        "nothing": " ",
        "no base 64": "%%%",
        "not ASCII": "é" * 20,
        "short": "QQ",
        "somebody else's": "b2Zmc2V0OjEw",
    }


@pytest.mark.parametrize("kind", forgeries("x" * 20))
async def test_a_forged_cursor_is_refused_at_its_field(kind: str) -> None:
    house = two_billings(Random(9))
    forged = forgeries((await page_of(house, 1))["edges"][0]["cursor"])[kind]
    answer = await house.ask(PAGE, {"id": CUSTOMER, "first": 5, "after": forged})

    assert answer["data"] == {"customer": {"invoices": None}}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["CURSOR_INVALID"]
    assert forged not in str(answer) or forged == " "


async def test_a_cursor_shows_neither_record_nor_position() -> None:
    house = two_billings(Random(10))
    page = await page_of(house, 3)

    for edge in page["edges"]:
        assert edge["node"]["provenance"]["recordId"] not in edge["cursor"]
        assert "old" not in edge["cursor"]


async def test_the_same_place_has_the_same_cursor_on_every_replica() -> None:
    pages = [await page_of(two_billings(Random(11)), 3) for _ in range(2)]

    assert pages[0] == pages[1]


async def test_aliases_of_different_sizes_that_share_a_call_page_on_alike() -> None:
    """A small page that shared its call with a large one goes on where it ended."""
    house = house_of(billing("old", ["a"], Random(12), days=1, least=8))
    whole = expected(house)
    both = "{ me { small: invoices(first: 2) { ...P } large: invoices(first: 6) { ...P } } }"
    fragment = "fragment P on InvoiceConnection { nodes { number } pageInfo { endCursor } }"
    page = (await house.ask(f"{both} {fragment}"))["data"]["me"]["small"]
    assert len(house.questions()) == 1

    rest = await walk(house, repeat(2), page["pageInfo"]["endCursor"])

    assert sorted([node["number"] for node in page["nodes"]] + everything(rest)) == sorted(whole)


def _billing(house: House, name: str) -> PagedSource:
    source = house.sources[name]
    assert isinstance(source, PagedSource)
    return source
