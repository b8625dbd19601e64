"""An invoice as this system has one."""

from datetime import date
from decimal import Decimal

from msgspec import Struct


class Invoice(Struct, kw_only=True):
    """An invoice; `amount` is its total and `balance` what is still to be paid."""

    id: str
    number: str | None = None
    status: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    issued_on: date | None = None
    due_on: date | None = None
    balance: Decimal | None = None
