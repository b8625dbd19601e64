"""Invoices of the sandbox's Stripe, and what happens to them."""

from typing import Any

import httpx
import pytest

from klantbeeld.sandbox.facts import InvoiceFact, Person, Population

URL = "/v1/invoices"


@pytest.fixture
def late(population: Population) -> InvoiceFact:
    """Return an invoice that is open and was due before today."""
    today = population.today
    open_ones = (fact for person in population.people for fact in person.invoices if fact.status == "open")
    return next(fact for fact in open_ones if fact.due_at.date() < today and not fact.credit_notes)


@pytest.mark.asyncio
async def test_invoices_of_a_customer_come_newest_first(
    client: httpx.AsyncClient, sanne: Person, customer_id: str
) -> None:
    found = (await client.get(URL, params={"customer": customer_id, "limit": 100})).json()["data"]
    expected = sorted(sanne.invoices, key=lambda fact: fact.issued_at, reverse=True)
    assert [each["id"] for each in found] == [fact.record_id for fact in expected]
    assert [each["total"] for each in found] == [int(fact.total * 100) for fact in expected]


@pytest.mark.asyncio
async def test_list_is_narrowed_by_status(client: httpx.AsyncClient, population: Population) -> None:
    found = (await client.get(URL, params={"status": "open", "limit": 100})).json()["data"]
    expected = {fact.record_id for person in population.people for fact in person.invoices if fact.status == "open"}
    assert {each["id"] for each in found} == expected


@pytest.mark.asyncio
async def test_list_is_narrowed_by_due_date(client: httpx.AsyncClient, late: InvoiceFact) -> None:
    due = int(late.due_at.timestamp())
    params: dict[str, str | int] = {"status": "open", "due_date[lte]": due, "due_date[gte]": due, "limit": 100}
    assert late.record_id in [each["id"] for each in (await client.get(URL, params=params)).json()["data"]]


@pytest.mark.parametrize(
    ("params", "param"),
    [({"customer": "cus_none"}, "customer"), ({"status": "late"}, "status"), ({"number": "1"}, "number")],
)
@pytest.mark.asyncio
async def test_bad_filter_is_named(client: httpx.AsyncClient, params: dict[str, str], param: str) -> None:
    answer = await client.get(URL, params=params)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


@pytest.mark.asyncio
async def test_line_points_at_the_product_by_its_article_number(
    client: httpx.AsyncClient, sanne: Person, customer_id: str
) -> None:
    found = (await client.get(URL, params={"customer": customer_id, "limit": 100})).json()["data"]
    bought = {line["price"]["product"] for each in found for line in each["lines"]["data"]}
    assert bought == {line.product.sku for fact in sanne.invoices for line in fact.lines if line.product}


@pytest.mark.asyncio
async def test_line_of_a_device_has_its_serial_number(client: httpx.AsyncClient, sanne: Person) -> None:
    device = next(each for each in sanne.products if each.serial)
    fact = next(each for each in sanne.invoices if any(line.product == device.product for line in each.lines))
    lines = (await client.get(f"{URL}/{fact.record_id}/lines")).json()["data"]
    (mine,) = [line for line in lines if line["price"]["product"] == device.product.sku]
    assert (mine["metadata"], mine["type"]) == ({"serial": device.serial}, "invoiceitem")


@pytest.mark.asyncio
async def test_line_of_a_subscription_names_it(client: httpx.AsyncClient, sanne: Person, customer_id: str) -> None:
    held = next(each for each in sanne.products if each.record_id)
    params = {"customer": customer_id, "subscription": held.record_id or "", "limit": "1"}
    (newest,) = (await client.get(URL, params=params)).json()["data"]
    assert newest["lines"]["data"][0]["subscription"] == held.record_id
    subscription = (await client.get(f"/v1/subscriptions/{held.record_id}")).json()
    assert subscription["latest_invoice"] == newest["id"]


@pytest.mark.asyncio
async def test_lines_come_in_pages(client: httpx.AsyncClient, sanne: Person) -> None:
    fact = next(each for each in sanne.invoices if len(each.lines) > 1)
    first = (await client.get(f"{URL}/{fact.record_id}/lines?limit=1")).json()
    after = first["data"][0]["id"]
    second = (await client.get(f"{URL}/{fact.record_id}/lines?limit=1&starting_after={after}")).json()
    assert first["has_more"]
    assert second["data"][0]["id"] != after


@pytest.mark.asyncio
async def test_customer_can_be_expanded(client: httpx.AsyncClient, customer_id: str) -> None:
    params = {"customer": customer_id, "expand[]": "data.customer", "limit": "1"}
    (found,) = (await client.get(URL, params=params)).json()["data"]
    assert found["customer"]["id"] == customer_id


@pytest.mark.asyncio
async def test_search_finds_by_number_and_by_total(client: httpx.AsyncClient, late: InvoiceFact) -> None:
    by_number = await client.get(f"{URL}/search", params={"query": f"number:'{late.number}'"})
    by_total = await client.get(
        f"{URL}/search", params={"query": f"status:'open' total:{int(late.total * 100)}", "limit": 100}
    )
    assert [each["id"] for each in by_number.json()["data"]] == [late.record_id]
    assert late.record_id in [each["id"] for each in by_total.json()["data"]]


@pytest.mark.asyncio
async def test_overdue_invoice_makes_its_customer_delinquent(client: httpx.AsyncClient, late: InvoiceFact) -> None:
    answer = (await client.get(f"{URL}/{late.record_id}?expand[]=customer")).json()
    assert (answer["status"], answer["paid"], answer["customer"]["delinquent"]) == ("open", False, True)


@pytest.mark.asyncio
async def test_payment_settles_an_open_invoice_once(client: httpx.AsyncClient, late: InvoiceFact) -> None:
    path = f"{URL}/{late.record_id}/pay"
    paid = (await client.post(path, data={"payment_method": "pm_card_visa"})).json()
    assert (paid["status"], paid["paid"], paid["amount_remaining"]) == ("paid", True, 0)
    assert paid["amount_paid"] == paid["amount_due"]
    again = await client.post(path, data={"payment_method": "pm_card_visa"})
    assert again.status_code == 400


@pytest.mark.asyncio
async def test_declined_card_is_402_and_leaves_the_invoice_open(client: httpx.AsyncClient, late: InvoiceFact) -> None:
    path = f"{URL}/{late.record_id}"
    answer = await client.post(f"{path}/pay", data={"payment_method": "pm_card_chargeDeclined"})
    assert answer.status_code == 402
    error: dict[str, Any] = answer.json()["error"]
    assert (error["type"], error["code"], error["decline_code"]) == ("card_error", "card_declined", "generic_decline")
    assert (await client.get(path)).json()["status"] == "open"


@pytest.mark.asyncio
async def test_payment_needs_a_method_or_to_have_been_elsewhere(client: httpx.AsyncClient, late: InvoiceFact) -> None:
    path = f"{URL}/{late.record_id}/pay"
    assert (await client.post(path)).status_code == 400
    elsewhere = (await client.post(path, data={"paid_out_of_band": "true"})).json()
    assert (elsewhere["paid"], elsewhere["paid_out_of_band"], elsewhere["payment_intent"]) == (True, True, None)


@pytest.mark.parametrize(("action", "status"), [("void", "void"), ("mark_uncollectible", "uncollectible")])
@pytest.mark.asyncio
async def test_open_invoice_can_be_given_up(
    client: httpx.AsyncClient, late: InvoiceFact, action: str, status: str
) -> None:
    answer = (await client.post(f"{URL}/{late.record_id}/{action}")).json()
    assert answer["status"] == status
    assert (await client.post(f"{URL}/{late.record_id}/{action}")).status_code == 400


@pytest.mark.asyncio
async def test_final_invoice_takes_a_description_and_metadata(client: httpx.AsyncClient, late: InvoiceFact) -> None:
    path = f"{URL}/{late.record_id}"
    answer = (await client.post(path, data={"description": "Met excuses", "metadata[complaint]": "17"})).json()
    assert (answer["description"], answer["metadata"]) == ("Met excuses", {"complaint": "17"})
    assert (await client.post(path, data={"total": "1"})).status_code == 400
