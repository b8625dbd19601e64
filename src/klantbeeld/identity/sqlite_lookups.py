"""Look-ups in SQLite: straight through sqlite3, in the event loop, because they take microseconds.

Each statement is written for a few fixed numbers of values and so stays prepared; `(a, b) IN (VALUES …)` would scan the
whole table.
"""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from klantbeeld.errors import StoreError
from klantbeeld.identity.links import Link, Reference
from klantbeeld.identity.lookups import MOST_HOLDERS, Found, Owner, by_source, evidence_of

SIZES = (1, 4, 16, 64, 256)  # numbers of values that a statement is written for

CUSTOMERS = """
SELECT c.id, c.merged_into, l.source, l.record_id, l.valid_from, l.origin, l.score, l.decided_by, l.evidence
FROM customers c LEFT JOIN links l ON l.customer_id = c.id AND l.valid_to IS NULL
WHERE c.id IN ({values}) ORDER BY c.id, l.source, l.record_id
"""
FORMER = "SELECT merged_into, id FROM customers WHERE merged_into IN ({values}) ORDER BY merged_into, id"
OWNERS = """
SELECT l.record_id, l.customer_id, c.merged_into FROM links l JOIN customers c ON c.id = l.customer_id
WHERE l.source = ? AND l.record_id IN ({values}) AND l.valid_to IS NULL
"""
HOLDERS = f"""
SELECT DISTINCT m.customer_id, c.merged_into FROM match_keys m JOIN customers c ON c.id = m.customer_id
WHERE m.kind = ? AND m.key_hash IN ({{values}}) LIMIT {MOST_HOLDERS}
"""  # noqa: S608  # a constant is all that is put in

Row = tuple[Any, ...]


class SqliteLookups:
    """Look-ups through the store's reader, by the thread that opened it."""

    def __init__(self, reader: sqlite3.Connection) -> None:
        self._reader = reader

    async def customers(self, ids: Sequence[str]) -> dict[str, Found]:
        """Find customers by id, without following merges."""
        former: dict[str, tuple[str, ...]] = {}
        for into, customer_id in self._fetch(FORMER, ids):
            former[into] = (*former.get(into, ()), customer_id)
        merged: dict[str, str | None] = {}
        links: dict[str, list[Link]] = {}
        for customer_id, merged_into, *link in self._fetch(CUSTOMERS, ids):
            merged[customer_id] = merged_into
            of_customer = links.setdefault(customer_id, [])
            if link[0] is not None:
                of_customer.append(_link(link))
        return {each: Found(into, former.get(each, ()), tuple(links[each])) for each, into in merged.items()}

    async def owners(self, references: Collection[Reference]) -> dict[Reference, Owner]:
        """Find whose records these are."""
        return {
            Reference(source, record_id): Owner(customer_id, merged_into)
            for source, record_ids in by_source(references).items()
            for record_id, customer_id, merged_into in self._fetch(OWNERS, record_ids, source)
        }

    async def holders(self, kind: str, hashes: Sequence[bytes]) -> list[Owner]:
        """Find customers that have a match key with one of the hashes."""
        return [Owner(*row) for row in self._fetch(HOLDERS, hashes, kind)]

    def _fetch(self, template: str, values: Sequence[str] | Sequence[bytes], *first: str) -> Iterator[Row]:
        for start in range(0, len(values), SIZES[-1]):
            chunk: tuple[str | bytes, ...] = tuple(values[start : start + SIZES[-1]])
            size = next(size for size in SIZES if size >= len(chunk))
            padded = (*first, *chunk, *chunk[-1:] * (size - len(chunk)))
            try:
                rows = self._reader.execute(_statement(template, size), padded).fetchall()
            except sqlite3.Error as error:
                raise StoreError(f"the store failed while looking up ({type(error).__name__})") from error
            yield from rows


@cache
def _statement(template: str, size: int) -> str:
    return template.format(values=", ".join("?" * size))


def _link(row: Sequence[Any]) -> Link:
    source, record_id, since, origin, score, decided_by, evidence = row
    return Link(source, record_id, datetime.fromisoformat(since), origin, score, decided_by, evidence_of(evidence))
