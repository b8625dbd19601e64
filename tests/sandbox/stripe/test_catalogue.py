"""Products, prices, subscriptions and events of the sandbox's Stripe."""

from collections.abc import Callable

import httpx
import pytest

from klantbeeld.sandbox.facts import Person, Population


@pytest.mark.asyncio
async def test_products_are_the_catalogue_by_article_number(client: httpx.AsyncClient, population: Population) -> None:
    found = (await client.get("/v1/products", params={"limit": 100})).json()["data"]
    assert {each["id"]: each["name"] for each in found} == {each.sku: each.name for each in population.catalogue}


@pytest.mark.asyncio
async def test_products_can_be_asked_by_their_ids(client: httpx.AsyncClient) -> None:
    params = {"ids[0]": "KB-BEL-3", "ids[1]": "KB-WAS-8"}
    found = (await client.get("/v1/products", params=params)).json()["data"]
    assert {each["id"] for each in found} == {"KB-BEL-3", "KB-WAS-8"}
    assert (await client.get("/v1/products", params={"active": "false"})).json()["data"] == []


@pytest.mark.asyncio
async def test_price_of_a_product_is_in_cents(client: httpx.AsyncClient) -> None:
    (price,) = (await client.get("/v1/prices", params={"product": "KB-INTERNET-500"})).json()["data"]
    assert (price["unit_amount"], price["currency"], price["recurring"]["interval"]) == (4750, "eur", "month")
    product = (await client.get("/v1/products/KB-INTERNET-500?expand[]=default_price")).json()
    assert product["default_price"] == price


@pytest.mark.asyncio
async def test_subscriptions_of_a_customer(client: httpx.AsyncClient, sanne: Person, customer_id: str) -> None:
    found = (await client.get("/v1/subscriptions", params={"customer": customer_id})).json()["data"]
    expected = {each.record_id: each.product.sku for each in sanne.products if each.record_id}
    assert {each["id"]: each["items"]["data"][0]["price"]["product"] for each in found} == expected
    for each in found:
        assert each["current_period_start"] <= 1_795_435_200 < each["current_period_end"]


@pytest.mark.asyncio
async def test_ended_subscriptions_come_only_where_they_are_asked_for(
    client: httpx.AsyncClient, population: Population
) -> None:
    params = {"limit": 100}
    current = (await client.get("/v1/subscriptions", params=params)).json()["data"]
    ended = (await client.get("/v1/subscriptions", params=params | {"status": "ended"})).json()["data"]
    whole = (await client.get("/v1/subscriptions", params=params | {"status": "all"})).json()["data"]
    expected = {
        each.record_id
        for person in population.people
        for each in person.products
        if each.record_id and each.status == "canceled"
    }
    assert {each["id"] for each in ended} == expected
    assert not expected & {each["id"] for each in current}
    assert len(whole) == len(current) + len(ended)


@pytest.mark.asyncio
async def test_subscription_can_end_with_its_period_or_at_once(client: httpx.AsyncClient, sanne: Person) -> None:
    path = f"/v1/subscriptions/{next(each.record_id for each in sanne.products if each.record_id)}"
    ending = (await client.post(path, data={"cancel_at_period_end": "true"})).json()
    assert (ending["status"], ending["cancel_at"]) == ("active", ending["current_period_end"])
    staying = (await client.post(path, data={"cancel_at_period_end": "false"})).json()
    assert (staying["cancel_at"], staying["canceled_at"]) == (None, None)
    assert (await client.delete(path)).json()["status"] == "canceled"
    assert (await client.delete(path)).status_code == 400


@pytest.mark.asyncio
async def test_events_tell_what_changed_since(client: httpx.AsyncClient, forward: Callable[[float], None]) -> None:
    forward(10)
    made = (await client.post("/v1/customers", data={"name": "Nieuw"})).json()
    params = {"type": "customer.*", "created[gte]": made["created"]}
    (event,) = (await client.get("/v1/events", params=params)).json()["data"]
    assert (event["type"], event["data"]["object"]["id"]) == ("customer.created", made["id"])
    assert (await client.get(f"/v1/events/{event['id']}")).json() == event


@pytest.mark.asyncio
async def test_update_that_changes_nothing_is_no_event(client: httpx.AsyncClient, customer_id: str) -> None:
    newest = (await client.get("/v1/events?limit=1")).json()["data"]
    name = (await client.get(f"/v1/customers/{customer_id}")).json()["name"]
    await client.post(f"/v1/customers/{customer_id}", data={"name": name})
    assert (await client.get("/v1/events?limit=1")).json()["data"] == newest


@pytest.mark.asyncio
async def test_events_are_kept_for_30_days(client: httpx.AsyncClient, forward: Callable[[float], None]) -> None:
    assert (await client.get("/v1/events")).json()["data"]
    forward(31 * 24 * 3600)
    assert (await client.get("/v1/events")).json()["data"] == []


@pytest.mark.asyncio
async def test_recent_payments_are_among_the_events(client: httpx.AsyncClient, population: Population) -> None:
    found = (await client.get("/v1/events", params={"type": "invoice.paid", "limit": 100})).json()["data"]
    recent = {
        fact.record_id
        for person in population.people
        for fact in person.invoices
        if fact.paid_at and 0 <= (population.today - fact.paid_at.date()).days < 29
    }
    assert recent <= {event["data"]["object"]["id"] for event in found}
