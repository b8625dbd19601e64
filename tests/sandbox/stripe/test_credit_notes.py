"""Credit notes of the sandbox's Stripe."""

from typing import Any

import httpx
import pytest

from klantbeeld.sandbox.facts import InvoiceFact, Population

URL = "/v1/credit_notes"


@pytest.fixture
def unpaid(population: Population) -> InvoiceFact:
    facts = (fact for person in population.people for fact in person.invoices)
    return next(fact for fact in facts if fact.status == "open" and not fact.credit_notes)


@pytest.fixture
def settled(population: Population) -> InvoiceFact:
    facts = (fact for person in population.people for fact in person.invoices)
    return next(fact for fact in facts if fact.status == "paid" and not fact.credit_notes)


async def invoice(client: httpx.AsyncClient, fact: InvoiceFact) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(f"/v1/invoices/{fact.record_id}")).json()
    return found


@pytest.mark.asyncio
async def test_credit_on_an_open_invoice_lowers_what_is_due(client: httpx.AsyncClient, unpaid: InvoiceFact) -> None:
    before = await invoice(client, unpaid)
    form = {"invoice": unpaid.record_id, "amount": "100", "reason": "product_unsatisfactory", "memo": "Excuses"}
    note = (await client.post(URL, data=form)).json()
    after = await invoice(client, unpaid)
    assert (note["type"], note["status"], note["amount"], note["memo"]) == ("pre_payment", "issued", 100, "Excuses")
    assert note["number"] == f"{unpaid.number}-CN-01"
    assert after["amount_remaining"] == before["amount_remaining"] - 100
    assert after["pre_payment_credit_notes_amount"] == 100


@pytest.mark.asyncio
async def test_credit_over_the_whole_settles_the_invoice(client: httpx.AsyncClient, unpaid: InvoiceFact) -> None:
    due = (await invoice(client, unpaid))["amount_remaining"]
    await client.post(URL, data={"invoice": unpaid.record_id, "amount": str(due)})
    after = await invoice(client, unpaid)
    assert (after["status"], after["paid"], after["amount_remaining"]) == ("paid", True, 0)


@pytest.mark.asyncio
async def test_credit_on_a_paid_invoice_goes_to_the_balance(client: httpx.AsyncClient, settled: InvoiceFact) -> None:
    form = {"invoice": settled.record_id, "amount": "250", "credit_amount": "250"}
    note = (await client.post(URL, data=form)).json()
    customer = (await client.get(f"/v1/customers/{note['customer']}")).json()
    moves = (await client.get(f"/v1/customers/{note['customer']}/balance_transactions")).json()["data"]
    assert (note["type"], customer["balance"]) == ("post_payment", -250)
    assert [move["id"] for move in moves] == [note["customer_balance_transaction"]]
    assert (moves[0]["type"], moves[0]["credit_note"]) == ("credit_note", note["id"])
    assert (await invoice(client, settled))["post_payment_credit_notes_amount"] == 250


@pytest.mark.asyncio
async def test_credit_on_a_paid_invoice_can_be_refunded(client: httpx.AsyncClient, settled: InvoiceFact) -> None:
    form = {"invoice": settled.record_id, "amount": "250", "refund_amount": "250"}
    assert (await client.post(URL, data=form)).json()["refund"].startswith("re_")


@pytest.mark.asyncio
async def test_credit_by_lines_adds_up(client: httpx.AsyncClient, unpaid: InvoiceFact) -> None:
    line = (await invoice(client, unpaid))["lines"]["data"][0]
    form = {
        "invoice": unpaid.record_id,
        "lines[0][type]": "invoice_line_item",
        "lines[0][invoice_line_item]": line["id"],
        "lines[0][amount]": "60",
        "lines[1][type]": "custom_line_item",
        "lines[1][description]": "Excuses",
        "lines[1][unit_amount]": "20",
        "lines[1][quantity]": "2",
    }
    note = (await client.post(URL, data=form)).json()
    lines = (await client.get(f"{URL}/{note['id']}/lines")).json()["data"]
    assert note["total"] == 100
    assert [each.get("invoice_line_item") for each in lines] == [line["id"], None]


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"amount": "0"},
        {"amount": "99999999"},
        {"amount": "10", "credit_amount": "10"},
        {"amount": "10", "reason": "mood"},
        {"lines[0][amount]": "5"},
        {"lines[0][type]": "custom_line_item", "lines[0][amount]": "5"},
        {"lines[0][type]": "invoice_line_item", "lines[0][amount]": "5", "lines[0][invoice_line_item]": "il_other"},
    ],
)
@pytest.mark.asyncio
async def test_credit_that_the_invoice_does_not_bear_is_refused(
    client: httpx.AsyncClient, unpaid: InvoiceFact, form: dict[str, str]
) -> None:
    before = await invoice(client, unpaid)
    answer = await client.post(URL, data={"invoice": unpaid.record_id, **form})
    assert answer.status_code == 400
    assert await invoice(client, unpaid) == before


@pytest.mark.asyncio
async def test_money_of_a_paid_invoice_must_go_somewhere(client: httpx.AsyncClient, settled: InvoiceFact) -> None:
    answer = await client.post(URL, data={"invoice": settled.record_id, "amount": "10"})
    assert answer.status_code == 400
    assert "must equal" in answer.json()["error"]["message"]


@pytest.mark.asyncio
async def test_invoice_of_a_credit_note_must_be_named_and_known(client: httpx.AsyncClient) -> None:
    unnamed = await client.post(URL, data={"amount": "5"})
    unknown = await client.post(URL, data={"amount": "5", "invoice": "in_none"})
    assert unnamed.json()["error"]["code"] == "parameter_missing"
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (400, "resource_missing")


@pytest.mark.asyncio
async def test_voided_credit_is_due_again(client: httpx.AsyncClient, unpaid: InvoiceFact) -> None:
    before = await invoice(client, unpaid)
    note = (await client.post(URL, data={"invoice": unpaid.record_id, "amount": "100"})).json()
    voided = (await client.post(f"{URL}/{note['id']}/void")).json()
    after = await invoice(client, unpaid)
    assert voided["status"] == "void"
    assert after["amount_remaining"] == before["amount_remaining"]
    assert (await client.post(f"{URL}/{note['id']}/void")).status_code == 400


@pytest.mark.asyncio
async def test_list_is_narrowed_by_customer_and_invoice(client: httpx.AsyncClient, population: Population) -> None:
    person, fact = next((person, fact) for person in population.people for fact in person.invoices if fact.credit_notes)
    customer = person.records["stripe"][fact.account].record_id
    by_invoice = (await client.get(URL, params={"invoice": fact.record_id})).json()["data"]
    by_customer = (await client.get(URL, params={"customer": customer, "limit": 100})).json()["data"]
    assert [each["id"] for each in by_invoice] == [note.record_id for note in fact.credit_notes]
    assert {each["id"] for each in by_invoice} <= {each["id"] for each in by_customer}
    assert by_invoice[0]["amount"] == int(fact.credit_notes[0].amount * 100)


@pytest.mark.asyncio
async def test_memo_can_be_changed(client: httpx.AsyncClient, unpaid: InvoiceFact) -> None:
    note = (await client.post(URL, data={"invoice": unpaid.record_id, "amount": "1"})).json()
    await client.post(f"{URL}/{note['id']}", data={"memo": "Nieuw", "metadata[complaint]": "17"})
    found = (await client.get(f"{URL}/{note['id']}")).json()
    assert (found["memo"], found["metadata"]) == ("Nieuw", {"complaint": "17"})
