"""Leases: one holder at a time for a piece of work that several replicas could take up.

A lease of ours cannot stop a holder that was thought dead and comes back. So every lease carries a token that grows
with each change of hands, and whoever writes under a lease checks it in the same transaction (`is_held`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Column, String, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from klantbeeld.store.columns import UtcDateTime, metadata
from klantbeeld.store.store import Store

leases = Table(
    "leases",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("holder", String(200), nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to do `name` until `expires_at`; `token` is larger than that of every earlier holder."""

    name: str
    holder: str
    token: int
    expires_at: datetime


async def acquire_lease(store: Store, name: str, *, holder: str, ttl: timedelta, now: datetime) -> Lease | None:
    """Take the lease if nobody has it, or nobody any more; None if somebody has.

    `now` is the replica's own clock: clocks that differ by as much as `ttl` make a lease change hands early, which the
    token makes harmless. Raises StoreError.
    """
    values = {"name": name, "holder": holder, "token": 1, "expires_at": now + ttl}
    insert = (postgresql.insert if store.kind == "postgresql" else sqlite.insert)(leases).values(values)
    statement = insert.on_conflict_do_update(
        index_elements=[leases.c.name],
        set_={"holder": holder, "token": leases.c.token + 1, "expires_at": now + ttl},
        where=leases.c.expires_at <= now,
    ).returning(leases.c.token)
    async with store.write() as connection:
        token = (await connection.execute(statement)).scalar_one_or_none()
    return None if token is None else Lease(name, holder, token, now + ttl)


async def renew_lease(store: Store, lease: Lease, *, ttl: timedelta, now: datetime) -> Lease | None:
    """Keep the lease for longer; None if it ran out or changed hands. Raises StoreError."""
    statement = (
        update(leases)
        .where(leases.c.name == lease.name, leases.c.token == lease.token, leases.c.expires_at > now)
        .values(expires_at=now + ttl)
    )
    async with store.write() as connection:
        renewed = (await connection.execute(statement)).rowcount
    return Lease(lease.name, lease.holder, lease.token, now + ttl) if renewed else None


async def release_lease(store: Store, lease: Lease, *, now: datetime) -> None:
    """Give the lease back; does nothing if it changed hands. The row stays, so that tokens keep growing."""
    statement = (
        update(leases)
        .where(leases.c.name == lease.name, leases.c.token == lease.token, leases.c.expires_at > now)
        .values(expires_at=now)
    )
    async with store.write() as connection:
        await connection.execute(statement)


async def is_held(connection: AsyncConnection, lease: Lease, *, now: datetime) -> bool:
    """Tell, inside a writing transaction, whether the lease still holds; until it commits nobody else can take it."""
    statement = (
        select(leases.c.token)
        .where(leases.c.name == lease.name, leases.c.token == lease.token, leases.c.expires_at > now)
        .with_for_update()
    )
    return (await connection.execute(statement)).scalar_one_or_none() is not None
