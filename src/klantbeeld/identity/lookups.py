"""The look-ups that every request makes: one small adapter a database answers them."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

import msgspec

from klantbeeld.identity.links import Link, Reference
from klantbeeld.store import Store

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


def lookups_of(store: Store) -> Lookups:
    """Choose the adapter for a store."""
    if isinstance(store.reader, sqlite3.Connection):
        from klantbeeld.identity.sqlite_lookups import SqliteLookups  # noqa: PLC0415  # only one of the two is needed

        return SqliteLookups(store.reader)
    from klantbeeld.identity.postgresql_lookups import PostgresqlLookups  # noqa: PLC0415  # needs an extra

    return PostgresqlLookups(store.reader)


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
