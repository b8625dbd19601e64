"""What changes the map, inside a transaction that its caller holds under the lock LOCK.

The lock makes what is read here stay true until it is written: so a reference gets one customer, however many replicas
see it for the first time at once.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Table, and_, bindparam, delete, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from klantbeeld.errors import RequestError, StoreError
from klantbeeld.identity.blind_index import KeyRing
from klantbeeld.identity.links import Decision, Reference
from klantbeeld.identity.lookups import by_source
from klantbeeld.identity.match_keys import MatchKey, is_text, normalise
from klantbeeld.identity.tables import customers, links, match_keys

LOCK = "klantbeeld.identity"
MOST_HOPS = 64  # more than any customer is merged in a row: beyond it the redirects go in a circle
LONGEST_ID = 300  # characters of a source's name or a record's id

Row = dict[str, Any]


class HashedKey(NamedTuple):
    """A match key under the current key, and under the one before if there is one."""

    kind: str
    key_hash: bytes
    old_hash: bytes | None


async def linked(connection: AsyncConnection, references: Collection[Reference]) -> dict[Reference, str]:
    """Find whose records these are, merges followed."""
    if not references:
        return {}
    wanted = or_(*(_of_source(source, ids) for source, ids in by_source(references).items()))
    statement = select(links.c.source, links.c.record_id, links.c.customer_id).where(links.c.valid_to.is_(None), wanted)
    found = (await connection.execute(statement)).all()
    survivors = await surviving(connection, {customer_id for _, _, customer_id in found})
    return {Reference(source, record_id): survivors[customer_id] for source, record_id, customer_id in found}


async def surviving(connection: AsyncConnection, ids: Collection[str]) -> dict[str, str]:
    """Follow merges from each id that exists to the one that stands now."""
    merged_into: dict[str, str | None] = {}
    wanted = set(ids)
    for _ in range(MOST_HOPS):
        if not wanted:
            return {each: _end_of(each, merged_into) for each in ids if each in merged_into}
        statement = select(customers.c.id, customers.c.merged_into).where(customers.c.id.in_(wanted))
        merged_into |= {row.id: row.merged_into for row in await connection.execute(statement)}
        wanted = {into for into in merged_into.values() if into is not None} - merged_into.keys()
    raise StoreError("the store's customers are merged in a chain without an end")


async def insert_customers(connection: AsyncConnection, ids: Collection[str], *, now: datetime) -> None:
    """Make customers."""
    if ids:
        await connection.execute(insert(customers), [{"id": each, "created_at": now} for each in ids])


async def insert_links(
    connection: AsyncConnection, owners: Mapping[Reference, str], decision: Decision, *, now: datetime
) -> None:
    """Link records that are nobody's, each to its customer."""
    decided: Row = {
        "valid_from": now,
        "origin": decision.origin,
        "score": decision.score,
        "evidence": list(decision.evidence),
        "decided_by": decision.decided_by,
    }
    rows = [
        {"source": source, "record_id": record_id, "customer_id": customer_id, **decided}
        for (source, record_id), customer_id in owners.items()
    ]
    if rows:
        await connection.execute(insert(links), rows)


async def end_link(connection: AsyncConnection, reference: Reference, *, now: datetime) -> None:
    """End a link, and forget the match keys of its record."""
    is_it = and_(links.c.source == reference.source, links.c.record_id == reference.record_id)
    await connection.execute(update(links).where(is_it, links.c.valid_to.is_(None)).values(valid_to=now))
    await connection.execute(delete(match_keys).where(_has(reference)))


async def add_keys(connection: AsyncConnection, rows: Collection[Row], *, ring: KeyRing) -> None:
    """Add match keys that are not there yet; what is hashed under the previous key is hashed anew."""
    if not rows:
        return
    await connection.execute(_insert_or_ignore(connection, match_keys), [_stored(row) for row in rows])
    if ring.previous is not None:
        old = [
            {"a_kind": row["kind"], "a_hash": row["old_hash"], "a_source": row["source"], "a_record": row["record_id"]}
            for row in rows
        ]
        await connection.execute(OLD_KEY, old)


async def replace_keys(connection: AsyncConnection, reference: Reference, rows: Collection[Row]) -> None:
    """Make these the match keys of a record, and no others."""
    hashes = [row["key_hash"] for row in rows]
    await connection.execute(delete(match_keys).where(_has(reference), match_keys.c.key_hash.not_in(hashes)))
    if rows:
        await connection.execute(_insert_or_ignore(connection, match_keys), [_stored(row) for row in rows])


def hash_keys(keys: Iterable[MatchKey], *, ring: KeyRing, region: str) -> dict[MatchKey, HashedKey]:
    """Normalise and hash keys, each once; what cannot be a key is left out."""
    written = {key: normalise(key, region=region) for key in dict.fromkeys(keys)}
    return {key: hash_key(key.kind.value, value, ring=ring) for key, value in written.items() if value is not None}


def key_rows(reference: Reference, customer_id: str, hashed: Iterable[HashedKey], *, version: int) -> list[Row]:
    """Say what is stored of all keys that a record has."""
    return [key_row(reference, customer_id, each, version=version) for each in sorted(set(hashed))]


def hash_key(kind: str, value: str, *, ring: KeyRing) -> HashedKey:
    """Hash one normalised value."""
    return HashedKey(kind, ring.hash(kind, value), ring.previous_hash(kind, value))


def key_row(reference: Reference, customer_id: str, key: HashedKey, *, version: int) -> Row:
    """Say what is stored of a key that a record has."""
    return {
        "kind": key.kind,
        "key_hash": key.key_hash,
        "old_hash": key.old_hash,
        "key_version": version,
        "customer_id": customer_id,
        "source": reference.source,
        "record_id": reference.record_id,
    }


def check_reference(reference: Reference) -> Reference:
    """Make sure that a reference can be stored. Raises RequestError with the code BAD_USER_INPUT."""
    if not all(0 < len(part) <= LONGEST_ID and is_text(part) for part in reference):
        message = f"a source's name and a record's id have 1 to {LONGEST_ID} characters, none of them NUL"
        raise RequestError(message, code="BAD_USER_INPUT")
    return reference


STORED = tuple(column.name for column in match_keys.columns)
OLD_KEY = delete(match_keys).where(
    match_keys.c.kind == bindparam("a_kind"),
    match_keys.c.key_hash == bindparam("a_hash"),
    match_keys.c.source == bindparam("a_source"),
    match_keys.c.record_id == bindparam("a_record"),
)


def _of_source(source: str, record_ids: Collection[str]) -> Any:
    # A row-value IN would scan the table in SQLite.
    return and_(links.c.source == source, links.c.record_id.in_(record_ids))


def _has(reference: Reference) -> Any:
    return and_(match_keys.c.source == reference.source, match_keys.c.record_id == reference.record_id)


def _end_of(customer_id: str, merged_into: Mapping[str, str | None]) -> str:
    for _ in range(MOST_HOPS):
        into = merged_into[customer_id]
        if into is None:
            return customer_id
        customer_id = into
    raise StoreError("the store's customers are merged in a circle")


def _insert_or_ignore(connection: AsyncConnection, table: Table) -> Any:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table).on_conflict_do_nothing()


def _stored(row: Row) -> Row:
    return {name: row[name] for name in STORED}
