"""A profile as this system has one, as far as it is read."""

from datetime import datetime

from msgspec import Struct


class Consent(Struct, kw_only=True):
    """What was allowed on one channel."""

    channel: str
    granted: bool | None = None
    updated_at: datetime | None = None
    source: str | None = None


class Campaign(Struct, kw_only=True):
    """A campaign that was sent."""

    id: str
    name: str | None = None
    sent_at: datetime | None = None
    opened: bool | None = None


class Profile(Struct, kw_only=True):
    """What the system keeps of a customer."""

    customer_id: str
    consents: list[Consent]
    campaigns: list[Campaign]
