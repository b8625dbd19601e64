"""The cross-reference map in the store."""

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import func, select

from klantbeeld.errors import RequestError, StoreError
from klantbeeld.identity import writing
from klantbeeld.identity.blind_index import KeyRing
from klantbeeld.identity.ids import CANONICAL, Clock, CustomerIds, parse_customer_id, utc_now
from klantbeeld.identity.links import FIRST_SIGHT, Decision, Links, Reference, Sighting
from klantbeeld.identity.lookups import Found, Lookups
from klantbeeld.identity.match_keys import MatchKey, MatchKeyKind, is_text, normalise
from klantbeeld.identity.tables import match_keys
from klantbeeld.store import Store

SEEN = Decision(FIRST_SIGHT, "klantbeeld")


class StoredIdentityMap:
    """The IdentityMap of a gateway; lives as long as the store.

    `region` (ISO 3166-1 alpha-2) is where phone numbers without a country are dialled.
    """

    def __init__(
        self,
        store: Store,
        ring: KeyRing,
        *,
        region: str = "NL",
        clock: Clock = utc_now,
        ids: CustomerIds | None = None,
    ) -> None:
        self.store = store
        self.ring = ring
        self.region = region
        self.clock = clock
        self.ids = ids or CustomerIds(clock)
        self._lookups = lookups_of(store)

    async def links(self, customer_id: str) -> Links | None:
        """Find a customer's links; None for an unknown id."""
        return (await self.links_of((customer_id,))).get(customer_id)

    async def links_of(self, customer_ids: Sequence[str]) -> dict[str, Links]:
        """Find the links of many customers, by the id that was asked."""
        possible = [each for each in customer_ids if CANONICAL.fullmatch(each)]
        found = await self._lookups.customers(possible)
        answers = {}
        for asked in found:
            customer_id, customer = await self._survivor(asked, found[asked])
            former = await self._all_former(customer) if customer.former else ()
            answers[asked] = Links(customer_id, asked, former, customer.links)
        return answers

    async def by_reference(self, source: str, record_id: str) -> str | None:
        """Find whose record this is."""
        reference = Reference(source, record_id)
        return (await self.by_references((reference,))).get(reference)

    async def by_references(self, references: Collection[tuple[str, str]]) -> dict[Reference, str]:
        """Find whose records these are."""
        possible = {Reference(*each) for each in references if is_text(each[0]) and is_text(each[1])}
        owners = await self._lookups.owners(possible)
        return {
            reference: await self._surviving_id(owner.customer_id, owner.merged_into)
            for reference, owner in owners.items()
        }

    async def by_match_key(self, kind: MatchKeyKind, value: str) -> tuple[str, ...]:
        """Find the customers that have this key, oldest first."""
        written = normalise(MatchKey(kind, value), region=self.region)
        if written is None:
            raise RequestError(f"the value cannot be a key of the kind {kind}", code="BAD_USER_INPUT")
        holders = await self._lookups.holders(kind, self.ring.hashes(kind, written))
        return tuple(sorted({await self._surviving_id(each.customer_id, each.merged_into) for each in holders}))

    async def first_sight(self, source: str, record_id: str, match_keys: Iterable[MatchKey] = ()) -> str:
        """Find whose record this is, and make a customer of it if nobody's."""
        sighting = Sighting(source, record_id, tuple(match_keys))
        return (await self.first_sights((sighting,)))[sighting.reference]

    async def first_sights(self, sightings: Iterable[Sighting]) -> dict[Reference, str]:
        """Find whose records these are, and make a customer of each that is nobody's."""
        seen = {writing.check_reference(sighting.reference): sighting for sighting in sightings}
        async with self.store.write(lock=writing.LOCK) as connection:
            owners = await writing.linked(connection, seen.keys())
            new = {reference: self.ids.new() for reference in seen if reference not in owners}
            now = self.clock()
            await writing.insert_customers(connection, new.values(), now=now)
            await writing.insert_links(connection, new, SEEN, now=now)
            owners |= new
            rows = [row for reference, sighting in seen.items() for row in self._key_rows(sighting, owners[reference])]
            await writing.add_keys(connection, rows, ring=self.ring)
        return owners

    async def remember_keys(self, source: str, record_id: str, match_keys: Iterable[MatchKey]) -> bool:
        """Replace the match keys of a linked record; False if it is unlinked."""
        sighting = Sighting(source, record_id, tuple(match_keys))
        async with self.store.write(lock=writing.LOCK) as connection:
            owner = (await writing.linked(connection, (sighting.reference,))).get(sighting.reference)
            if owner is None:
                return False
            await writing.replace_keys(connection, sighting.reference, self._key_rows(sighting, owner))
        return True

    async def register_customer(self, records: Iterable[Sighting], decision: Decision) -> str:
        """Make a customer of these records, all or nothing."""
        customer_id = self.ids.new()
        of_customer = {writing.check_reference(record.reference): record for record in records}
        async with self.store.write(lock=writing.LOCK) as connection:
            if await writing.linked(connection, of_customer.keys()):
                raise _taken()
            now = self.clock()
            await writing.insert_customers(connection, [customer_id], now=now)
            await writing.insert_links(connection, dict.fromkeys(of_customer, customer_id), decision, now=now)
            rows = [row for record in of_customer.values() for row in self._key_rows(record, customer_id)]
            await writing.add_keys(connection, rows, ring=self.ring)
        return customer_id

    async def add_link(self, customer_id: str, record: Sighting, decision: Decision) -> None:
        """Link a record to a customer; does nothing if it is linked so."""
        customer_id = parse_customer_id(customer_id)
        reference = writing.check_reference(record.reference)
        async with self.store.write(lock=writing.LOCK) as connection:
            into = (await writing.surviving(connection, [customer_id])).get(customer_id)
            if into is None:
                raise RequestError("there is no customer of this id", code="ID_INVALID")
            owner = (await writing.linked(connection, [reference])).get(reference)
            if owner not in {None, into}:
                raise _taken()
            if owner is None:
                await writing.insert_links(connection, {reference: into}, decision, now=self.clock())
            await writing.add_keys(connection, self._key_rows(record, into), ring=self.ring)

    async def remove_link(self, source: str, record_id: str) -> str | None:
        """End a link and forget the record's match keys; gives whose it was."""
        reference = Reference(source, record_id)
        async with self.store.write(lock=writing.LOCK) as connection:
            owner = (await writing.linked(connection, (reference,))).get(reference)
            if owner is not None:
                await writing.end_link(connection, reference, now=self.clock())
        return owner

    async def keys_by_version(self) -> Mapping[int, int]:
        """Count the match keys by the version of the key that they are hashed under."""
        statement = select(match_keys.c.key_version, func.count().label("number")).group_by(match_keys.c.key_version)
        async with self.store.read() as connection:
            return {row.key_version: row.number for row in await connection.execute(statement)}

    def _key_rows(self, record: Sighting, customer_id: str) -> list[writing.Row]:
        hashed = writing.hash_keys(record.match_keys, ring=self.ring, region=self.region)
        return writing.key_rows(record.reference, customer_id, hashed.values(), version=self.ring.version)

    async def _surviving_id(self, customer_id: str, merged_into: str | None) -> str:
        if merged_into is None:
            return customer_id
        return (await self._survivor(customer_id, Found(merged_into, (), ())))[0]

    async def _survivor(self, customer_id: str, customer: Found) -> tuple[str, Found]:
        for _ in range(writing.MOST_HOPS):
            if customer.merged_into is None:
                return customer_id, customer
            customer_id = customer.merged_into
            customer = (await self._lookups.customers((customer_id,)))[customer_id]
        raise StoreError("the store's customers are merged in a circle")

    async def _all_former(self, customer: Found) -> tuple[str, ...]:
        """Collect the ids that were merged into a customer, and into those, and so on."""
        former = set(customer.former)
        unseen = former
        while unseen:
            found = await self._lookups.customers(tuple(unseen))
            unseen = {each for one in found.values() for each in one.former} - former
            former |= unseen
        return tuple(sorted(former))


def _taken() -> RequestError:
    return RequestError("the record is linked to another customer", code="CONFLICT", status=409)


def lookups_of(store: Store) -> Lookups:
    """Choose the adapter for a store."""
    if isinstance(store.reader, sqlite3.Connection):
        from klantbeeld.identity.sqlite_lookups import SqliteLookups  # noqa: PLC0415  # only one of the two is needed

        return SqliteLookups(store.reader)
    from klantbeeld.identity.postgresql_lookups import PostgresqlLookups  # noqa: PLC0415  # needs an extra

    return PostgresqlLookups(store.reader)
