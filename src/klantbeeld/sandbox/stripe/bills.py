"""Invoices, credit notes and movements of a balance as version 2023-10-16 of the Stripe API shows them.

Every object has all the fields that the API always sends; what the sandbox knows nothing of is null. Amounts are
whole cents, moments Unix seconds.
"""

from collections.abc import Sequence
from typing import Any

from klantbeeld.sandbox.stripe.objects import list_of
from klantbeeld.sandbox.stripe.store import Object, new_id


def line_item(
    *, line_id: str, cents: int, description: str, period: tuple[int, int], price: Object | None, **fields: Any
) -> Object:
    """Return one line of an invoice; ``cents`` is the amount of the whole line."""
    return {
        "id": line_id,
        "object": "line_item",
        "amount": cents,
        "amount_excluding_tax": cents,
        "currency": "eur",
        "description": description,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "livemode": False,
        "metadata": {},
        "period": {"end": period[1], "start": period[0]},
        "price": price,
        "proration": False,
        "proration_details": {"credited_items": None},
        "quantity": 1,
        "subscription": None,
        "tax_amounts": [],
        "tax_rates": [],
        "type": "invoiceitem",
        **fields,
    }


def invoice(*, invoice_id: str, customer: Object, lines: Sequence[Object], created: int, **fields: Any) -> Object:
    """Return an open invoice that was sent to ``customer``, all of its amount still due."""
    total = sum(line["amount"] for line in lines)
    return {
        "id": invoice_id,
        "object": "invoice",
        "account_country": "NL",
        "account_name": "Klantbeeld Winkel",
        "account_tax_ids": None,
        "amount_due": total,
        "amount_paid": 0,
        "amount_remaining": total,
        "amount_shipping": 0,
        "application": None,
        "application_fee_amount": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": False,
        "automatic_tax": {"enabled": False, "status": None},
        "billing_reason": "manual",
        "charge": None,
        "collection_method": "send_invoice",
        "created": created,
        "currency": "eur",
        "custom_fields": None,
        **billed_to(customer),
        "customer_shipping": None,
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discount": None,
        "discounts": [],
        "due_date": None,
        "effective_at": created,
        "ending_balance": 0,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": f"https://invoice.stripe.com/i/{invoice_id}",
        "invoice_pdf": f"https://pay.stripe.com/invoice/{invoice_id}/pdf",
        "last_finalization_error": None,
        "latest_revision": None,
        "lines": list_of(lines, f"/v1/invoices/{invoice_id}/lines"),
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": None,
        "number": None,
        "on_behalf_of": None,
        "paid": False,
        "paid_out_of_band": False,
        "payment_intent": None,
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_end": created,
        "period_start": created,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "quote": None,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": 0,
        "statement_descriptor": None,
        "status": "open",
        "status_transitions": {
            "finalized_at": created,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "subscription": None,
        "subscription_details": {"metadata": None},
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "tax": None,
        "test_clock": None,
        "total": total,
        "total_discount_amounts": [],
        "total_excluding_tax": total,
        "total_tax_amounts": [],
        "transfer_data": None,
        "webhooks_delivered_at": created,
        **fields,
    }


def billed_to(customer: Object) -> Object:
    """Return the customer's details as an invoice keeps them from the moment it was made final."""
    return {
        "customer": customer["id"],
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
    }


def paid(invoice: Object, *, at: int, intent: str | None = None, out_of_band: bool = False) -> Object:
    """Return the changes that a full payment makes to an invoice; ``intent`` is the payment's id, a new one if None."""
    return {
        "amount_paid": invoice["amount_due"],
        "amount_remaining": 0,
        "attempt_count": 0 if out_of_band else 1,
        "attempted": not out_of_band,
        "paid": True,
        "paid_out_of_band": out_of_band,
        "payment_intent": None if out_of_band else intent or new_id("pi"),
        "status": "paid",
        "status_transitions": {**invoice["status_transitions"], "paid_at": at},
    }


def credit_note(*, note_id: str, invoice: Object, number: str, cents: int, created: int, **fields: Any) -> Object:
    """Return an issued credit note over ``cents`` of an invoice."""
    return {
        "id": note_id,
        "object": "credit_note",
        "amount": cents,
        "amount_shipping": 0,
        "created": created,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": created,
        "invoice": invoice["id"],
        "lines": list_of([], f"/v1/credit_notes/{note_id}/lines"),
        "livemode": False,
        "memo": None,
        "metadata": {},
        "number": number,
        "out_of_band_amount": None,
        "pdf": f"https://pay.stripe.com/credit_notes/{note_id}/pdf",
        "reason": None,
        "refund": None,
        "shipping_cost": None,
        "status": "issued",
        "subtotal": cents,
        "subtotal_excluding_tax": cents,
        "tax_amounts": [],
        "total": cents,
        "total_excluding_tax": cents,
        "type": "post_payment" if invoice["paid"] else "pre_payment",
        "voided_at": None,
        **fields,
    }


def credit_note_line(*, line_id: str, cents: int, description: str | None, invoice_line: str | None) -> Object:
    """Return one line of a credit note: over a line of the invoice, or free."""
    line = {
        "id": line_id,
        "object": "credit_note_line_item",
        "amount": cents,
        "amount_excluding_tax": cents,
        "description": description,
        "discount_amount": 0,
        "discount_amounts": [],
        "livemode": False,
        "quantity": 1,
        "tax_amounts": [],
        "tax_rates": [],
        "type": "invoice_line_item" if invoice_line else "custom_line_item",
        "unit_amount": None if invoice_line else cents,
        "unit_amount_decimal": None if invoice_line else str(cents),
        "unit_amount_excluding_tax": str(cents),
    }
    return {**line, "invoice_line_item": invoice_line} if invoice_line else line


def balance_transaction(*, customer: Object, cents: int, created: int, kind: str, **fields: Any) -> Object:
    """Return one movement of a customer's balance; a negative amount is a credit for the customer."""
    return {
        "id": new_id("cbtxn"),
        "object": "customer_balance_transaction",
        "amount": cents,
        "created": created,
        "credit_note": None,
        "currency": "eur",
        "customer": customer["id"],
        "description": None,
        "ending_balance": customer["balance"] + cents,
        "invoice": None,
        "livemode": False,
        "metadata": {},
        "type": kind,
        **fields,
    }
