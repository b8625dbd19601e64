"""Credit notes: money given back on an invoice, before or after it was paid: ``/v1/credit_notes``."""

from collections.abc import Mapping
from typing import Any

from klantbeeld.sandbox.stripe.bills import credit_note, credit_note_line, paid
from klantbeeld.sandbox.stripe.customers import move_balance
from klantbeeld.sandbox.stripe.endpoints import Asked, Endpoint, merged_metadata
from klantbeeld.sandbox.stripe.errors import refused
from klantbeeld.sandbox.stripe.listing import LIST_PARAMETERS, page_of
from klantbeeld.sandbox.stripe.objects import list_of
from klantbeeld.sandbox.stripe.parameters import Kind, integer, metadata, nested, one_of, require, several, text, texts
from klantbeeld.sandbox.stripe.store import Object, new_id

URL = "/v1/credit_notes"
ONE = f"{URL}/{{id}}"
REASONS = ("duplicate", "fraudulent", "order_change", "product_unsatisfactory")
LINE = nested(
    {
        "amount": integer,
        "description": text,
        "invoice_line_item": text,
        "quantity": integer,
        "type": one_of("custom_line_item", "invoice_line_item"),
        "unit_amount": integer,
    }
)
WRITABLE: Mapping[str, Kind] = {
    "amount": integer,
    "credit_amount": integer,
    "expand": texts,
    "invoice": text,
    "lines": several(LINE),
    "memo": text,
    "metadata": metadata,
    "out_of_band_amount": integer,
    "reason": one_of(*REASONS),
    "refund_amount": integer,
}


def list_credit_notes(asked: Asked) -> Object:
    """Return credit notes, all, or of one customer or invoice."""
    found = asked.store.all("credit_note")
    for name in ("customer", "invoice"):
        wanted = asked.values.get(name)
        if wanted:
            asked.store.need(name, wanted, param=name)
            found = [each for each in found if each[name] == wanted]
    return page_of(found, asked.values, url=URL, kind="credit_note")


def create_credit_note(asked: Asked) -> Object:
    """Issue a credit note.

    On an open invoice it lowers what is due. On a paid one the money must go somewhere: to the customer's balance
    (``credit_amount``), back over the payment (``refund_amount``) or outside Stripe (``out_of_band_amount``), and
    these must add up to the whole.
    """
    require(asked.values, "invoice")
    invoice = asked.store.need("invoice", asked.values["invoice"], param="invoice")
    note_id = new_id("cn")
    lines = lines_of(asked.values, invoice)
    cents = sum(line["amount"] for line in lines)
    refuse_wrong_amount(asked, invoice, cents)
    number = f"{invoice['number']}-CN-{len(notes_on(asked, invoice)) + 1:02}"
    note = credit_note(
        note_id=note_id,
        invoice=invoice,
        number=number,
        cents=cents,
        created=asked.store.now,
        lines=list_of(lines, f"{URL}/{note_id}/lines"),
        **given(asked.values, "memo", "reason", "out_of_band_amount"),
        metadata=asked.values.get("metadata") or {},
        refund=new_id("re") if asked.values.get("refund_amount") else None,
    )
    note["customer_balance_transaction"] = credit_balance(asked, note)
    asked.store.make(note, "credit_note.created")
    settle(asked, invoice, cents)
    return note


def lines_of(values: Mapping[str, Any], invoice: Object) -> list[Object]:
    """Return the lines of the credit note: those that are given, or one over the whole amount."""
    if values.get("lines"):
        return [given_line(line, invoice) for line in values["lines"]]
    amount = values.get("amount")
    if amount is None:
        raise refused("You must provide one of amount, lines, or shipping_cost to create a credit note.")
    first = invoice["lines"]["data"][0]
    return [credit_note_line(line_id=new_id("cnli"), cents=amount, description=first["description"], invoice_line=None)]


def given_line(line: Mapping[str, Any], invoice: Object) -> Object:
    """Return one line as it was asked for: over a line of the invoice, or free."""
    require(line, "type")
    cents = line.get("amount")
    if cents is None:
        cents = (line.get("unit_amount") or 0) * (line.get("quantity") or 1)
    if line["type"] == "custom_line_item":
        require(line, "description")
        description = line["description"]
        return credit_note_line(line_id=new_id("cnli"), cents=cents, description=description, invoice_line=None)
    target = next((each for each in invoice["lines"]["data"] if each["id"] == line.get("invoice_line_item")), None)
    if target is None:
        raise refused("The invoice line item does not belong to this invoice.", param="lines")
    return credit_note_line(
        line_id=new_id("cnli"), cents=cents, description=target["description"], invoice_line=target["id"]
    )


def refuse_wrong_amount(asked: Asked, invoice: Object, cents: int) -> None:
    """Raise ``ApiError`` where the invoice does not bear a credit note of this amount."""
    if invoice["status"] not in ("open", "paid", "uncollectible"):
        raise refused(f"You cannot create a credit note for an invoice that is {invoice['status']}.", param="invoice")
    if cents < 1:
        raise refused("The credit note amount must be greater than zero.", param="amount")
    credited = invoice["pre_payment_credit_notes_amount"] + invoice["post_payment_credit_notes_amount"]
    left = invoice["total"] - credited if invoice["paid"] else invoice["amount_remaining"]
    if cents > left:
        raise refused(f"The credit note amount ({cents}) is greater than what is left of it ({left}).", param="amount")
    ways = sum(asked.values.get(name) or 0 for name in ("credit_amount", "refund_amount", "out_of_band_amount"))
    if ways != (cents if invoice["paid"] else 0):
        message = f"The sum of credit amount, refund amount and out of band amount ({ways})"
        whole = cents if invoice["paid"] else 0
        raise refused(f"{message} must equal the post payment credit note amount ({whole}).")


def credit_balance(asked: Asked, note: Object) -> str | None:
    """Credit the customer's balance where that was asked; return the transaction's id."""
    cents = asked.values.get("credit_amount")
    if not cents:
        return None
    customer = asked.store.need("customer", note["customer"], param="customer")
    move = move_balance(asked, customer, -cents, kind="credit_note", credit_note=note["id"], invoice=note["invoice"])
    return str(move["id"])


def settle(asked: Asked, invoice: Object, cents: int) -> None:
    """Take a credit note into account on its invoice; one with nothing left to pay is paid."""
    if invoice["paid"]:
        credited = invoice["post_payment_credit_notes_amount"] + cents
        asked.store.change(invoice, {"post_payment_credit_notes_amount": credited}, "invoice.updated")
        return
    lowered = {
        "pre_payment_credit_notes_amount": invoice["pre_payment_credit_notes_amount"] + cents,
        "amount_due": invoice["amount_due"] - cents,
        "amount_remaining": invoice["amount_remaining"] - cents,
    }
    changed = asked.store.change(invoice, lowered, "invoice.updated")
    if changed["amount_remaining"] == 0:
        asked.store.change(changed, paid(changed, at=asked.store.now, out_of_band=True), "invoice.paid")


def retrieve_credit_note(asked: Asked) -> Object:
    """Return one credit note."""
    return asked.store.need("credit_note", asked.path["id"])


def update_credit_note(asked: Asked) -> Object:
    """Change the memo or the metadata of a credit note."""
    found = asked.store.need("credit_note", asked.path["id"])
    changes = given(asked.values, "memo")
    if "metadata" in asked.values:
        changes["metadata"] = merged_metadata(found, asked.values["metadata"])
    return asked.store.change(found, changes, "credit_note.updated")


def void_credit_note(asked: Asked) -> Object:
    """Void a credit note on an open invoice: the amount is due again."""
    found = asked.store.need("credit_note", asked.path["id"])
    invoice = asked.store.need("invoice", found["invoice"])
    if found["status"] != "issued" or invoice["status"] != "open":
        raise refused("You can only void credit notes on open invoices.")
    raised = {
        "pre_payment_credit_notes_amount": invoice["pre_payment_credit_notes_amount"] - found["amount"],
        "amount_due": invoice["amount_due"] + found["amount"],
        "amount_remaining": invoice["amount_remaining"] + found["amount"],
    }
    asked.store.change(invoice, raised, "invoice.updated")
    return asked.store.change(found, {"status": "void", "voided_at": asked.store.now}, "credit_note.voided")


def list_lines(asked: Asked) -> Object:
    """Return the lines of a credit note."""
    found = asked.store.need("credit_note", asked.path["credit_note"])
    url = f"{URL}/{found['id']}/lines"
    return page_of(found["lines"]["data"], asked.values, url=url, kind="credit_note_line_item")


def notes_on(asked: Asked, invoice: Object) -> list[Object]:
    """Return the credit notes of an invoice."""
    return asked.store.having("credit_note", "invoice", invoice["id"])


def given(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return the parameters of these names that were given."""
    return {name: values[name] for name in names if name in values}


CREDIT_NOTE_ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("GET", URL, list_credit_notes, {**LIST_PARAMETERS, "customer": text, "invoice": text}),
    Endpoint("POST", URL, create_credit_note, WRITABLE),
    Endpoint("GET", ONE, retrieve_credit_note, {"expand": texts}),
    Endpoint("POST", ONE, update_credit_note, {"memo": text, "metadata": metadata, "expand": texts}),
    Endpoint("POST", f"{ONE}/void", void_credit_note, {"expand": texts}),
    Endpoint("GET", f"{URL}/{{credit_note}}/lines", list_lines, LIST_PARAMETERS),
)
