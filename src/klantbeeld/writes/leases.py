"""Leases on operations, and what ends a try to hold one, or a record."""

from datetime import datetime, timedelta

from msgspec import Struct


class Lease(Struct, frozen=True):
    """Who takes an operation, from when and for how long; `holder` is the process's own id."""

    holder: str
    now: datetime
    until: datetime


def lease_of(holder: str, now: datetime, seconds: float) -> Lease:
    """Make a lease that begins now."""
    return Lease(holder, now, now + timedelta(seconds=seconds))


class Fenced(Exception):
    """Somebody else has taken the operation over: this holder sends and writes nothing more of it.

    It does not leave this room, and neither does `RecordBusy`.
    """


class RecordBusy(Exception):
    """Another operation is changing this record, where only a lease of ours keeps changes apart."""

    code = "RECORD_BUSY"
