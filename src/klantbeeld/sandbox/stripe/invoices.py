"""Invoices and what happens to them: ``/v1/invoices``."""

from collections.abc import Mapping
from typing import Any

from klantbeeld.sandbox.stripe.bills import paid
from klantbeeld.sandbox.stripe.endpoints import Asked, Endpoint, merged_metadata
from klantbeeld.sandbox.stripe.errors import CARD, ApiError, no_such, refused
from klantbeeld.sandbox.stripe.listing import CREATED, LIST_PARAMETERS, SEARCH_PARAMETERS, page_of, search_page, within
from klantbeeld.sandbox.stripe.parameters import Kind, boolean, metadata, one_of, require, span, text, texts
from klantbeeld.sandbox.stripe.search import INVOICE_FIELDS, parse_search
from klantbeeld.sandbox.stripe.store import Object

URL = "/v1/invoices"
ONE = f"{URL}/{{invoice}}"
DECLINED_CARD = "pm_card_chargeDeclined"
FILTERS: Mapping[str, Kind] = {
    "collection_method": one_of("charge_automatically", "send_invoice"),
    "customer": text,
    "due_date": span,
    "status": one_of("draft", "open", "paid", "uncollectible", "void"),
    "subscription": text,
}


def list_invoices(asked: Asked) -> Object:
    """Return invoices, narrowed by customer (deleted ones too), status, subscription and time."""
    customer = asked.values.get("customer")
    if customer:
        if asked.store.get("customer", customer) is None:
            raise no_such("customer", customer, param="customer")
        found = asked.store.having("invoice", "customer", customer)
    else:
        found = asked.store.all("invoice")
    kept = [each for each in found if passes(each, asked.values)]
    return page_of(kept, asked.values, url=URL, kind="invoice")


def passes(invoice: Object, values: Mapping[str, Any]) -> bool:
    """Say whether an invoice meets the filters."""
    for name in ("collection_method", "status", "subscription"):
        if values.get(name) and invoice[name] != values[name]:
            return False
    return within(invoice["created"], values.get("created")) and within(invoice["due_date"], values.get("due_date"))


def search_invoices(asked: Asked) -> Object:
    """Return the invoices that a query finds."""
    require(asked.values, "query")
    search = parse_search(asked.values["query"], INVOICE_FIELDS)
    found = (each for each in asked.store.all("invoice") if search.holds(each))
    return search_page(found, asked.values, url=f"{URL}/search")


def retrieve_invoice(asked: Asked) -> Object:
    """Return one invoice."""
    return asked.store.need("invoice", asked.path["invoice"])


def list_lines(asked: Asked) -> Object:
    """Return the lines of an invoice."""
    found = asked.store.need("invoice", asked.path["invoice"])
    return page_of(found["lines"]["data"], asked.values, url=f"{URL}/{found['id']}/lines", kind="line_item")


def update_invoice(asked: Asked) -> Object:
    """Change what may still change once an invoice is final: its description and its metadata."""
    found = asked.store.need("invoice", asked.path["invoice"])
    changes = {name: value for name, value in asked.values.items() if name != "expand"}
    if "metadata" in changes:
        changes["metadata"] = merged_metadata(found, changes["metadata"])
    return asked.store.change(found, changes, "invoice.updated")


def pay_invoice(asked: Asked) -> Object:
    """Take payment of an open invoice, by a payment method or noted as paid elsewhere."""
    found = open_invoice(asked, "pay")
    out_of_band = bool(asked.values.get("paid_out_of_band"))
    method = asked.values.get("payment_method")
    if method == DECLINED_CARD:
        more = {"decline_code": "generic_decline"}
        message = "Your card was declined."
        raise ApiError(message, status=402, kind=CARD, code="card_declined", more=more, is_execution=True)
    if method is None and not out_of_band:
        message = "There is no `default_payment_method` set on this Customer or Invoice."
        raise refused(message, code="missing")
    changes = paid(found, at=asked.store.now, out_of_band=out_of_band)
    return asked.store.change(found, changes, "invoice.paid")


def void_invoice(asked: Asked) -> Object:
    """Void an open invoice; nothing is due any more."""
    found = open_invoice(asked, "void")
    transitions = {**found["status_transitions"], "voided_at": asked.store.now}
    return asked.store.change(found, {"status": "void", "status_transitions": transitions}, "invoice.voided")


def mark_uncollectible(asked: Asked) -> Object:
    """Write an open invoice off as a bad debt."""
    found = open_invoice(asked, "mark as uncollectible")
    transitions = {**found["status_transitions"], "marked_uncollectible_at": asked.store.now}
    changes = {"status": "uncollectible", "status_transitions": transitions}
    return asked.store.change(found, changes, "invoice.marked_uncollectible")


def open_invoice(asked: Asked, action: str) -> Object:
    """Return the invoice of the path; raise ``ApiError`` where it is not open."""
    found = asked.store.need("invoice", asked.path["invoice"])
    if found["status"] != "open":
        raise refused(f"You can only {action} open invoices. This invoice is {found['status']}.")
    return found


INVOICE_ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("GET", f"{URL}/search", search_invoices, SEARCH_PARAMETERS),
    Endpoint("GET", URL, list_invoices, {**LIST_PARAMETERS, **CREATED, **FILTERS}),
    Endpoint("GET", ONE, retrieve_invoice, {"expand": texts}),
    Endpoint("POST", ONE, update_invoice, {"description": text, "metadata": metadata, "expand": texts}),
    Endpoint("GET", f"{ONE}/lines", list_lines, LIST_PARAMETERS),
    Endpoint("POST", f"{ONE}/pay", pay_invoice, {"paid_out_of_band": boolean, "payment_method": text, "expand": texts}),
    Endpoint("POST", f"{ONE}/void", void_invoice, {"expand": texts}),
    Endpoint("POST", f"{ONE}/mark_uncollectible", mark_uncollectible, {"expand": texts}),
)
