"""What customers granted to partners: which client, for which purpose, which scopes and fields, from when to when.

Nothing is remembered between requests, so that a withdrawal holds for the next one.
"""

import sqlite3
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from sqlalchemy import Row, insert, select, update

from klantbeeld.access.tables import grants
from klantbeeld.errors import RequestError
from klantbeeld.identity.ids import parse_customer_id
from klantbeeld.store import Store
from klantbeeld.store.columns import utc_text
from klantbeeld.store.translation import AsStoreError

# A request asks for few customers, and the index begins with the customer. (`a IN (…) AND b = ?` uses it; a row value
# would not, see SQLite's query planner.)
SQLITE = (
    "SELECT customer_id, scopes, fields FROM grants WHERE customer_id IN ({marks}) AND issuer = ? AND client_id = ? "
    "AND purpose = ? AND withdrawn_at IS NULL AND valid_from <= ? AND (valid_to IS NULL OR valid_to > ?)"
)
POSTGRESQL = (
    "SELECT customer_id, scopes, fields FROM grants WHERE customer_id = ANY($1::uuid[]) AND issuer = $2 "
    "AND client_id = $3 AND purpose = $4 AND withdrawn_at IS NULL AND valid_from <= $5 "
    "AND (valid_to IS NULL OR valid_to > $5)"
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What one grant releases: fields of these scopes; of those only the named ones, where any are."""

    scopes: frozenset[str]
    fields: frozenset[str] = frozenset()

    def cover(self, scope: str, coordinate: str) -> bool:
        """Say whether a field (`Customer.invoices`) of that scope is released."""
        return scope in self.scopes and (not self.fields or coordinate in self.fields)


@dataclass(frozen=True, slots=True)
class Partner:
    """A client of an issuer: two issuers may use the same client id for different partners."""

    issuer: str
    client_id: str


@dataclass(frozen=True, slots=True)
class Grant:
    """One customer's grant; `evidence` says how it was given (channel, version of the notice), never in whose words."""

    id: str
    partner: Partner
    customer_id: str
    purpose: str
    terms: Terms
    evidence: str
    valid_from: datetime
    valid_to: datetime | None = None
    withdrawn_at: datetime | None = None


class Grants:
    """The stored grants; lives as long as the store. Every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lookup: _Lookup = (
            _SqliteLookup(store.reader)
            if isinstance(store.reader, sqlite3.Connection)
            else _PostgresqlLookup(store.reader)
        )

    async def give(
        self,
        partner: Partner,
        customer_id: str,
        *,
        purpose: str,
        terms: Terms,
        evidence: str,
        valid_from: datetime,
        valid_to: datetime | None = None,
    ) -> Grant:
        """Keep a new grant. Raises RequestError for an id that is none, and for a grant of nothing or of no time."""
        if not terms.scopes or (valid_to is not None and valid_to <= valid_from):
            raise RequestError("a grant needs a scope, and ends after it begins", code="BAD_USER_INPUT")
        if any(" " in word or not word for word in terms.scopes | terms.fields):
            raise RequestError("a scope or a field's coordinate is one word", code="BAD_USER_INPUT")
        customer = parse_customer_id(customer_id)
        grant = Grant(str(uuid.uuid4()), partner, customer, purpose, terms, evidence, valid_from, valid_to)
        async with self._store.write() as connection:
            await connection.execute(insert(grants).values(**_columns(grant)))
        return grant

    async def withdraw(self, grant_id: str, customer_id: str, *, now: datetime) -> bool:
        """End a grant of this customer's; False where there is none that was not withdrawn before."""
        try:
            known = str(uuid.UUID(grant_id))
        except ValueError:
            return False
        statement = (
            update(grants)
            .where(
                grants.c.id == known,
                grants.c.customer_id == parse_customer_id(customer_id),
                grants.c.withdrawn_at.is_(None),
            )
            .values(withdrawn_at=now)
        )
        async with self._store.write() as connection:
            return (await connection.execute(statement)).rowcount == 1

    async def of_customer(self, customer_id: str) -> list[Grant]:
        """Give all grants of a customer, ended ones too, in the order they began."""
        statement = (
            select(grants)
            .where(grants.c.customer_id == parse_customer_id(customer_id))
            .order_by(grants.c.valid_from, grants.c.id)
        )
        async with self._store.read() as connection:
            return [_grant(row) for row in await connection.execute(statement)]

    async def terms(
        self, partner: Partner, purpose: str, customer_ids: Collection[str], *, now: datetime
    ) -> dict[str, tuple[Terms, ...]]:
        """Give what holds now for each of the customers; those who granted nothing are left out."""
        found: dict[str, tuple[Terms, ...]] = {}
        if not customer_ids:
            return found
        with AsStoreError("reading grants"):
            rows = await self._lookup.rows(partner, purpose, customer_ids, now=now)
        for customer_id, scopes, fields in rows:
            terms = Terms(frozenset(scopes.split()), frozenset(fields.split()))
            found[customer_id] = (*found.get(customer_id, ()), terms)
        return found


class _Lookup(Protocol):
    async def rows(
        self, partner: Partner, purpose: str, customer_ids: Collection[str], *, now: datetime
    ) -> list[tuple[str, str, str]]: ...


class _SqliteLookup:
    def __init__(self, reader: sqlite3.Connection) -> None:
        self._reader = reader

    async def rows(
        self, partner: Partner, purpose: str, customer_ids: Collection[str], *, now: datetime
    ) -> list[tuple[str, str, str]]:
        moment = utc_text(now)
        statement = SQLITE.format(marks=", ".join("?" * len(customer_ids)))
        given = (*customer_ids, partner.issuer, partner.client_id, purpose, moment, moment)
        return self._reader.execute(statement, given).fetchall()


class _PostgresqlLookup:
    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def rows(
        self, partner: Partner, purpose: str, customer_ids: Collection[str], *, now: datetime
    ) -> list[tuple[str, str, str]]:
        rows = await self._pool.fetch(
            POSTGRESQL, list(customer_ids), partner.issuer, partner.client_id, purpose, now.astimezone(UTC)
        )
        return [(str(row["customer_id"]), row["scopes"], row["fields"]) for row in rows]


def _columns(grant: Grant) -> dict[str, object]:
    return {
        "id": grant.id,
        "issuer": grant.partner.issuer,
        "client_id": grant.partner.client_id,
        "customer_id": grant.customer_id,
        "purpose": grant.purpose,
        "scopes": " ".join(sorted(grant.terms.scopes)),
        "fields": " ".join(sorted(grant.terms.fields)),
        "evidence": grant.evidence,
        "valid_from": grant.valid_from,
        "valid_to": grant.valid_to,
    }


def _grant(row: Row[Any]) -> Grant:
    return Grant(
        id=row.id,
        partner=Partner(row.issuer, row.client_id),
        customer_id=row.customer_id,
        purpose=row.purpose,
        terms=Terms(frozenset(row.scopes.split()), frozenset(row.fields.split())),
        evidence=row.evidence,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        withdrawn_at=row.withdrawn_at,
    )
