"""What the customer owes and has paid."""

from datetime import date
from typing import Any

from strawberry import Parent
from strawberry.types import Info

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
    is_late = invoice.due_on is not None and invoice.due_on < today
    return InvoiceState.OVERDUE if invoice.settlement is InvoiceState.OPEN and is_late else invoice.settlement


def balances_of(accounts: list[records.BillingAccount]) -> list[records.Money]:
    """Add up the balances of accounts, one sum a currency, in the order of the currencies' codes."""
    sums: dict[str, records.Money] = {}
    for account in accounts:
        if account.balance is not None:
            currency = account.balance.currency
            before = sums[currency].amount if currency in sums else 0
            sums[currency] = records.Money(before + account.balance.amount, currency)
    return [sums[currency] for currency in sorted(sums)]
