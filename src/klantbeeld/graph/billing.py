"""What the customer owes and has paid."""

from datetime import date
from typing import Any

import strawberry
from strawberry import Parent
from strawberry.types import Info

from klantbeeld.graph.data import Data
from klantbeeld.graph.joined import computed
from klantbeeld.graph.published import published
from klantbeeld.graph.sourced import Sourced
from klantbeeld.sdk import records, words
from klantbeeld.sdk.words import Category, InvoiceState, Sensitivity

strawberry.enum(words.InvoiceState, description="State of an invoice.")
strawberry.enum(words.AccountState, description="State of a billing account.")

FINANCIAL = Data(owner="BILLING", category=Category.CUSTOM, scope="billing:read", sensitivity=Sensitivity.FINANCIAL)


@published(records.Money, None)
class Money:
    """An amount in a currency."""


@published(records.InvoiceLine, FINANCIAL)
class InvoiceLine:
    """One line of an invoice."""

    amount: Money | None


@published(records.Invoice, FINANCIAL, hidden=("settlement",))
class Invoice(Sourced):
    """A bill."""

    total: Money | None
    due: Money | None
    lines: list[InvoiceLine] | None

    @computed("settlement", "due_on", data=FINANCIAL)
    def state(invoice: Parent[records.Invoice], info: Info[Any, Any]) -> InvoiceState | None:
        """State today; OPEN becomes OVERDUE on the day after the due date."""
        return state_of(invoice, info.context.moment.now.date())

    @computed("settlement", "due_on", data=FINANCIAL)
    def days_overdue(invoice: Parent[records.Invoice], info: Info[Any, Any]) -> int | None:
        """Days since the due date, while it is overdue; null otherwise."""
        today = info.context.moment.now.date()
        overdue = state_of(invoice, today) is InvoiceState.OVERDUE
        return (today - invoice.due_on).days if overdue and invoice.due_on else None


@published(records.BillingAccount, FINANCIAL)
class BillingAccount(Sourced):
    """An account on which invoices are made."""

    balance: Money | None


def state_of(invoice: records.Invoice, today: date) -> InvoiceState | None:
    """Return the state of an invoice on a day."""
    is_late = invoice.due_on is not None and invoice.due_on < today
    return InvoiceState.OVERDUE if invoice.settlement is InvoiceState.OPEN and is_late else invoice.settlement
