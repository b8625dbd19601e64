"""Look-ups in PostgreSQL: one round trip each, by asyncpg and its prepared statements."""

from collections.abc import Collection, Sequence
from typing import Any

import asyncpg

from klantbeeld.errors import StoreError
from klantbeeld.identity.links import Link, Reference
from klantbeeld.identity.lookups import MOST_HOLDERS, Found, Owner, evidence_of

CUSTOMERS = """
SELECT c.id, c.merged_into, ARRAY(SELECT f.id FROM customers f WHERE f.merged_into = c.id ORDER BY f.id) AS former,
       l.source, l.record_id, l.valid_from, l.origin, l.score, l.decided_by, l.evidence
FROM customers c LEFT JOIN links l ON l.customer_id = c.id AND l.valid_to IS NULL
WHERE c.id = ANY($1::uuid[]) ORDER BY c.id, l.source COLLATE "C", l.record_id COLLATE "C"
"""
OWNERS = """
SELECT a.source, a.record_id, l.customer_id, c.merged_into
FROM unnest($1::text[], $2::text[]) AS a (source, record_id)
JOIN links l ON l.source = a.source AND l.record_id = a.record_id AND l.valid_to IS NULL
JOIN customers c ON c.id = l.customer_id
"""
HOLDERS = f"""
SELECT DISTINCT m.customer_id, c.merged_into FROM match_keys m JOIN customers c ON c.id = m.customer_id
WHERE m.kind = $1 AND m.key_hash = ANY($2::bytea[]) LIMIT {MOST_HOLDERS}
"""  # noqa: S608  # a constant is all that is put in


class PostgresqlLookups:
    """Look-ups through the store's pool."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    async def customers(self, ids: Sequence[str]) -> dict[str, Found]:
        """Find customers by id, without following merges."""
        merged: dict[str, tuple[str | None, tuple[str, ...]]] = {}
        links: dict[str, list[Link]] = {}
        for uuid, merged_into, former, *link in await self._fetch(CUSTOMERS, list(ids)):
            customer_id = str(uuid)
            merged[customer_id] = (_text(merged_into), tuple(map(str, former)))
            of_customer = links.setdefault(customer_id, [])
            if link[0] is not None:
                of_customer.append(_link(link))
        return {each: Found(into, former, tuple(links[each])) for each, (into, former) in merged.items()}

    async def owners(self, references: Collection[Reference]) -> dict[Reference, Owner]:
        """Find whose records these are."""
        sources = [source for source, _ in references]
        record_ids = [record_id for _, record_id in references]
        return {
            Reference(source, record_id): Owner(str(customer_id), _text(merged_into))
            for source, record_id, customer_id, merged_into in await self._fetch(OWNERS, sources, record_ids)
        }

    async def holders(self, kind: str, hashes: Sequence[bytes]) -> list[Owner]:
        """Find customers that have a match key with one of the hashes."""
        return [Owner(str(each), _text(into)) for each, into in await self._fetch(HOLDERS, kind, list(hashes))]

    async def _fetch(self, statement: str, *values: object) -> list[asyncpg.Record]:
        try:
            rows: list[asyncpg.Record] = await self._pool.fetch(statement, *values)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:  # a TimeoutError is an OSError
            raise StoreError(f"the store failed while looking up ({type(error).__name__})") from error
        return rows


def _text(uuid: object | None) -> str | None:
    return None if uuid is None else str(uuid)


def _link(row: Sequence[Any]) -> Link:
    source, record_id, since, origin, score, decided_by, evidence = row
    return Link(source, record_id, since, origin, score, decided_by, evidence_of(evidence))
