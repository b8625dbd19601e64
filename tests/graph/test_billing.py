"""What a customer owes."""

from decimal import Decimal

import pytest

from klantbeeld.errors import Unanswered
from klantbeeld.graph.billing import balances_of
from klantbeeld.sdk.records import BillingAccount, Invoice, Money
from klantbeeld.sdk.words import InvoiceState


def euros(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def test_open_invoices_and_what_accounts_carry_over_are_added_up() -> None:
    accounts = [BillingAccount(balance=euros("-2.00")), BillingAccount(balance=euros("0.00"))]
    invoices = [
        Invoice(settlement=InvoiceState.OPEN, due=euros("8.95")),
        Invoice(settlement=InvoiceState.OPEN, due=euros("1.05")),
    ]
    assert balances_of(accounts, invoices) == [euros("8.00")]


@pytest.mark.parametrize("state", sorted(set(InvoiceState) - {InvoiceState.OPEN}))
def test_an_invoice_that_is_not_open_is_not_owed(state: InvoiceState) -> None:
    assert balances_of([BillingAccount(balance=euros("0.00"))], [Invoice(settlement=state, due=euros("8.95"))]) == [
        euros("0.00")
    ]


def test_each_currency_has_a_sum_of_its_own() -> None:
    francs = Money(Decimal("3.00"), "CHF")
    assert balances_of([BillingAccount(balance=euros("1.00")), BillingAccount(balance=francs)], []) == [
        francs,
        euros("1.00"),
    ]


def test_an_open_invoice_without_an_amount_is_not_guessed() -> None:
    with pytest.raises(Unanswered, match="SOURCE_INVALID_ANSWER"):
        balances_of([BillingAccount(balance=euros("0.00"))], [Invoice(settlement=InvoiceState.OPEN)])
