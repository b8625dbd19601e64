"""Customers of the sandbox's Stripe."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from klantbeeld.sandbox.facts import Person, Population

URL = "/v1/customers"


async def found(client: httpx.AsyncClient, query: str) -> list[str]:
    answer = await client.get(f"{URL}/search", params={"query": query})
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["data"]]


@pytest.mark.asyncio
async def test_customer_is_as_the_record_says(client: httpx.AsyncClient, sanne: Person, customer_id: str) -> None:
    record = sanne.record("stripe")
    assert record is not None
    assert record.address is not None
    shown = (await client.get(f"{URL}/{customer_id}")).json()
    assert shown["email"] == record.emails[0]
    assert shown["phone"] == record.phones[0]
    assert shown["name"] == record.name.full
    assert shown["address"]["postal_code"] == record.address.postcode
    assert shown["metadata"] == {"customer_number": record.customer_number}


@pytest.mark.asyncio
async def test_list_by_email_is_exact(client: httpx.AsyncClient, sanne: Person, customer_id: str) -> None:
    record = sanne.record("stripe")
    assert record is not None
    exact = (await client.get(URL, params={"email": record.emails[0]})).json()
    other = (await client.get(URL, params={"email": record.emails[0].upper()})).json()
    assert customer_id in [each["id"] for each in exact["data"]]
    assert other["data"] == []


@pytest.mark.asyncio
async def test_search_finds_by_number_email_phone_and_part_of_a_name(
    client: httpx.AsyncClient, sanne: Person, customer_id: str
) -> None:
    record = sanne.record("stripe")
    assert record is not None
    for query in (
        f"metadata['customer_number']:'{record.customer_number}'",
        f"email:'{record.emails[0]}'",
        f"phone:'{record.phones[0]}'",
        "name~'de wit'",
    ):
        assert customer_id in await found(client, query)


@pytest.mark.asyncio
async def test_search_comes_in_pages(client: httpx.AsyncClient) -> None:
    ids: list[str] = []
    page: dict[str, Any] = {"has_more": True, "next_page": None}
    while page["has_more"]:
        options = {"query": "created>0", "limit": "20"} | ({"page": page["next_page"]} if page["next_page"] else {})
        page = (await client.get(f"{URL}/search", params=options)).json()
        assert page["object"] == "search_result"
        ids += [each["id"] for each in page["data"]]
    whole = await client.get(f"{URL}/search", params={"query": "created>0", "expand[]": "total_count", "limit": "1"})
    assert len(ids) == len(set(ids)) == whole.json()["total_count"]


@pytest.mark.asyncio
async def test_list_comes_newest_first_in_pages_both_ways(client: httpx.AsyncClient) -> None:
    everyone: list[dict[str, Any]] = []
    page = (await client.get(URL, params={"limit": "25"})).json()
    while True:
        everyone += page["data"]
        if not page["has_more"]:
            break
        page = (await client.get(URL, params={"limit": "25", "starting_after": everyone[-1]["id"]})).json()
    ids = [each["id"] for each in everyone]
    assert len(set(ids)) == len(ids) > 25
    assert [each["created"] for each in everyone] == sorted((each["created"] for each in everyone), reverse=True)
    back = (await client.get(URL, params={"limit": "3", "ending_before": ids[10]})).json()
    assert ([each["id"] for each in back["data"]], back["has_more"]) == (ids[7:10], True)


@pytest.mark.asyncio
async def test_list_is_narrowed_by_time(client: httpx.AsyncClient, customer_id: str) -> None:
    created = (await client.get(f"{URL}/{customer_id}")).json()["created"]
    same = (await client.get(URL, params={"created[gte]": created, "created[lte]": created, "limit": 100})).json()
    later = (await client.get(URL, params={"created[gt]": created, "limit": 100})).json()
    assert customer_id in [each["id"] for each in same["data"]]
    assert all(each["created"] > created for each in later["data"])


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=many", "limit"),
        ("starting_after=cus_none", "starting_after"),
        ("starting_after=a&ending_before=b", "ending_before"),
        ("name=x", "name"),
        ("created[about]=1", "created"),
        ("expand[]=data.nothing", "expand"),
        ("expand[]=data.a.b.c.d", "expand"),
    ],
)
@pytest.mark.asyncio
async def test_bad_list_parameter_is_named(client: httpx.AsyncClient, query: str, param: str) -> None:
    answer = await client.get(f"{URL}?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.asyncio
async def test_unknown_customer_is_missing(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{URL}/cus_none")
    assert answer.status_code == 404
    assert answer.json()["error"] == {
        "code": "resource_missing",
        "doc_url": "https://stripe.com/docs/error-codes/resource-missing",
        "message": "No such customer: 'cus_none'",
        "param": "id",
        "type": "invalid_request_error",
    }


@pytest.mark.asyncio
async def test_update_leaves_alone_what_is_not_given(client: httpx.AsyncClient, customer_id: str) -> None:
    before = (await client.get(f"{URL}/{customer_id}")).json()
    answer = await client.post(f"{URL}/{customer_id}", data={"phone": "+31687654321", "metadata[channel]": "APP"})
    after = answer.json()
    assert after == before | {"phone": "+31687654321", "metadata": before["metadata"] | {"channel": "APP"}}
    assert (await client.get(f"{URL}/{customer_id}")).json() == after


@pytest.mark.asyncio
async def test_empty_value_unsets(client: httpx.AsyncClient, customer_id: str) -> None:
    form = {"phone": "", "metadata[customer_number]": "", "address": ""}
    after = (await client.post(f"{URL}/{customer_id}", data=form)).json()
    assert (after["phone"], after["metadata"], after["address"]) == (None, {}, None)


@pytest.mark.asyncio
async def test_address_is_replaced_as_a_whole(client: httpx.AsyncClient, customer_id: str) -> None:
    after = (await client.post(f"{URL}/{customer_id}", data={"address[city]": "Delft"})).json()
    assert after["address"] == {
        "city": "Delft",
        "country": None,
        "line1": None,
        "line2": None,
        "postal_code": None,
        "state": None,
    }


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"email": "nobody"}, "email_invalid"),
        ({"balance": "much"}, "parameter_invalid_integer"),
        ({"surname": "X"}, "parameter_unknown"),
        ({"address[street]": "X"}, "parameter_unknown"),
        ({"tax_exempt": "maybe"}, None),
        ({"address": "Utrecht"}, None),
        ({"metadata": "x"}, None),
        ({"metadata[" + "k" * 41 + "]": "x"}, None),
        ({"shipping[name]": "X"}, "parameter_missing"),
    ],
)
@pytest.mark.asyncio
async def test_bad_parameter_is_refused_and_changes_nothing(
    client: httpx.AsyncClient, customer_id: str, form: dict[str, str], code: str | None
) -> None:
    before = (await client.get(f"{URL}/{customer_id}")).json()
    answer = await client.post(f"{URL}/{customer_id}", data=form)
    assert answer.status_code == 400
    assert answer.json()["error"].get("code") == code
    assert (await client.get(f"{URL}/{customer_id}")).json() == before


@pytest.mark.asyncio
async def test_new_customer_can_be_found_at_once(client: httpx.AsyncClient) -> None:
    made = await client.post(URL, data={"email": "nieuw@example.nl", "metadata[customer_number]": "K9"})
    assert made.json()["id"].startswith("cus_")
    assert await found(client, "metadata['customer_number']:'K9'") == [made.json()["id"]]


@pytest.mark.asyncio
async def test_subscriptions_can_be_expanded(client: httpx.AsyncClient, sanne: Person, customer_id: str) -> None:
    answer = (await client.get(f"{URL}/{customer_id}?expand[]=subscriptions")).json()
    expected = {each.record_id for each in sanne.products if each.record_id and each.status != "canceled"}
    assert {each["id"] for each in answer["subscriptions"]["data"]} == expected


@pytest.mark.asyncio
async def test_deleted_customer_says_so_and_its_invoices_stay(
    client: httpx.AsyncClient, sanne: Person, customer_id: str
) -> None:
    gone = await client.delete(f"{URL}/{customer_id}")
    assert gone.json() == {"id": customer_id, "object": "customer", "deleted": True}
    assert (await client.get(f"{URL}/{customer_id}")).json() == gone.json()
    assert (await client.post(f"{URL}/{customer_id}", data={"name": "X"})).status_code == 404
    invoices = (await client.get("/v1/invoices", params={"customer": customer_id, "limit": 100})).json()["data"]
    assert len(invoices) == len(sanne.invoices)
    listed = (await client.get(URL, params={"limit": 100})).json()["data"]
    assert customer_id not in [each["id"] for each in listed]


@pytest.mark.asyncio
async def test_balance_moves_by_transactions(client: httpx.AsyncClient, customer_id: str) -> None:
    url = f"{URL}/{customer_id}/balance_transactions"
    move = (await client.post(url, data={"amount": "-500", "currency": "eur"})).json()
    assert (move["amount"], move["ending_balance"], move["type"]) == (-500, -500, "adjustment")
    assert (await client.get(f"{URL}/{customer_id}")).json()["balance"] == -500
    assert [each["id"] for each in (await client.get(url)).json()["data"]] == [move["id"]]
    assert (await client.post(url, data={"amount": "-500"})).status_code == 400


@pytest.mark.asyncio
async def test_cash_balance_is_empty(client: httpx.AsyncClient, customer_id: str) -> None:
    answer = (await client.get(f"{URL}/{customer_id}/cash_balance")).json()
    assert (answer["object"], answer["customer"], answer["available"]) == ("cash_balance", customer_id, None)


@pytest.mark.asyncio
async def test_change_is_told_by_an_event_with_what_was(
    client: httpx.AsyncClient, customer_id: str, forward: Callable[[float], None]
) -> None:
    before = (await client.get(f"{URL}/{customer_id}")).json()
    forward(5)
    await client.post(f"{URL}/{customer_id}", data={"name": "Sanne Jansen"})
    events = (await client.get("/v1/events", params={"types[]": "customer.updated", "limit": 1})).json()["data"]
    assert events[0]["data"]["object"]["name"] == "Sanne Jansen"
    assert events[0]["data"]["previous_attributes"] == {"name": before["name"]}


@pytest.mark.asyncio
async def test_company_has_two_billing_accounts_under_its_own_name(
    client: httpx.AsyncClient, population: Population
) -> None:
    person = population.member("de-ketting").persons[0]
    assert person.organisation is not None
    names = [(await client.get(f"{URL}/{record.record_id}")).json()["name"] for record in person.records["stripe"]]
    assert names == [person.organisation.name] * 2
