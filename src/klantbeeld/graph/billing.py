"""What the customer owes and has paid."""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from strawberry import Parent
from strawberry.types import Info

from klantbeeld.errors import Unanswered
from klantbeeld.graph.answers import Answers
from klantbeeld.graph.data import Data
from klantbeeld.graph.joined import computed, joined
from klantbeeld.graph.money import Money
from klantbeeld.graph.products import HELD, NAMED_PRODUCT, Product
from klantbeeld.graph.published import published
from klantbeeld.graph.sourced import Sourced
from klantbeeld.sdk import records
from klantbeeld.sdk.words import Category, InvoiceState, Sensitivity

FINANCIAL = Data(owner="BILLING", category=Category.CUSTOM, scope="billing:read", sensitivity=Sensitivity.FINANCIAL)


@published(records.InvoiceLine, FINANCIAL)
class InvoiceLine:
    """One line of an invoice."""

    amount: Money | None

    @joined(NAMED_PRODUCT, data=HELD)
    def product(answers: Parent[Answers[records.Product]]) -> Product | None:
        """The product that is charged."""
        return answers.one()


@published(records.Invoice, FINANCIAL, hidden=("settlement",))
class Invoice(Sourced):
    """A bill."""

    total: Money | None
    due: Money | None
    lines: list[InvoiceLine] | None

    @computed("settlement", "due_on", data=FINANCIAL)
    def state(invoice: Parent[records.Invoice], info: Info[Any, Any]) -> InvoiceState | None:
        """State today; OPEN becomes OVERDUE on the day after the due date."""
        return state_of(invoice, info.context.moment.today)

    @computed("settlement", "due_on", data=FINANCIAL)
    def days_overdue(invoice: Parent[records.Invoice], info: Info[Any, Any]) -> int | None:
        """Days since the due date, while it is overdue; null otherwise."""
        today = info.context.moment.today
        overdue = state_of(invoice, today) is InvoiceState.OVERDUE
        return (today - invoice.due_on).days if overdue and invoice.due_on else None


@published(records.BillingAccount, FINANCIAL)
class BillingAccount(Sourced):
    """An account on which invoices are made."""

    balance: Money | None


def state_of(invoice: records.Invoice, today: date) -> InvoiceState | None:
    """Return the state of an invoice on a day."""
    state = invoice.settlement
    if state is InvoiceState.OPEN and invoice.due_on is not None and invoice.due_on < today:
        return InvoiceState.OVERDUE
    return state


def balances_of(accounts: Iterable[records.BillingAccount], invoices: Iterable[records.Invoice]) -> list[records.Money]:
    """Add up what is to be paid on open invoices and what accounts carry over, one sum a currency, by its code.

    Raises Unanswered for an open invoice that does not say what is due: a sum without it would be a guess.
    """
    sums: dict[str, Decimal] = {}
    for money in (*_dues(invoices), *(account.balance for account in accounts)):
        if money is not None:
            sums[money.currency] = sums.get(money.currency, Decimal(0)) + money.amount
    return [records.Money(sums[currency], currency) for currency in sorted(sums)]


def _dues(invoices: Iterable[records.Invoice]) -> Iterator[records.Money]:
    for invoice in invoices:
        if invoice.settlement is not InvoiceState.OPEN:
            continue
        if invoice.due is None:
            raise Unanswered("SOURCE_INVALID_ANSWER", source=invoice.origin.source if invoice.origin else None)
        yield invoice.due
