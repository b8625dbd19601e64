"""Cached values: what is kept of an answer, where, and how old it is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from klantbeeld.sdk.records import Record
from klantbeeld.settings_sharing import Ages
from klantbeeld.sources.evictions import Mark
from klantbeeld.sources.questions import Subject

OfAge = Callable[[Ages], float]


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """A value as it is kept: its name, when it was fetched, how far the log was read when its call began, its records.

    The name is there so that whoever holds a shared cache cannot hand out one customer's value as another's.
    """

    name: str
    fetched_at: datetime
    mark: Mark
    next_page: str | None
    records: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one value: the records of a capability for one of a source's ids."""

    capability: str
    key: str
    subject: Subject
    name: str
    ages: Ages
    record: type[Record]


@dataclass(frozen=True, slots=True)
class Value:
    """A value that was found, decoded; `age` is in seconds."""

    fetched_at: datetime
    mark: Mark
    next_page: str | None
    records: list[Record]
    age: float


@dataclass(slots=True)
class Found:
    """What was kept for a question, by the names of its places."""

    values: dict[str, Value] = field(default_factory=dict)

    def is_within(self, slot: Slot, age: OfAge) -> bool:
        """Say whether there is a value for a place that is no older than an age."""
        value = self.values.get(slot.name)
        return value is not None and value.age < age(slot.ages)

    def are_within(self, slots: Iterable[Slot], age: OfAge) -> bool:
        """Say so of all of some places."""
        return all(self.is_within(slot, age) for slot in slots)


def fresh(ages: Ages) -> float:
    """Return the age up to which a value is CACHED."""
    return ages.max_age


def while_revalidate(ages: Ages) -> float:
    """Return the age up to which a value is served while the source is asked again."""
    return ages.max_age + ages.stale_while_revalidate


def if_error(ages: Ages) -> float:
    """Return the age up to which a value is served where the source does not answer."""
    return ages.max_age + ages.stale_if_error


def kind_of(record: type[Record]) -> str:
    """Return what the settings call a kind of record: `ContactMedium` is `contact_medium`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in record.__name__).lstrip("_")


def packed(name: str, records: list[Record], *, fetched_at: datetime, mark: Mark, next_page: str | None) -> bytes:
    """Write a value as it is kept."""
    return _ENCODE(Kept(name, fetched_at, mark, next_page, msgspec.Raw(_ENCODE(records))))


def unpacked(name: str, raw: bytes, record: type[Record], *, now: datetime) -> Value | None:
    """Read a value that was kept; None for another's, and for one that another version wrote in another way."""
    try:
        kept = _DECODE(raw)
        records = _decoder(record).decode(kept.records)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if kept.name != name:
        return None
    age = max(0.0, (now - kept.fetched_at).total_seconds())
    return Value(kept.fetched_at, kept.mark, kept.next_page, records, age)


_ENCODE: Callable[[Any], bytes] = msgspec.msgpack.Encoder().encode
_DECODE: Callable[[bytes], Kept] = msgspec.msgpack.Decoder(Kept).decode


@lru_cache(maxsize=64)
def _decoder(record: type[Record]) -> msgspec.msgpack.Decoder[list[Any]]:
    kind: Any = list[record]  # type: ignore[valid-type]  # a type that is known when the program runs
    return msgspec.msgpack.Decoder(kind)
