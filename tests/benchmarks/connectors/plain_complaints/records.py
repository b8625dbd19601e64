"""A complaint as this system has one, as far as it is read."""

from datetime import datetime

from msgspec import Struct


class Complaint(Struct, kw_only=True):
    """A complaint."""

    id: str
    subject: str | None = None
    status: str | None = None
    priority: str | None = None
    opened_at: datetime | None = None
    closed_at: datetime | None = None
