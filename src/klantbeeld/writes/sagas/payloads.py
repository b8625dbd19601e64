"""What is kept, sealed, of the steps that are no calls: all that their handlers need after a crash."""

from datetime import datetime
from typing import TypeVar

import msgspec

T = TypeVar("T")


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a task goes to and until when, in seconds from when it is made. `starter` is who began, as a keyed hash.

    `awaited` says whether the operation waits for it.
    """

    title_nl: str
    title_en: str
    scope: str
    due: float
    escalates: float | None = None
    escalates_to: str | None = None
    starter: bytes
    awaited: bool = True


class Until(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing goes on before this moment, or before so many seconds passed since the step began."""

    moment: datetime | None = None
    seconds: float | None = None


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """An event that is waited for, `longest` seconds at most."""

    event: str
    longest: float


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever listens is told."""

    topic: str


class Engaged(msgspec.Struct, frozen=True, kw_only=True):
    """Which process of which engine decides."""

    engine: str
    process: str


def opened(payload: bytes, kind: type[T]) -> T:
    """Read what was kept."""
    return msgspec.json.decode(payload, type=kind)
