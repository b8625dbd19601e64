"""Look-ups in SQLite: straight through sqlite3, in the event loop, because they take microseconds.

Each statement is written for a few fixed numbers of values and so stays prepared; `(a, b) IN (VALUES …)` would scan the
whole table.
"""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from operator import attrgetter
from typing import Any

import msgspec

from klantbeeld.errors import StoreError
from klantbeeld.identity.links import Link, Reference
from klantbeeld.identity.lookups import MOST_HOLDERS, Found, Owner, by_source

SIZES = (1, 4, 16, 64, 256)  # numbers of values that a statement is written for

# One row a customer, with its links as one text: the driver gives the interpreter away at every row, and msgspec reads
# all of a text in one step.
CUSTOMERS = """
SELECT c.id, c.merged_into,
       (SELECT json_group_array(f.id) FROM customers f WHERE f.merged_into = c.id),
       (SELECT json_group_array(json_array(
                   l.source, l.record_id, l.valid_from, l.origin, l.score, l.decided_by, json(l.evidence)))
        FROM links l WHERE l.customer_id = c.id AND l.valid_to IS NULL)
FROM customers c WHERE c.id IN ({values})
"""
OWNERS = """
SELECT l.record_id, l.customer_id, c.merged_into FROM links l JOIN customers c ON c.id = l.customer_id
WHERE l.source = ? AND l.record_id IN ({values}) AND l.valid_to IS NULL
"""
HOLDERS = f"""
SELECT DISTINCT m.customer_id, c.merged_into FROM match_keys m JOIN customers c ON c.id = m.customer_id
WHERE m.kind = ? AND m.key_hash IN ({{values}}) LIMIT {MOST_HOLDERS}
"""  # noqa: S608  # a constant is all that is put in

EMPTY = "[]"
BY_RECORD = attrgetter("source", "record_id")

Row = tuple[Any, ...]

_read_ids = msgspec.json.Decoder(list[str]).decode
_read_links = msgspec.json.Decoder(list[Link]).decode


class SqliteLookups:
    """Look-ups through the store's reader, by the thread that opened it."""

    def __init__(self, reader: sqlite3.Connection) -> None:
        self._reader = reader

    async def customers(self, ids: Sequence[str]) -> dict[str, Found]:
        """Find customers by id, without following merges."""
        return {
            customer_id: Found(merged_into, _former(former), _links(links))
            for customer_id, merged_into, former, links in self._fetch(CUSTOMERS, ids)
        }

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


def _former(text: str) -> tuple[str, ...]:
    return () if text == EMPTY else tuple(sorted(_read_ids(text)))


def _links(text: str) -> tuple[Link, ...]:
    return tuple(sorted(_read_links(text), key=BY_RECORD))
