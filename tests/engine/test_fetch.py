"""What is asked of which source, when, and for whom."""

import asyncio
import gc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from tests.engine.house import CUSTOMER, OTHER, House, complaint, four_sources, invoice, links_of
from tests.engine.memory import MemoryRows, MemorySource

from klantbeeld.engine.run import Place, Run
from klantbeeld.graph.ids import RecordId, seal_record_id
from klantbeeld.sdk import records
from klantbeeld.sdk.roles import BILLING

pytestmark = pytest.mark.asyncio

UNIFIED = """
query Unified($id: ID!) {
  customer(id: $id) {
    party { fullName }
    contactMedia { kind value }
    orders { nodes { number } }
    invoices { nodes { number } }
    more: invoices(first: 50) { nodes { id } }
    balances { amount }
    billingAccounts { name }
    complaints { nodes { subject } }
    consents { purpose }
    preferences { topic }
    campaigns { name }
    attributes { name }
    interactions { nodes { kind } }
    marketingEligibility(channel: EMAIL) { allowed blockers { code evidence { id } } asOf }
    sources { source state }
  }
}
"""


async def settle(is_so: Callable[[], bool]) -> None:
    """Let tasks run until something is so; a turn of the loop each time, and no clock."""
    for _ in range(200):
        if is_so():
            return
        await asyncio.sleep(0)
    message = "it does not come about"
    raise AssertionError(message)


def kinds(house: House) -> list[tuple[str, tuple[str, ...]]]:
    return sorted((source, calls) for source, calls, _ in house.questions())


async def test_each_kind_of_record_is_asked_once_of_each_source() -> None:
    house = House()
    answer = await house.ask(UNIFIED, {"id": CUSTOMER})

    assert "errors" not in answer
    assert len(kinds(house)) == len(set(kinds(house)))
    assert {source for source, _ in kinds(house)} == {"crm", "billing", "complaints", "marketing"}


async def test_capabilities_that_one_call_serves_are_asked_together() -> None:
    house = House()
    house.sources["marketing"].shares = dict.fromkeys(house.sources["marketing"].held, "account")
    await house.ask(UNIFIED, {"id": CUSTOMER})

    (question,) = house.sources["marketing"].asked
    assert set(question.members) == {"consents", "preferences", "campaigns", "attributes"}


async def test_questions_with_other_arguments_are_other_calls() -> None:
    house = House()
    query = "{ me { a: complaints(open: true) { nodes { id } } b: complaints(open: false) { nodes { id } } } }"
    answer = await house.ask(query)

    assert len(house.sources["complaints"].asked) == 2
    assert len(answer["data"]["me"]["a"]["nodes"]) == 3
    assert answer["data"]["me"]["b"]["nodes"] == []


async def test_only_members_that_are_selected_or_used_are_asked() -> None:
    house = House()
    await house.ask("{ me { invoices { nodes { number } } party { fullName } } }")

    (invoices,), (party,) = (house.sources[name].asked for name in ("billing", "crm"))
    assert invoices.members == {"invoices": frozenset({"number", "issued_on", "due_on", "settlement"})}
    assert party.members == {"party": frozenset({"full_name"})}


async def test_an_alias_gets_its_members_though_another_asked_for_others() -> None:
    house = House()
    query = "{ me { a: invoices { nodes { number } } b: invoices { nodes { total { currency } } } } }"
    answer = await house.ask(query)

    (question,) = house.sources["billing"].asked
    assert {"number", "total"} <= question.members["invoices"]
    assert answer["data"]["me"]["b"]["nodes"][0] == {"total": {"currency": "EUR"}}


async def test_customers_are_asked_together_within_the_bound_of_the_connector() -> None:
    house = House()
    house.sources["crm"].batch = 2
    ids = [f"01900000-0000-7000-8000-0000000001{number:02}" for number in range(5)]
    house.customers |= {one: links_of(one, crm=f"p{one[-2:]}") for one in ids}
    query = "query ($ids: [ID!]!) { customers(ids: $ids) { id party { fullName } } }"
    house.sources["crm"].held["party"] = {
        f"p{one[-2:]}": [records.Party(record_id=f"p{one[-2:]}", full_name=f"name {one[-2:]}")] for one in ids
    }

    answer = await house.ask(query, {"ids": [*ids, ids[0]]})

    keys = [question.keys for question in house.sources["crm"].asked]
    assert sorted(len(found) for found in keys) == [1, 2, 2]
    assert len({key for found in keys for key in found}) == 5
    names = [one["party"]["fullName"] for one in answer["data"]["customers"]]
    assert names == [f"name {one[-2:]}" for one in [*ids, ids[0]]]


async def test_records_are_asked_together_and_each_once() -> None:
    house = House()
    house.sources["billing"].batch = 2
    lines = [records.InvoiceLine(product_reference=f"prod_{number % 3}") for number in range(9)]
    bill = invoice(1)
    bill.lines = lines
    house.sources["billing"].held["invoices"]["cus_1"] = [bill]
    house.sources["billing"].held["product"] = {
        f"prod_{number}": [records.Product(record_id=f"prod_{number}", name=f"{number}")] for number in range(3)
    }

    answer = await house.ask("{ me { invoices { nodes { lines { product { name } } } } } }")

    _, *products = house.sources["billing"].asked
    assert sorted(key for question in products for key in question.keys) == ["prod_0", "prod_1", "prod_2"]
    assert all(len(question.keys) <= 2 for question in products)
    found = [line["product"]["name"] for line in answer["data"]["me"]["invoices"]["nodes"][0]["lines"]]
    assert found == [str(number % 3) for number in range(9)]


async def test_a_record_that_two_customers_name_is_read_for_each_by_their_own_links() -> None:
    house = House()
    house.customers[OTHER] = links_of(OTHER, billing="cus_9", complaints="z9")
    house.sources["complaints"].held["complaints"]["z9"] = [complaint(7)]
    house.sources["billing"].batch = 10
    query = "query ($ids: [ID!]!) { customers(ids: $ids) { complaints { nodes { about { id } } } } }"

    answer = await house.ask(query, {"ids": [CUSTOMER, OTHER]})

    asked = [question.subjects["prod_1"] for question in house.sources["billing"].asked]
    assert sorted((one.customer_id, *one.owners) for one in asked) == [(CUSTOMER, "cus_1"), (OTHER, "cus_9")]
    for one, customer_id in zip(answer["data"]["customers"], (CUSTOMER, OTHER), strict=True):
        own = seal_record_id(RecordId("Product", customer_id, "billing", "prod_1"))
        assert {node["about"]["id"] for node in one["complaints"]["nodes"]} == {own}


async def test_all_that_depends_on_the_customer_alone_starts_together() -> None:
    house = House()
    gates = _close(house, *((name, call) for name, source in house.sources.items() for call in source.held))
    asking = asyncio.ensure_future(house.ask(UNIFIED, {"id": CUSTOMER}))
    await settle(lambda: len(house.questions()) == 12)

    for gate in gates:
        gate.set()
    answer = await asking
    assert "errors" not in answer
    assert len(house.questions()) == 12


async def test_what_is_below_a_quick_source_does_not_wait_for_a_slow_one() -> None:
    house = House()
    slow, *others = _close(house, ("crm", "party"), ("billing", "invoices"))
    query = "{ me { party { fullName } invoices { nodes { id } } complaints { nodes { about { name } } } } }"
    asking = asyncio.ensure_future(house.ask(query))

    await settle(lambda: ("billing", ("product",), ("prod_1",)) in house.questions())
    for gate in (slow, *others):
        gate.set()
    assert (await asking)["data"]["me"]["complaints"]["nodes"][0]["about"] == {"name": "Device"}


async def test_what_is_below_one_customer_does_not_wait_for_what_is_below_another_field() -> None:
    house = House()
    (gate,) = _close(house, ("complaints", "complaints"))
    query = "{ me { complaints { nodes { comments { nodes { body } } } } } }"
    asking = asyncio.ensure_future(house.ask(query))
    await settle(lambda: len(house.questions()) == 1)
    assert not asking.done()

    gate.set()
    await asking
    assert [calls for _, calls, _ in house.questions()] == [("complaints",), *[("comments",)] * 3]


async def test_what_is_broken_off_says_nothing_to_the_loop() -> None:
    said: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    house = House()
    _close(house, ("complaints", "comments"), ("billing", "invoices"))  # one below the level, and one on it
    query = "{ me { complaints { nodes { comments { nodes { body } } } } invoices { nodes { id } } } }"
    asking = asyncio.ensure_future(house.ask(query))
    await settle(lambda: any(calls == ("comments",) for _, calls, _ in house.questions()))
    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking
    del asking
    for _ in range(5):
        await asyncio.sleep(0)
    gc.collect()
    assert said == []


async def test_root_fields_are_read_together() -> None:
    house = House()
    gates = _close(house, ("crm", "party"), ("billing", "invoices"))
    query = "query ($id: ID!) { me { party { fullName } } customer(id: $id) { invoices { nodes { id } } } }"
    asking = asyncio.ensure_future(house.ask(query, {"id": CUSTOMER}))
    await settle(lambda: len(house.questions()) == 2)

    for gate in gates:
        gate.set()
    assert "errors" not in await asking


@pytest.mark.parametrize("condition", ["@skip(if: $yes)", "@include(if: $no)", "@skip(if: true)"])
@pytest.mark.parametrize("place", ["field", "fragment", "parent"])
async def test_what_is_not_selected_is_not_asked(condition: str, place: str) -> None:
    house = House()
    selections = {
        "field": f"invoices {condition} {{ nodes {{ id }} }}",
        "fragment": f"... {condition} {{ invoices {{ nodes {{ id }} }} }}",
        "parent": f"complaints {{ nodes {condition} {{ about {{ name }} }} }}",
    }
    head = "query ($yes: Boolean! = true, $no: Boolean! = false)"
    used = "yes: me @skip(if: $yes) { id } no: me @include(if: $no) { id }"
    answer = await house.ask(f"{head} {{ me {{ id {selections[place]} }} {used} }}")

    assert "errors" not in answer
    assert house.sources["billing"].asked == []


@pytest.mark.parametrize("scope", ["billing:read", "complaints:read", "marketing:read", "crm:read"])
async def test_what_rights_refuse_is_not_asked(scope: str) -> None:
    house = House()
    query = "{ me { party { fullName } invoices { nodes { id } } complaints { nodes { id } } consents { status } } }"
    answer = await house.ask(query, without=[scope])

    refused = {"billing": "invoices", "complaints": "complaints", "marketing": "consents", "crm": "party"}
    source = scope.partition(":")[0]
    assert house.sources[source].asked == []
    assert sum(len(one.asked) for one in house.sources.values()) == 3
    assert [error["path"] for error in answer["errors"]] == [["me", refused[source]]]
    assert answer["errors"][0]["extensions"]["code"] == "SCOPE_MISSING"


async def test_members_that_rights_refuse_are_not_asked_for() -> None:
    house = House()
    await house.ask("{ me { complaints { nodes { subject about { name } } } } }", without=["billing:read"])

    assert house.sources["billing"].asked == []
    (question,) = house.sources["complaints"].asked
    assert "product_reference" not in question.members["complaints"]


async def test_what_a_customer_did_not_release_is_not_asked() -> None:
    house = House(rows=MemoryRows(CUSTOMER, withheld={CUSTOMER: frozenset({"billing:read"})}))
    answer = await house.ask("{ me { invoices { nodes { id } } complaints { nodes { subject } } } }")

    assert house.sources["billing"].asked == []
    assert answer["data"]["me"]["invoices"] is None
    assert answer["data"]["me"]["complaints"]["nodes"]
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["NOT_GRANTED"]


async def test_a_customer_who_is_not_to_be_seen_makes_no_call() -> None:
    house = House(rows=MemoryRows(CUSTOMER, frozenset({CUSTOMER})))
    assert await house.ask("{ me { invoices { nodes { id } } } }") == {"data": {"me": None}}
    assert house.questions() == []


async def test_a_null_where_an_argument_takes_none_costs_its_own_field() -> None:
    house = House()
    query = "query ($first: Int) { me { id invoices(first: $first) { nodes { id } } party { fullName } } }"
    answer = await house.ask(query, {"first": None})

    assert answer["data"]["me"] == {"id": CUSTOMER, "invoices": None, "party": {"fullName": "Ada"}}
    (error,) = answer["errors"]
    assert error["path"] == ["me", "invoices"]
    assert error["extensions"]["code"] != "INTERNAL_ERROR"
    assert house.faults == []


async def test_a_field_below_one_type_of_record_is_not_looked_for_in_another() -> None:
    house = House()
    product = seal_record_id(RecordId("Product", CUSTOMER, "billing", "prod_1"))
    query = "query ($id: ID!) { node(id: $id) { id ... on Invoice { lines { product { name } } } } }"
    answer = await house.ask(query, {"id": product})

    assert answer == {"data": {"node": {"id": product}}}


async def test_a_record_of_a_source_that_is_not_there_is_unknown() -> None:
    house = House()
    answer = await house.ask(
        "query ($id: ID!) { node(id: $id) { id } }",
        {"id": seal_record_id(RecordId("Order", CUSTOMER, "nowhere", "o1"))},
    )

    assert answer == {"data": {"node": None}}
    assert house.questions() == []


async def test_another_source_does_not_answer_for_the_one_that_a_record_is_of() -> None:
    sources = four_sources()
    sources["ledger"] = MemorySource("ledger", BILLING, {"billing_accounts": {"l1": []}})
    house = House(sources)
    answer = await house.ask(
        "query ($id: ID!) { node(id: $id) { id } }",
        {"id": seal_record_id(RecordId("Invoice", CUSTOMER, "billing", "in_0"))},
    )

    assert answer == {"data": {"node": None}}


async def test_a_source_by_reference_is_told_apart_by_graphql_core_too() -> None:
    house = House()
    query = '{ __schema { queryType { name } } customerByReference(source: "crm", recordId: "p1") { id } }'
    answer = await house.ask(query)

    assert answer["data"]["customerByReference"] == {"id": CUSTOMER}
    assert house.fallbacks == 1


async def test_graphql_core_refuses_what_rights_refuse_whatever_its_arguments_are_called() -> None:
    house = House()
    query = '{ __schema { queryType { name } } customerByReference(source: "crm", recordId: "p1") { id } }'
    answer = await house.ask(query, without=["identity:read"])

    assert [error["extensions"]["code"] for error in answer["errors"]] == ["SCOPE_MISSING"]


def _close(house: House, *places: tuple[str, str]) -> list[asyncio.Event]:
    """Let questions for some capabilities wait; returns the events that let them go on."""
    gates = []
    for name, call in places:
        gates.append(asyncio.Event())
        house.sources[name].gates[call] = gates[-1]
    return gates


async def test_what_another_source_cannot_do_says_nothing_of_a_record_of_a_source_that_is_not_there() -> None:
    sources = four_sources()
    del sources["billing"].held["invoice"]
    answer = await House(sources).ask(
        "query ($id: ID!) { node(id: $id) { id } }",
        {"id": seal_record_id(RecordId("Invoice", CUSTOMER, "nowhere", "in_1"))},
    )

    assert answer == {"data": {"node": None}}


async def test_no_other_system_is_asked_for_a_comparison_that_is_skipped() -> None:
    house = House()
    query = "query ($no: Boolean!) { me { party { fullName origins @include(if: $no) { alternatives { value } } } } }"
    await house.ask(query, {"no": False})

    assert [source for source, *_ in house.questions()] == ["crm"]


async def test_nothing_of_an_answered_request_waits_for_the_garbage_collector() -> None:
    house = House()
    for _ in range(2):  # from the second time on it is assembled by functions of its own
        assert "errors" not in await house.ask(UNIFIED, {"id": CUSTOMER})
    gc.collect()
    gc.disable()
    try:
        await house.ask(UNIFIED, {"id": CUSTOMER})
        left = [one for one in gc.get_objects() if isinstance(one, Run | Place)]
    finally:
        gc.enable()
    assert left == []
