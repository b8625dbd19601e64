"""The look-ups use their indexes, however large the map."""

import sqlite3
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, text

from klantbeeld.identity import postgresql_lookups, sqlite_lookups
from klantbeeld.identity.ids import CustomerIds
from klantbeeld.identity.stored_map import StoredIdentityMap
from klantbeeld.identity.tables import customers, links, match_keys
from klantbeeld.store import Store

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
CUSTOMERS, SOURCES = 25_000, ("crm", "billing", "complaints", "marketing")


@pytest.mark.asyncio
async def test_no_look_up_reads_a_whole_table_of_100_000_rows(store: Store, identity: StoredIdentityMap) -> None:
    made = await _fill(store)
    assert [step for step in await _plan(store, made) if "SCAN" in step.upper() and "INDEX" not in step.upper()] == []
    found = await identity.links(made[-1])
    assert found is not None
    assert [link.record_id for link in found.links] == [str(CUSTOMERS - 1)] * len(SOURCES)


async def _fill(store: Store) -> list[str]:
    """Store 100,000 links and as many match keys."""
    ids = CustomerIds(lambda: NOW)
    made = [ids.new() for _ in range(CUSTOMERS)]
    decided = {"valid_from": NOW, "origin": "IMPORT", "evidence": [], "decided_by": "import:anna"}
    records = [
        {"source": source, "record_id": str(n), "customer_id": customer_id}
        for n, customer_id in enumerate(made)
        for source in SOURCES
    ]
    keys = [
        record | {"kind": "EMAIL", "key_hash": n.to_bytes(32, "big"), "key_version": 1}
        for n, record in enumerate(records)
    ]
    async with store.write() as connection:
        await connection.execute(insert(customers), [{"id": each, "created_at": NOW} for each in made])
        await connection.execute(insert(links), [record | decided for record in records])
        await connection.execute(insert(match_keys), keys)
        await connection.execute(text("ANALYZE"))
    return made


async def _plan(store: Store, made: list[str]) -> list[str]:
    some, hashes = made[:4], [bytes(32), b"\1" * 32]
    if isinstance(store.reader, sqlite3.Connection):
        statements: list[tuple[str, list[object]]] = [
            (sqlite_lookups.CUSTOMERS, [*some]),
            (sqlite_lookups.FORMER, [*some]),
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
    return [str(row[0]) for plan in plans for row in plan if "Function Scan" not in row[0]]
