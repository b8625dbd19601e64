"""The calls to the Stripe API."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

import msgspec

from klantbeeld.sdk import (
    Ask,
    Bearer,
    Call,
    Connector,
    Dialogue,
    MatchKind,
    Reply,
    SourceError,
    SourceInvalid,
    SourceRejected,
    SourceUnavailable,
    WriteSafety,
    does,
    problem_of_status,
    reads,
    segment,
)
from klantbeeld.sdk.acts import Act, ChangeBillingDetails, CreditInvoice, WithdrawCredit
from klantbeeld.sdk.money import to_minor
from klantbeeld.sdk.paging import last_id_while_more
from klantbeeld.sdk.records import PostalAddress
from klantbeeld.sdk.spellings import address_line, phone_spellings
from klantbeeld.sdk.words import InvoiceState

from . import mapping
from . import records as wire
from .hook import HOOK

W = TypeVar("W")

VERSION = ("stripe-version", "2023-10-16")
PAGE = 100
SUBSCRIPTION = "sub_"
STATES = {**{state.value: status for status, state in mapping.SETTLEMENTS.items()}, InvoiceState.OVERDUE.value: "open"}
CUSTOMER_EVENTS = ("customer.created", "customer.updated")
OPERATION = "klantbeeld_operation"
PAYMENT_REQUIRED, IN_USE = 402, 409
OPEN, VOID = "open", "void"


class Stripe(Connector):
    """One Stripe account. The source's id of a customer is that of a Stripe customer, which is a billing account."""

    auth = Bearer("secret_key")
    hook = HOOK

    @reads(mapping.PARTY, resource="customer")
    def party(self, ask: Ask) -> Call[wire.Customer]:
        """Read a customer."""
        return Call(path=f"/v1/customers/{segment(ask.key)}", headers=(VERSION,), record=wire.Customer)

    @reads(*mapping.CONTACT_MEDIA, resource="customer")
    def contact_media(self, ask: Ask) -> Call[wire.Customer]:
        """Read the same customer."""
        return self.party(ask)

    @reads(mapping.BILLING_ACCOUNT, resource="customer")
    def billing_accounts(self, ask: Ask) -> Call[wire.Customer]:
        """Read the same customer."""
        return self.party(ask)

    @reads(mapping.INVOICE, newest_first="issued_on", page=PAGE)
    def invoices(self, ask: Ask) -> Call[wire.Invoice]:
        """Read a customer's invoices, in one state if one is asked."""
        state = ask.arguments.get("state")
        status = {"status": STATES[str(state)]} if state else {}
        return listed("/v1/invoices", wire.Invoice, ask, {"customer": ask.key, **status})

    @reads(mapping.INVOICE)
    def invoice(self, ask: Ask) -> Call[wire.Invoice]:
        """Read an invoice."""
        return Call(path=f"/v1/invoices/{segment(ask.key)}", headers=(VERSION,), record=wire.Invoice)

    @reads(mapping.PURCHASE, resource="invoices", page=PAGE)
    def purchases(self, ask: Ask) -> Call[wire.Invoice]:
        """Read the same invoices, for the articles on their lines."""
        return self.invoices(ask)

    @reads(mapping.PRODUCT, page=PAGE)
    def products(self, ask: Ask) -> Call[wire.Product]:
        """Read a customer's subscriptions, those that have ended too."""
        return listed("/v1/subscriptions", wire.Product, ask, {"customer": ask.key, "status": "all"})

    @reads(mapping.PRODUCT, by_record=True, batch=PAGE)
    def product(self, ask: Ask) -> Call[wire.Product]:
        """Read a subscription, or articles: those are what complaints and lines of orders name."""
        if len(ask.keys) > 1:
            return articles(ask)
        kind = "subscriptions" if ask.key.startswith(SUBSCRIPTION) else "products"
        expanded = "default_price" in ask.select and kind == "products"
        return Call(
            path=f"/v1/{kind}/{segment(ask.key)}",
            query=[("expand[]", "default_price")] if expanded else (),
            headers=(VERSION,),
            record=wire.Product,
        )

    @reads(mapping.PARTY, page=PAGE, finds=(MatchKind.EMAIL, MatchKind.PHONE, MatchKind.CUSTOMER_NUMBER))
    def find(self, ask: Ask) -> Call[wire.Customer]:
        """Find customers; by e-mail address in the list, which knows a new one at once, by the rest in the index."""
        kind, value = MatchKind(ask.arguments["kind"]), str(ask.arguments["value"])
        if kind is MatchKind.EMAIL:
            return listed("/v1/customers", wire.Customer, ask, {"email": value})
        if kind is MatchKind.PHONE:
            return searched(ask, " OR ".join(f"phone:{quoted(each)}" for each in phone_spellings(value)))
        if kind is MatchKind.CUSTOMER_NUMBER:
            return searched(ask, has_number(value))
        raise SourceRejected(f"cannot find by {kind}")

    @reads(mapping.PARTY, page=PAGE)
    def search(self, ask: Ask) -> Call[wire.Customer]:
        """Search customers whose name or e-mail address contains a text, or whose number it is."""
        text = str(ask.arguments["text"])
        return searched(ask, f"name~{quoted(text)} OR email~{quoted(text)} OR {has_number(text)}")

    @reads(mapping.PARTY, page=PAGE)
    def everyone(self, ask: Ask) -> Call[wire.Customer]:
        """Read all customers, page by page."""
        return listed("/v1/customers", wire.Customer, ask, {})

    @reads(mapping.CHANGED_PARTY, page=PAGE)
    def changes(self, ask: Ask) -> Call[wire.Event]:
        """Read what happened to customers since a moment, newest first; Stripe tells of the last 30 days."""
        since: datetime = ask.arguments["since"]
        types = {f"types[{place}]": name for place, name in enumerate(CUSTOMER_EVENTS)}
        return listed("/v1/events", wire.Event, ask, {"created[gte]": str(int(since.timestamp())), **types})

    @does(WriteSafety.IDEMPOTENCY_KEY, mapping.PARTY)
    def change_billing_details(self, act: ChangeBillingDetails) -> Call[wire.Customer]:
        """Change a customer; an address replaces the whole of the old one."""
        form = [("name", act.name), ("email", act.email), *(address_members(act.address) if act.address else ())]
        return Call(
            method="POST",
            path=f"/v1/customers/{segment(act.customer)}",
            headers=(VERSION, key_of(act)),
            form=[(name, value) for name, value in form if value is not None],
            record=wire.Customer,
            absent=frozenset(),
            sends=True,
        )

    @does(WriteSafety.IDEMPOTENCY_KEY, mapping.CREDIT_NOTE)
    def credit_invoice(self, act: CreditInvoice) -> Dialogue[wire.CreditNote]:
        """Credit an invoice: an open one by lowering what is due, a paid one by crediting the customer's balance.

        What is asked depends on the invoice, which the credit note itself changes. So the notes are read first, and
        the one with this key is the answer where a first try succeeded after all.
        """
        path = f"/v1/invoices/{segment(act.invoice)}"
        reply = yield Call(path=path, headers=(VERSION,), record=wire.Invoice, absent=frozenset())
        invoice = understood(reply, wire.Invoice)
        query = [("invoice", act.invoice), ("limit", str(PAGE))]
        reply = yield Call(
            path="/v1/credit_notes", query=query, headers=(VERSION,), record=wire.CreditNotes, absent=frozenset()
        )
        for note in understood(reply, wire.CreditNotes).data:
            if note.metadata.get(OPERATION) == act.key:
                return credit_note(f"/v1/credit_notes/{segment(note.id)}", act, method="GET")
        return credit_note("/v1/credit_notes", act, form=credit_members(act, invoice))

    @does(WriteSafety.IDEMPOTENCY_KEY, mapping.CREDIT_NOTE)
    def withdraw_credit(self, act: WithdrawCredit) -> Dialogue[wire.CreditNote]:
        """Take a credit back: by voiding the note while its invoice is open, and else by a debit on the balance.

        Stripe voids no note of an invoice that is paid, and a note over all that was due has made it so.
        """
        note_path = f"/v1/credit_notes/{segment(act.credit)}"
        reply = yield Call(path=note_path, headers=(VERSION,), record=wire.CreditNote, absent=frozenset())
        note = understood(reply, wire.CreditNote)
        if note.customer != act.customer:
            raise SourceRejected("the credit is another customer's", reason="credit_of_another_customer")
        if note.status == VOID:
            return credit_note(note_path, act, method="GET")
        path = f"/v1/invoices/{segment(note.invoice or '')}"
        reply = yield Call(path=path, headers=(VERSION,), record=wire.Invoice, absent=frozenset())
        if understood(reply, wire.Invoice).status == OPEN:
            return credit_note(f"{note_path}/void", act, form=[])
        return credit_note(
            f"/v1/customers/{segment(act.customer)}/balance_transactions", act, form=debit_members(act, note)
        )

    def problem(self, reply: Reply) -> SourceError | None:
        """Read the kind of a refusal: a key in use or used otherwise proves nothing about the write."""
        problem = problem_of_status(reply)
        if problem is None or isinstance(problem, SourceUnavailable):
            return problem
        failure = failure_of(reply)
        if reply.status == IN_USE:
            return SourceUnavailable(f"{problem.detail}: another request holds the object or the key")
        if failure.type == "idempotency_error":
            return SourceInvalid(f"{problem.detail}: the key came with other parameters before")
        if isinstance(problem, SourceRejected) or reply.status == PAYMENT_REQUIRED:
            reason = failure.code or failure.type or None
            return SourceRejected(f"{problem.detail}, {reason}", reason=reason)
        return problem


def listed(path: str, record: type[W], ask: Ask, members: Mapping[str, str]) -> Call[W]:
    """Ask for a page of a list; the position is the id of the last object before it.

    A list that is not there is a wrong address, and not an empty list.
    """
    after = {"starting_after": ask.after} if ask.after else {}
    return Call(
        path=path,
        query=tuple({**members, "limit": str(ask.first or PAGE), **after}.items()),
        headers=(VERSION,),
        items=("data",),
        envelope=wire.Page,
        next_page=last_id_while_more,
        needs=frozenset({"id"}),
        record=record,
        absent=frozenset(),
    )


def articles(ask: Ask) -> Call[wire.Product]:
    """Ask for several articles; SourceRejected where a subscription is among them, which no list of articles has."""
    if any(key.startswith(SUBSCRIPTION) for key in ask.keys):
        raise SourceRejected("articles and subscriptions cannot be read together")
    query = [(f"ids[{place}]", key) for place, key in enumerate(ask.keys)]
    expanded = [("expand[]", "data.default_price")] if "default_price" in ask.select else []
    return Call(
        path="/v1/products",
        query=[*query, ("limit", str(PAGE)), *expanded],
        headers=(VERSION,),
        items=("data",),
        record=wire.Product,
        absent=frozenset(),
    )


def searched(ask: Ask, query: str) -> Call[wire.Customer]:
    """Ask for a page of what a search finds; the position is a token of Stripe's."""
    after = {"page": ask.after} if ask.after else {}
    return Call(
        path="/v1/customers/search",
        query=tuple({"query": query, "limit": str(ask.first or PAGE), **after}.items()),
        headers=(VERSION,),
        items=("data",),
        envelope=wire.Page,
        next_page=lambda page, _last: page.next_page,
        record=wire.Customer,
        absent=frozenset(),
    )


def has_number(number: str) -> str:
    """Return the clause that finds a customer number."""
    return f"metadata[{quoted(mapping.CUSTOMER_NUMBER)}]:{quoted(number)}"


def quoted(text: str) -> str:
    """Quote a text for the search query language."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def key_of(act: Act) -> tuple[str, str]:
    """Return the header by which Stripe does a request once."""
    return ("idempotency-key", act.key)


def address_members(address: PostalAddress) -> list[tuple[str, str]]:
    """Return the members of an address; what the new one does not have is emptied."""
    values = {
        "line1": address_line(address),
        "line2": "",
        "postal_code": address.postcode or "",
        "city": address.city or "",
        "country": address.country or "",
    }
    return [(f"address[{name}]", value) for name, value in values.items()]


def credit_members(act: CreditInvoice, invoice: wire.Invoice) -> list[tuple[str, str]]:
    """Return the members of a new credit note; SourceRejected where the invoice is not this customer's."""
    if invoice.customer != act.customer:
        raise SourceRejected("the invoice is another customer's", reason="invoice_of_another_customer")
    if act.amount and act.amount.currency.lower() != invoice.currency:
        raise SourceRejected("the amount is in another currency", reason="currency_mismatch")
    amount = str(to_minor(act.amount) if act.amount else invoice.amount_remaining or 0)
    return [
        ("invoice", act.invoice),
        ("amount", amount),
        *([("credit_amount", amount)] if invoice.status == "paid" else []),
        ("memo", act.reason),
        (f"metadata[{OPERATION}]", act.key),
        ("metadata[channel]", act.channel.value),
    ]


def debit_members(act: WithdrawCredit, note: wire.CreditNote) -> list[tuple[str, str]]:
    """Return the members of a movement of the balance by which a customer owes again what was credited."""
    return [
        ("amount", str(note.amount or 0)),
        ("currency", note.currency or ""),
        ("description", f"Withdrawn: {note.number or note.id}"),
        (f"metadata[{OPERATION}]", act.key),
        ("metadata[channel]", act.channel.value),
    ]


def credit_note(
    path: str, act: Act, *, method: str = "POST", form: list[tuple[str, str]] | None = None
) -> Call[wire.CreditNote]:
    """Make a credit note, or read the one that was made."""
    headers = (VERSION, key_of(act)) if method == "POST" else (VERSION,)
    return Call(
        method=method,
        path=path,
        headers=headers,
        form=form,
        record=wire.CreditNote,
        absent=frozenset(),
        sends=method == "POST",
    )


def understood(reply: Reply, kind: type[W]) -> W:
    """Decode the reply to a step of a dialogue."""
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except msgspec.DecodeError as error:
        raise SourceInvalid("an object is not what was declared", sent=False) from error


def failure_of(reply: Reply) -> wire.Failure:
    """Return why a request was refused, as far as the body says."""
    try:
        return msgspec.json.decode(reply.body, type=wire.Refusal).error
    except msgspec.DecodeError:
        return wire.Failure()
