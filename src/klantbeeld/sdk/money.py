"""Amounts between the wire and the model; never through a binary fraction."""

from decimal import Decimal
from functools import lru_cache

from klantbeeld.sdk.records import Money

# Currencies without two decimals (ISO 4217, exponent): those that a Dutch organisation meets.
EXPONENTS = {"JPY": 0, "KRW": 0, "ISK": 0, "HUF": 2, "TND": 3, "BHD": 3, "KWD": 3, "JOD": 3}


def from_minor(amount: int | None, currency: str | None) -> Money | None:
    """Make money of an amount in the currency's smallest unit."""
    if amount is None or currency is None:
        return None
    code, exponent = _written(currency)
    return Money(Decimal(amount).scaleb(exponent), code)


def from_decimal(amount: Decimal | None, currency: str | None) -> Money | None:
    """Make money of an amount in units of the currency, with its usual decimals; what is finer is kept."""
    if amount is None or currency is None:
        return None
    code, usual = _written(currency)
    finer = int(amount.normalize().as_tuple().exponent) < usual
    return Money(amount if finer else amount.quantize(Decimal(1).scaleb(usual)), code)


@lru_cache(maxsize=256)
def _written(currency: str) -> tuple[str, int]:
    """Return a currency as ISO 4217 writes it, and the exponent of its smallest unit."""
    code = currency.upper()
    return code, -EXPONENTS.get(code, 2)


def to_minor(money: Money) -> int:
    """Return the amount in the currency's smallest unit; ValueError if it has a fraction of that."""
    scaled = money.amount.scaleb(EXPONENTS.get(money.currency, 2))
    if scaled != scaled.to_integral_value():
        message = f"{money.amount} is finer than the smallest unit of {money.currency}"
        raise ValueError(message)
    return int(scaled)
