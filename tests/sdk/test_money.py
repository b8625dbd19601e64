"""Amounts keep every cent between the wire and the model."""

from decimal import Decimal

import pytest

from klantbeeld.sdk.money import from_decimal, from_minor, to_minor
from klantbeeld.sdk.records import Money


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [(4750, "eur", "47.50 EUR"), (-5, "EUR", "-0.05 EUR"), (100, "jpy", "100 JPY"), (1234, "KWD", "1.234 KWD")],
)
def test_the_smallest_unit_depends_on_the_currency(amount: int, currency: str, expected: str) -> None:
    money = from_minor(amount, currency)
    assert money is not None
    assert f"{money.amount} {money.currency}" == expected
    assert to_minor(money) == amount


@pytest.mark.parametrize(
    ("amount", "expected"),
    [("229.0", "229.00"), ("24.95", "24.95"), ("7", "7.00"), ("0.125", "0.125"), ("1E+3", "1000.00")],
)
def test_a_decimal_gets_the_decimals_of_its_currency_and_loses_none(amount: str, expected: str) -> None:
    money = from_decimal(Decimal(amount), "EUR")
    assert money is not None
    assert str(money.amount) == expected


def test_without_amount_or_currency_there_is_no_money() -> None:
    assert from_minor(None, "EUR") is from_minor(1, None) is from_decimal(None, "EUR") is from_decimal(Decimal(1), None)


def test_an_amount_finer_than_a_cent_is_refused() -> None:
    with pytest.raises(ValueError, match="finer"):
        to_minor(Money(Decimal("0.005"), "EUR"))
