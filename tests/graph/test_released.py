"""Judgements through the engine: what is asked for them, what leaves, and of whom."""

from collections import Counter
from datetime import date
from typing import Any

import msgspec
import pytest
from tests.engine.house import CUSTOMER, OTHER, STRANGER, House, MemoryRows, four_sources

from klantbeeld.sdk.records import Order, OrderLine

UNKNOWN = "01900000-0000-7000-8000-0000000000ee"
ELIGIBLE = """query E($id: ID!, $product: ID) { customer(id: $id) {
  marketingEligibility(channel: EMAIL, product: $product) {
    allowed asOf
    blockers { code source evidence {
      __typename id
      ... on Complaint { subject about { name } }
      ... on Order { number }
      ... on Invoice { number }
    } }
  }
} }"""
MANY = """query E($ids: [ID!]!) { marketingEligibilities(customers: $ids, channel: EMAIL) {
  allowed blockers { code evidence { ... on Complaint { subject } } }
} }"""
RESULT = "query E($id: ID!) { customer(id: $id) { marketingEligibility(channel: EMAIL) { allowed } } }"
QUALITY = "query Q($id: ID!) { customer(id: $id) { dataQuality { completeness { value unknown } } } }"
TIMELINE = "query T($id: ID!) { customer(id: $id) { interactions { nodes { kind } } } }"
COMPARED = """query P($id: ID!) { customer(id: $id) { party { fullName
  o: origins { field a: alternatives { source value } }
} } }"""
READABLE = ("crm:read", "billing:read", "complaints:read", "marketing:read")


def a_house(**more: Any) -> House:
    """Make a house whose customer is of age, bought what three open complaints are about, and has overdue invoices."""
    sources = four_sources()
    crm = sources["crm"].held
    crm["party"]["p1"] = [msgspec.structs.replace(crm["party"]["p1"][0], birth_date=date(1980, 1, 1))]
    crm["orders"]["p1"] = [Order(record_id="o1", number="O-1", lines=[OrderLine(product_reference="prod_1")])]
    return House(sources=sources, **more)


def eligibility(response: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = response["data"]["customer"]["marketingEligibility"]
    return found


def asked_of(house: House) -> Counter[str]:
    """How often each source was asked for each capability."""
    return Counter(f"{source}.{call}" for source, calls, _ in house.questions() for call in calls)


@pytest.mark.asyncio
async def test_a_judgement_shows_its_evidence_with_what_was_selected_of_it() -> None:
    found = eligibility(await a_house().ask(ELIGIBLE, {"id": CUSTOMER}))
    assert found["allowed"] is False
    blockers = {blocker["code"]: blocker for blocker in found["blockers"]}
    assert set(blockers) == {"OPEN_COMPLAINT", "REPEATED_COMPLAINTS", "OVERDUE_INVOICE"}
    shown = blockers["OPEN_COMPLAINT"]["evidence"]
    assert [one["__typename"] for one in shown] == [*["Complaint"] * 3, "Order", "Product"]
    assert shown[0]["subject"] == "complaint 0"
    assert shown[0]["about"] == {"name": "Device"}
    assert shown[3]["number"] == "O-1"
    assert blockers["OVERDUE_INVOICE"]["evidence"][0]["number"] == "2026-0"


@pytest.mark.asyncio
async def test_the_result_alone_reads_nothing_that_only_evidence_needs() -> None:
    house = a_house()
    await house.ask(RESULT, {"id": CUSTOMER})
    assert set(asked_of(house)) == {
        *("marketing.consents", "marketing.preferences", "complaints.complaints", "billing.invoices", "crm.party"),
    }
    (question,) = house.sources["complaints"].asked
    assert "subject" not in question.members["complaints"]


@pytest.mark.asyncio
async def test_what_is_asked_beside_a_judgement_is_not_asked_twice() -> None:
    house = a_house()
    query = ELIGIBLE.replace(
        "customer(id: $id) {", "customer(id: $id) { complaints { nodes { state } } consents { status }"
    )
    response = await house.ask(query, {"id": CUSTOMER})
    assert "errors" not in response
    assert {call: count for call, count in asked_of(house).items() if count > 1} == {}


@pytest.mark.asyncio
async def test_the_right_to_judge_is_enough_and_evidence_stays_where_it_is() -> None:
    house = a_house()
    found = eligibility(await house.ask(ELIGIBLE, {"id": CUSTOMER}, without=READABLE))
    assert found["allowed"] is False
    assert [blocker["evidence"] for blocker in found["blockers"]] == [[], [], []]
    assert not {"crm.orders", "billing.products", "billing.product"} & set(asked_of(house))


@pytest.mark.asyncio
async def test_evidence_that_the_customer_did_not_release_is_not_shown_and_not_fetched() -> None:
    rows = MemoryRows(CUSTOMER, withheld={CUSTOMER: frozenset({"crm:read", "billing:read"})})
    house = a_house(rows=rows)
    found = eligibility(await house.ask(ELIGIBLE, {"id": CUSTOMER}))
    kinds = {one["__typename"] for blocker in found["blockers"] for one in blocker["evidence"]}
    assert kinds == {"Complaint"}
    assert not {"crm.orders", "billing.products"} & set(asked_of(house))


@pytest.mark.asyncio
async def test_without_the_right_to_judge_nothing_is_said_and_nobody_asked() -> None:
    house = a_house()
    response = await house.ask(ELIGIBLE, {"id": CUSTOMER}, without=["eligibility:read"])
    assert eligibility(response) is None
    assert [error["extensions"]["code"] for error in response["errors"]] == ["SCOPE_MISSING"]
    assert house.questions() == []


@pytest.mark.asyncio
async def test_a_partner_learns_of_no_payment_that_it_may_not_read() -> None:
    rows = MemoryRows(CUSTOMER, withheld={CUSTOMER: frozenset({"billing:read"})})
    found = eligibility(await a_house(rows=rows).ask(ELIGIBLE, {"id": CUSTOMER}, is_partner=True))
    assert {blocker["code"] for blocker in found["blockers"]} == {"OPEN_COMPLAINT", "REPEATED_COMPLAINTS", "WITHHELD"}


@pytest.mark.asyncio
@pytest.mark.parametrize("source", ["crm", "billing", "complaints", "marketing"])
@pytest.mark.parametrize("problem", ["timeout", "unavailable", "invalid"])
async def test_each_source_that_does_not_answer_refuses(source: str, problem: str) -> None:
    house = a_house()
    house.sources["complaints"].held["complaints"]["z1"] = []
    house.sources["billing"].held["invoices"]["cus_1"] = []
    assert eligibility(await house.ask(RESULT, {"id": CUSTOMER})) == {"allowed": True}
    house.sources[source].problem = problem
    assert eligibility(await house.ask(RESULT, {"id": CUSTOMER})) == {"allowed": False}


@pytest.mark.asyncio
@pytest.mark.parametrize("role", ["crm", "billing", "complaints", "marketing"])
async def test_each_role_that_nobody_fills_refuses(role: str) -> None:
    sources = a_house().sources
    sources["complaints"].held["complaints"]["z1"] = []
    sources["billing"].held["invoices"]["cus_1"] = []
    del sources[role]
    assert eligibility(await House(sources=sources).ask(RESULT, {"id": CUSTOMER})) == {"allowed": False}


@pytest.mark.asyncio
@pytest.mark.parametrize(("product", "complaints"), [("prod_1", 2), ("prod_2", 0), ("elsewhere", 2)])
async def test_a_product_narrows_the_complaints(product: str, complaints: int) -> None:
    house = a_house()
    device = house.sources["billing"].held["product"]["prod_1"][0]
    other = msgspec.structs.replace(device, record_id="prod_2", owner="cus_1", code="prod_2")
    house.sources["billing"].held["product"]["prod_2"] = [other]
    found = eligibility(await house.ask(ELIGIBLE, {"id": CUSTOMER, "product": product}))
    assert len([one for one in found["blockers"] if "COMPLAINT" in one["code"]]) == complaints


@pytest.mark.asyncio
async def test_many_are_judged_in_their_order_and_nobody_knows_why_one_is_not_there() -> None:
    house = a_house()
    response = await house.ask(MANY, {"ids": [OTHER, UNKNOWN, STRANGER, CUSTOMER]})
    other, unknown, stranger, customer = response["data"]["marketingEligibilities"]
    assert (unknown, stranger) == (None, None)
    assert [blocker["code"] for blocker in other["blockers"]] == ["NO_CONSENT", "PARTY_UNKNOWN"]
    assert customer["blockers"][0]["evidence"][0] == {"subject": "complaint 0"}


@pytest.mark.asyncio
async def test_many_are_read_together_where_a_source_takes_several_at_once() -> None:
    house = a_house()
    house.sources["crm"].batch = 50
    await house.ask(MANY, {"ids": [OTHER, CUSTOMER]})
    assert [keys for source, calls, keys in house.questions() if (source, calls) == ("crm", ("party",))] == [
        ("p2", "p1")
    ]


@pytest.mark.asyncio
async def test_whoever_did_not_release_the_judgement_is_not_there_among_many() -> None:
    rows = MemoryRows(CUSTOMER, withheld={CUSTOMER: frozenset({"eligibility:read"})})
    response = await a_house(rows=rows).ask(MANY, {"ids": [CUSTOMER, OTHER]})
    assert response["data"]["marketingEligibilities"][0] is None
    assert response["data"]["marketingEligibilities"][1] is not None


@pytest.mark.asyncio
@pytest.mark.parametrize(("count", "code"), [(500, None), (501, "TOO_MANY_IDS")])
async def test_as_many_as_five_hundred_are_judged_at_once(count: int, code: str | None) -> None:
    response = await a_house().ask(MANY, {"ids": [CUSTOMER] * count})
    assert [error["extensions"]["code"] for error in response.get("errors", ())] == ([code] if code else [])


@pytest.mark.asyncio
@pytest.mark.parametrize("scope", READABLE)
async def test_what_may_not_be_read_is_unknown_to_quality_and_not_fetched(scope: str) -> None:
    house = a_house()
    response = await house.ask(QUALITY, {"id": CUSTOMER}, without=[scope])
    assert "errors" not in response
    assert scope.removesuffix(":read") not in {source for source, *_ in house.questions()}


@pytest.mark.asyncio
@pytest.mark.parametrize("scope", ["billing:read", "complaints:read"])
async def test_the_timeline_asks_no_source_for_what_the_customer_did_not_release(scope: str) -> None:
    by_rights, by_grant = a_house(), a_house(rows=MemoryRows(CUSTOMER, withheld={CUSTOMER: frozenset({scope})}))
    await by_rights.ask(TIMELINE, {"id": CUSTOMER}, without=[scope])
    await by_grant.ask(TIMELINE, {"id": CUSTOMER})
    for house in (by_rights, by_grant):
        assert scope.removesuffix(":read") not in {source for source, *_ in house.questions()}


@pytest.mark.asyncio
async def test_alternatives_are_asked_for_under_whatever_name_they_are_selected() -> None:
    house = a_house()
    response = await house.ask(COMPARED, {"id": CUSTOMER})
    others = {one["field"]: one["a"] for one in response["data"]["customer"]["party"]["o"]}
    assert others["fullName"] == [{"source": "billing", "value": "A. Lovelace"}]
