"""What a customer reads of how their data is used, through the engine."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.engine.house import CUSTOMER, NOW, OTHER, House
from tests.engine.memory import MemoryRegister

from klantbeeld.access.defaults import default_access
from klantbeeld.errors import StoreError
from klantbeeld.graph.data_use import Disclosure, Granted
from klantbeeld.sdk.words import Category

MERGED = "01900000-0000-7000-8000-0000000000aa"
DISCLOSURES = """query Use($id: ID!, $after: String) { customer(id: $id) { dataUse {
  disclosures(first: 2, after: $after) {
    nodes { at changed client callerClass purpose purposeTitle fields sources channel }
    pageInfo { hasNextPage endCursor }
  }
} } }"""
GRANTS = """query Use($id: ID!) { customer(id: $id) { dataUse {
  grants { client purpose scopes fields evidence validFrom validTo withdrawnAt isActive }
} } }"""
WHERE = """query Use($id: ID!) { customer(id: $id) {
  dataUse { categories holdings { source roles categories hostedIn processor retention } }
  sources { source state }
} }"""


def disclosure(number: int, **more: Any) -> Disclosure:
    made: dict[str, Any] = {
        "record_id": f"d{number}",
        "at": NOW - timedelta(minutes=number),
        "client": f"client-{number}",
        "caller_class": "agent",
        "purpose": "service",
        "fields": ["Customer.party"],
        "sources": ["crm"],
    }
    return Disclosure(**(made | more))


def grant(**more: Any) -> Granted:
    made: dict[str, Any] = {
        "record_id": "g1",
        "client": "koerier",
        "purpose": "fulfilment",
        "scopes": ["crm:read"],
        "fields": [],
        "evidence": "APP 2026-01",
        "valid_from": NOW - timedelta(days=1),
    }
    return Granted(**(made | more))


async def used(house: House, query: str, **variables: Any) -> dict[str, Any]:
    response = await house.ask(query, {"id": CUSTOMER, **variables})
    assert "errors" not in response, response
    found: dict[str, Any] = response["data"]["customer"]["dataUse"]
    return found


@pytest.mark.asyncio
async def test_who_received_data_is_told_newest_first_and_page_by_page() -> None:
    house = House(register=MemoryRegister(disclosed=[disclosure(number) for number in range(3)]))
    first = (await used(house, DISCLOSURES))["disclosures"]
    rest = (await used(house, DISCLOSURES, after=first["pageInfo"]["endCursor"]))["disclosures"]
    assert [node["client"] for node in first["nodes"]] == ["client-0", "client-1"]
    assert [node["client"] for node in rest["nodes"]] == ["client-2"]
    assert (first["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (True, False)
    assert first["nodes"][0]["fields"] == ["Customer.party"]


@pytest.mark.asyncio
async def test_grants_are_told_with_whether_they_hold() -> None:
    granted = [
        grant(),
        grant(client="withdrawn", withdrawn_at=NOW),
        grant(client="ended", valid_to=NOW),
        grant(client="coming", valid_from=NOW + timedelta(days=1)),
    ]
    found = await used(House(register=MemoryRegister(granted=granted)), GRANTS)
    assert {one["client"]: one["isActive"] for one in found["grants"]} == {
        "koerier": True,
        "withdrawn": False,
        "ended": False,
        "coming": False,
    }


@pytest.mark.asyncio
async def test_only_systems_that_know_the_customer_are_told_and_none_is_asked() -> None:
    house = House()
    house.sources["crm"].categories = (Category.SOCIAL,)
    house.sources["billing"].categories = (Category.CUSTOM,)
    house = House(sources=house.sources, customers=house.customers)
    response = await house.ask(WHERE, {"id": OTHER})
    customer = response["data"]["customer"]
    assert [one["source"] for one in customer["dataUse"]["holdings"]] == ["crm"]
    assert customer["dataUse"]["categories"] == ["SOCIAL"]
    assert house.questions() == []
    assert {one["state"] for one in customer["sources"]} == {"NOT_ASKED"}
    assert {one["source"] for one in customer["sources"]} == {"billing", "complaints", "crm", "marketing"}


@pytest.mark.asyncio
@pytest.mark.parametrize("query", [DISCLOSURES, GRANTS])
async def test_a_store_that_does_not_answer_is_an_error_and_no_empty_list(query: str) -> None:
    house = House(register=MemoryRegister(problem=StoreError("down")))
    response = await house.ask(query, {"id": CUSTOMER})
    assert [error["extensions"]["code"] for error in response["errors"]] == ["STORE_UNAVAILABLE"]


@pytest.mark.asyncio
@pytest.mark.parametrize("query", [DISCLOSURES, GRANTS])
async def test_a_partner_is_not_told_with_whom_else_the_customer_deals(query: str) -> None:
    house = House(register=MemoryRegister(disclosed=[disclosure(1)], granted=[grant()]))
    response = await house.ask(query, {"id": CUSTOMER}, is_partner=True)
    assert [error["extensions"]["code"] for error in response["errors"]] == ["NEVER_RELEASED"]


@pytest.mark.asyncio
async def test_purposes_are_told_with_their_titles_and_who_may_use_them() -> None:
    house = House(
        register=MemoryRegister(disclosed=[disclosure(1), disclosure(2, purpose="of-old")]),
        more_settings={"access": default_access()},
    )
    query = "query Q($id: ID!) { customer(id: $id) { dataUse { purposes { name title callerClasses } } } }"
    purposes = {one["name"]: one for one in (await used(house, query))["purposes"]}
    assert purposes["fulfilment"] == {
        "name": "fulfilment",
        "title": "Fulfilment by partners",
        "callerClasses": ["partner"],
    }
    told = (await used(house, DISCLOSURES))["disclosures"]["nodes"]
    assert [one["purposeTitle"] for one in told] == ["Customer service", None]


class FailsForOne(MemoryRegister):
    """Does not give what is kept under one id."""

    async def grants(self, customer_id: str, /) -> list[Granted]:
        if customer_id == MERGED:
            raise StoreError("down")
        return await super().grants(customer_id)


@pytest.mark.asyncio
async def test_grants_of_which_a_part_cannot_be_read_are_not_told() -> None:
    house = House(register=FailsForOne(granted=[grant()]))
    house.customers[CUSTOMER] = msgspec.structs.replace(house.customers[CUSTOMER], redirected_from=(MERGED,))
    response = await house.ask(GRANTS, {"id": CUSTOMER})
    assert response["data"]["customer"]["dataUse"]["grants"] is None
    assert [error["extensions"]["code"] for error in response["errors"]] == ["STORE_UNAVAILABLE"]


@pytest.mark.asyncio
async def test_what_was_kept_under_an_id_that_was_merged_is_told_too() -> None:
    house = House(register=MemoryRegister(granted=[grant()]))
    house.customers[CUSTOMER] = msgspec.structs.replace(house.customers[CUSTOMER], redirected_from=(MERGED,))
    assert len((await used(house, GRANTS))["grants"]) == 2
    assert len((await used(house, WHERE))["holdings"]) == 4
