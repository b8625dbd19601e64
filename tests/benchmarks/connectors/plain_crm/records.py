"""A customer as this system has one, as far as it is read."""

from datetime import datetime

from msgspec import Struct


class Address(Struct, kw_only=True):
    """An address; `line1` has street and house number together."""

    line1: str | None = None
    city: str | None = None
    postal_code: str | None = None
    country: str | None = None


class Customer(Struct, kw_only=True):
    """A customer."""

    id: str
    first_name: str | None = None
    last_name: str | None = None
    full_name: str | None = None
    email: str | None = None
    phone: str | None = None
    status: str | None = None
    segment: str | None = None
    created_at: datetime | None = None
    language: str | None = None
    vip: bool | None = None
    address: Address | None = None
