"""The look-ups use their indexes, however large the map."""

import sqlite3

import pytest

from klantbeeld.identity import postgresql_lookups, sqlite_lookups
from klantbeeld.identity.stored_map import StoredIdentityMap
from klantbeeld.store import Store

CUSTOMERS = 25_000
LAST = f"019ab000-0000-7000-8000-{CUSTOMERS:012}"
NOW = "'2026-11-23T09:00:00.000000+00:00'"
NUMBERS = f"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {CUSTOMERS})"
SOURCES = "(VALUES ('crm'), ('billing'), ('complaints'), ('marketing')) AS s"
ID = {
    "sqlite": "printf('019ab000-0000-7000-8000-%012d', i)",
    "postgresql": "('019ab000-0000-7000-8000-' || lpad(CAST(i AS text), 12, '0'))::uuid",
}
HASH = {
    "sqlite": "CAST(printf('%032d', 4 * i + length(column1)) AS blob)",
    "postgresql": "convert_to(lpad(CAST(4 * i + length(column1) AS text), 32, '0'), 'UTF8')",
}


@pytest.mark.asyncio
async def test_no_look_up_reads_a_whole_table_of_100_000_rows(store: Store, identity: StoredIdentityMap) -> None:
    await _fill(store)
    assert [step for step in await _plan(store) if step.startswith("SCAN") or "Seq Scan" in step] == []
    found = await identity.links(LAST)
    assert found is not None
    assert [(link.source, link.record_id) for link in found.links] == [
        (source, str(CUSTOMERS)) for source in ("billing", "complaints", "crm", "marketing")
    ]


async def _fill(store: Store) -> None:
    """Store 100,000 links and as many match keys."""
    made, hashed = ID[store.kind], HASH[store.kind]
    statements = [
        f"INSERT INTO customers (id, created_at) {NUMBERS} SELECT {made}, {NOW} FROM n",
        (
            f"INSERT INTO links (source, record_id, customer_id, valid_from, origin, evidence, decided_by) {NUMBERS} "
            f"SELECT column1, CAST(i AS text), {made}, {NOW}, 'IMPORT', '[]', 'import:anna' FROM n CROSS JOIN {SOURCES}"
        ),
        (
            f"INSERT INTO match_keys (kind, key_hash, key_version, customer_id, source, record_id) {NUMBERS} "
            f"SELECT 'EMAIL', {hashed}, 1, {made}, column1, CAST(i AS text) FROM n CROSS JOIN {SOURCES}"
        ),
        "ANALYZE",
    ]
    async with store.write() as connection:
        for statement in statements:
            await connection.exec_driver_sql(statement)


async def _plan(store: Store) -> list[str]:
    some, hashes = [LAST] * 4, [bytes(32), b"\1" * 32]
    if isinstance(store.reader, sqlite3.Connection):
        statements: list[tuple[str, list[object]]] = [
            (sqlite_lookups.CUSTOMERS, [*some]),
            (sqlite_lookups.OWNERS, ["crm", "1", "2", "3", "4"]),
            (sqlite_lookups.HOLDERS, ["EMAIL", *hashes, *hashes]),
        ]
        reader = store.reader
        return [
            str(row[3])
            for template, values in statements
            for row in reader.execute(f"EXPLAIN QUERY PLAN {template.format(values='?, ?, ?, ?')}", values)
        ]
    plans = [
        await store.reader.fetch(f"EXPLAIN {postgresql_lookups.CUSTOMERS}", some),
        await store.reader.fetch(f"EXPLAIN {postgresql_lookups.OWNERS}", ["crm", "billing"], ["1", "2"]),
        await store.reader.fetch(f"EXPLAIN {postgresql_lookups.HOLDERS}", "EMAIL", hashes),
    ]
    return [str(row[0]) for plan in plans for row in plan]
