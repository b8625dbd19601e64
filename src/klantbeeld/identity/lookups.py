"""The look-ups that every request makes: one small adapter a database answers them."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

import msgspec

from klantbeeld.identity.links import Link, Reference

MOST_HOLDERS = 100
"""Most customers that a match key gives: a key of more (a switchboard, a shared mailbox) tells nobody apart."""


class Found(msgspec.Struct, frozen=True):
    """One customer as it is stored: if it was merged, into which; which were merged into it; its current links."""

    merged_into: str | None
    former: tuple[str, ...]
    links: tuple[Link, ...]


class Owner(msgspec.Struct, frozen=True):
    """The customer that a reference or a match key leads to, and if it was merged, into which."""

    customer_id: str
    merged_into: str | None


class Lookups(Protocol):
    """What an adapter answers. Every method raises StoreError."""

    async def customers(self, ids: Sequence[str]) -> dict[str, Found]:
        """Find customers by id, without following merges; unknown ids are left out."""
        ...

    async def owners(self, references: Collection[Reference]) -> dict[Reference, Owner]:
        """Find whose records these are; unknown ones are left out."""
        ...

    async def holders(self, kind: str, hashes: Sequence[bytes]) -> list[Owner]:
        """Find up to MOST_HOLDERS customers that have a match key with one of the hashes."""
        ...


def by_source(references: Iterable[Reference]) -> Mapping[str, list[str]]:
    """Sort references by source."""
    sorted_references: dict[str, list[str]] = {}
    for source, record_id in references:
        sorted_references.setdefault(source, []).append(record_id)
    return sorted_references


@lru_cache(maxsize=1024)
def evidence_of(text: str) -> tuple[str, ...]:
    """Read stored evidence; a map of millions of links has a few dozen combinations of codes."""
    codes: list[Any] = json.loads(text)
    return tuple(codes)
