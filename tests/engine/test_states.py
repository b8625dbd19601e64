"""How it went with each source, told for one customer: what is missing, why, and what that means."""

import asyncio

import pytest
from tests.engine.house import CUSTOMER, OTHER, SETTINGS, House, four_sources, invoice, links_of
from tests.engine.memory import MemorySource

from klantbeeld.sdk.roles import BILLING
from klantbeeld.settings import Bilingual

pytestmark = pytest.mark.asyncio


async def test_a_role_that_nothing_fills_is_not_configured() -> None:
    sources = four_sources()
    del sources["billing"]
    house = House(sources)
    answer = await house.ask("{ me { invoices { nodes { id } } balances { amount } party { fullName } } }")

    assert answer["data"]["me"] == {"invoices": None, "balances": None, "party": {"fullName": "Ada"}}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["NOT_CONFIGURED"] * 2
    assert "source" not in answer["errors"][0]["extensions"]


async def test_what_a_source_cannot_give_is_not_supported() -> None:
    house = House()
    del house.sources["marketing"].held["campaigns"]
    answer = await house.ask("{ me { campaigns { name } sources { source state } } }")

    assert answer["data"]["me"]["campaigns"] is None
    (error,) = answer["errors"]
    assert (error["extensions"]["code"], error["extensions"]["source"]) == ("NOT_SUPPORTED", "marketing")
    assert {"source": "marketing", "state": "NOT_SUPPORTED"} in answer["data"]["me"]["sources"]


async def test_a_source_that_does_not_know_the_customer_is_nobodys_failure() -> None:
    house = House()
    query = "query ($id: ID!) { customer(id: $id) { invoices { nodes { id } } consents { status } sources { ...S } } }"
    answer = await house.ask(f"{query} fragment S on SourceStatus {{ source state consequence }}", {"id": OTHER})

    assert "errors" not in answer
    assert answer["data"]["customer"]["invoices"] is None
    states = {one["source"]: one["state"] for one in answer["data"]["customer"]["sources"]}
    assert states == {
        "billing": "NOT_LINKED",
        "complaints": "NOT_ASKED",
        "crm": "NOT_ASKED",
        "marketing": "NOT_LINKED",
    }
    assert all(one["consequence"] is None for one in answer["data"]["customer"]["sources"])


async def test_one_of_two_sources_that_fails_leaves_the_others_part() -> None:
    sources = four_sources()
    held = {"invoices": {"l1": [invoice(9)]}, "billing_accounts": {"l1": []}}
    sources["ledger"] = MemorySource("ledger", BILLING, held, problem="timeout")  # type: ignore[arg-type]
    house = House(sources)
    house.customers[CUSTOMER] = links_of(CUSTOMER, billing="cus_1", ledger="l1")
    answer = await house.ask("{ me { invoices { nodes { number } incomplete { source state } } balances { amount } } }")

    me = answer["data"]["me"]
    assert len(me["invoices"]["nodes"]) == 5
    assert me["invoices"]["incomplete"] == [{"source": "ledger", "state": "TIMEOUT"}]
    # A sum over what is missing would be wrong, so there is none.
    assert me["balances"] is None
    assert [error["path"] for error in answer["errors"]] == [["me", "balances"]]


async def test_sources_tell_what_is_missing_and_what_that_means() -> None:
    house = House()
    house.sources["complaints"].problem = "unavailable"
    house.settings.sources["complaints"] = SETTINGS.model_copy(
        update={"risk_when_missing": Bilingual(nl="stuur niets", en="send nothing")}
    )
    query = "{ me { complaints { nodes { id } } party { id } sources { source role state code consequence asOf } } }"
    found = {one["source"]: one for one in (await house.ask(query))["data"]["me"]["sources"]}

    assert list(found) == ["billing", "complaints", "crm", "marketing"]
    assert found["complaints"] == {
        "source": "complaints",
        "role": "COMPLAINTS",
        "state": "UNAVAILABLE",
        "code": "SOURCE_UNAVAILABLE",
        "consequence": "send nothing",
        "asOf": None,
    }
    assert (found["crm"]["state"], found["crm"]["asOf"]) == ("OK", "2026-11-23T12:00:00Z")
    assert (found["billing"]["state"], found["billing"]["consequence"]) == ("NOT_ASKED", None)


async def test_sources_speak_of_one_customer_each() -> None:
    house = House()
    query = """query ($ids: [ID!]!) { customers(ids: $ids) { invoices { nodes { id } } sources { source state } } }"""
    one, other = (await house.ask(query, {"ids": [CUSTOMER, OTHER]}))["data"]["customers"]

    assert {"source": "billing", "state": "OK"} in one["sources"]
    assert {"source": "billing", "state": "NOT_LINKED"} in other["sources"]


@pytest.mark.parametrize("last", ["party", "orders"])
async def test_what_is_told_of_a_source_does_not_depend_on_what_came_back_first(last: str) -> None:
    house = House()
    house.sources["crm"].problems = {"party": "invalid", "orders": "unavailable"}
    gate = house.sources["crm"].gates[last] = asyncio.Event()
    query = "{ me { party { id } orders { nodes { lines { product { id } } } } sources { source code } } }"
    asking = asyncio.ensure_future(house.ask(query))
    for _ in range(20):
        await asyncio.sleep(0)
    gate.set()

    assert {"source": "crm", "code": "SOURCE_UNAVAILABLE"} in (await asking)["data"]["me"]["sources"]
