"""Reading the trail back: whether it is whole, and what it says of one customer."""

import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import msgspec
from sqlalchemy import Row, func, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from klantbeeld.access.tables import trail, trail_customers, trail_heads
from klantbeeld.access.trail_chain import Entry, first_link, link, seal_of, trail_key
from klantbeeld.store import Store

PAGE = 1_000  # entries
Head = tuple[str, int, str]  # writer, place and code (hexadecimal) of a chain's last entry


@dataclass(frozen=True, slots=True)
class Flaw:
    """A place where the trail is not what was written.

    REMOVED: entries up to this place are gone. ALTERED: the entry, or the order, is not what was written. SHORTENED:
    the chain goes on no further than this place, or its end is not sealed. CHAIN_REMOVED: a later chain saw this place,
    and it is not there any more. UNINDEXED: the entry cannot be found by its customers.
    """

    kind: Literal["REMOVED", "ALTERED", "SHORTENED", "CHAIN_REMOVED", "UNINDEXED"]
    writer: str
    seq: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check of the whole trail found."""

    chains: int
    entries: int
    flaws: tuple[Flaw, ...]


async def check_trail(store: Store, *, key: bytes) -> Finding:
    """Check every chain against its key; may run while replicas write. Raises StoreError and ConfigurationError."""
    trail_key(key)
    flaws: list[Flaw] = []
    seen: list[Head] = []
    entries = 0
    async with store.read() as connection:
        every = union(select(trail.c.writer), select(trail_heads.c.writer))
        writers = (await connection.execute(every)).scalars().all()
        for writer in writers:
            chain = _Chain(connection, writer, key)
            await chain.check()
            flaws += chain.flaws
            seen += chain.seen
            entries += chain.entries
        flaws += await _not_there_any_more(connection, seen)
    return Finding(len(writers), entries, tuple(flaws))


async def heads(store: Store) -> tuple[Head, ...]:
    """Give the ends of the chains that no other chain has seen at their end, for the next chain to see."""
    last = select(trail.c.writer, func.max(trail.c.seq).label("seq")).group_by(trail.c.writer).subquery()
    ends = select(trail).join(last, (trail.c.writer == last.c.writer) & (trail.c.seq == last.c.seq))
    async with store.read() as connection:
        found = {(row.writer, row.seq, row.mac.hex()) for row in await connection.execute(ends)}
        openings = (await connection.execute(select(trail.c.entry).where(trail.c.seq == 0))).scalars()
        for opening in openings:
            found.difference_update(_seen(opening))
    return tuple(sorted(found))


async def entries_of(store: Store, customer_id: str, *, most: int = 100) -> list[Entry]:
    """Give the newest entries that touched a customer, the newest first. Raises StoreError."""
    place = (trail.c.writer == trail_customers.c.writer) & (trail.c.seq == trail_customers.c.seq)
    newest = (
        select(trail.c.entry)
        .join(trail_customers, place)
        .where(trail_customers.c.customer_id == customer_id)
        .order_by(trail_customers.c.at.desc(), trail_customers.c.writer, trail_customers.c.seq.desc())
        .limit(most)
    )
    async with store.read() as connection:
        return [msgspec.json.decode(entry, type=Entry) for entry in (await connection.execute(newest)).scalars()]


class _Kept(NamedTuple):
    seq: int
    entry: bytes
    mac: bytes


class _Chain:
    """The check of one writer's chain."""

    def __init__(self, connection: AsyncConnection, writer: str, key: bytes) -> None:
        self.flaws: list[Flaw] = []
        self.seen: list[Head] = []
        self.entries = 0
        self._connection = connection
        self._writer = writer
        self._key = key
        self._former: bytes = first_link(key, writer)
        self._next = 0
        self._sealed_at: bytes | None = None  # the code of the entry that the head names

    async def check(self) -> None:
        # The head is read first: entries that are written meanwhile lie beyond it, and nobody can make them up.
        statement = select(trail_heads).where(trail_heads.c.writer == self._writer)
        head = (await self._connection.execute(statement)).one_or_none()
        async for rows in self._pages():
            for row in rows:
                self._check_entry(row)
                if head is not None and row.seq == head.seq:
                    self._sealed_at = row.mac
            await self._check_index(rows)
        self._check_end(head)

    async def _pages(self) -> AsyncIterator[list[_Kept]]:
        after = -1
        while True:
            page = (
                select(trail.c.seq, trail.c.entry, trail.c.mac)
                .where(trail.c.writer == self._writer, trail.c.seq > after)
                .order_by(trail.c.seq)
                .limit(PAGE)
            )
            rows = [_Kept(*row) for row in await self._connection.execute(page)]
            if not rows:
                return
            yield rows
            after = rows[-1].seq

    def _check_entry(self, row: _Kept) -> None:
        self.entries += 1
        if row.seq != self._next:
            self._flaw("REMOVED", row.seq - 1)
        elif not hmac.compare_digest(link(self._key, self._former, row.entry), row.mac):
            self._flaw("ALTERED", row.seq)
        elif row.seq == 0:
            self.seen += _seen(row.entry)
        self._former, self._next = row.mac, row.seq + 1

    async def _check_index(self, rows: list[_Kept]) -> None:
        statement = select(trail_customers.c.seq, trail_customers.c.customer_id).where(
            trail_customers.c.writer == self._writer,
            trail_customers.c.seq.between(rows[0].seq, rows[-1].seq),
        )
        indexed: dict[int, set[str]] = {}
        for seq, customer in await self._connection.execute(statement):
            indexed.setdefault(seq, set()).add(customer)
        for row in rows:
            if indexed.get(row.seq, set()) != _customers(row.entry):
                self._flaw("UNINDEXED", row.seq)

    def _check_end(self, head: Row[tuple[str, int, bytes]] | None) -> None:
        if head is None or self._sealed_at is None:
            self._flaw("SHORTENED", self._next - 1)
            return
        expected = seal_of(self._key, self._sealed_at)
        if not hmac.compare_digest(expected, head.seal):
            self._flaw("SHORTENED", head.seq)

    def _flaw(self, kind: Literal["REMOVED", "ALTERED", "SHORTENED", "UNINDEXED"], seq: int) -> None:
        self.flaws.append(Flaw(kind, self._writer, seq))


async def _not_there_any_more(connection: AsyncConnection, seen: list[Head]) -> list[Flaw]:
    flaws = []
    for writer, seq, mac in seen:
        statement = select(trail.c.mac).where(trail.c.writer == writer, trail.c.seq == seq)
        found = (await connection.execute(statement)).scalar_one_or_none()
        if found is None or found.hex() != mac:
            flaws.append(Flaw("CHAIN_REMOVED", writer, seq))
    return flaws


def _seen(opening: bytes) -> tuple[Head, ...]:
    try:
        return msgspec.json.decode(opening, type=Entry).heads
    except msgspec.MsgspecError:
        return ()


def _customers(encoded: bytes) -> set[str]:
    try:
        return set(msgspec.json.decode(encoded, type=Entry).customers)
    except msgspec.MsgspecError:
        return set()
