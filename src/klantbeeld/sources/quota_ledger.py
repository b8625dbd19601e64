"""The ledger in the store: what all replicas used of a source's day, its pauses, and how many replicas there are.

It holds names of sources, counts and moments, and nothing of anybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import BigInteger, Column, Date, Executable, String, Table, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from klantbeeld.sources.quota import Grant
from klantbeeld.store import Store
from klantbeeld.store.columns import UtcDateTime, metadata

NAME = 64

# Days that are kept beside the present one.
KEPT = timedelta(days=7)

quota_days = Table(
    "quota_days",
    metadata,
    Column("source", String(NAME), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("used", BigInteger, nullable=False),
)

quota_pauses = Table(
    "quota_pauses",
    metadata,
    Column("source", String(NAME), primary_key=True),
    Column("until", UtcDateTime, nullable=False),
)

replicas = Table(
    "replicas",
    metadata,
    Column("name", String(NAME), primary_key=True),
    Column("expires_at", UtcDateTime, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Shared:
    """What replicas tell each other: how many there are, and until when sources want no calls."""

    replicas: int
    pauses: Mapping[str, datetime]


class StoredLedger:
    """The ledger of all replicas that share a store; lives as long as the app."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._insert = postgresql.insert if store.kind == "postgresql" else sqlite.insert

    async def take(self, source: str, day: date, *, amount: int, most: int) -> Grant:
        """Take up to `amount` of the `most` calls of a day. Raises StoreError."""
        here = (quota_days.c.source == source, quota_days.c.day == day)
        async with self._store.write(lock=f"quota {source}") as connection:
            used = (await connection.execute(select(quota_days.c.used).where(*here))).scalar_one_or_none()
            given = max(min(amount, most - (used or 0)), 0)
            if used is None:
                await connection.execute(self._insert(quota_days).values(source=source, day=day, used=given))
                old = delete(quota_days).where(quota_days.c.source == source, quota_days.c.day < day - KEPT)
                await connection.execute(old)
            else:
                await connection.execute(update(quota_days).where(*here).values(used=used + given))
        return Grant(given, max(most - (used or 0) - given, 0))

    async def share(
        self, replica: str, pauses: Mapping[str, datetime], *, now: datetime, ttl: timedelta | None
    ) -> Shared:
        """Say that this replica is up for `ttl`, where that matters, and which pauses it heard of; learn the same.

        Nothing is written where there is nothing to say. Raises StoreError.
        """
        if pauses or ttl:
            async with self._store.write(lock="quotas") as connection:
                await connection.execute(delete(replicas).where(replicas.c.expires_at <= now))
                await connection.execute(delete(quota_pauses).where(quota_pauses.c.until <= now))
                if ttl:
                    await connection.execute(self._put(replicas, {"name": replica}, {"expires_at": now + ttl}))
                for source, until in pauses.items():
                    await connection.execute(self._put(quota_pauses, {"source": source}, {"until": until}))
        async with self._store.read() as connection:
            count = select(func.count()).select_from(replicas).where(replicas.c.expires_at > now)
            found = select(quota_pauses.c.source, quota_pauses.c.until).where(quota_pauses.c.until > now)
            replicas_up = (await connection.execute(count)).scalar_one()
            return Shared(replicas_up, {row.source: row.until for row in await connection.execute(found)})

    async def leave(self, replica: str) -> None:
        """Say that this replica is up no more. Raises StoreError."""
        async with self._store.write() as connection:
            await connection.execute(delete(replicas).where(replicas.c.name == replica))

    def _put(self, table: Table, key: dict[str, str], value: dict[str, datetime]) -> Executable:
        """Write a moment under a key; a later one that is there stays."""
        ((column, moment),) = value.items()
        insert = self._insert(table).values(**key, **value)
        return insert.on_conflict_do_update(
            index_elements=list(key), set_={column: moment}, where=table.c[column] < moment
        )
