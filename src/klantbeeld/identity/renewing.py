"""Renewing what linked records are found by, on the way of a write: one short transaction of a few plain statements."""

from collections.abc import Collection, Iterable, Mapping
from itertools import chain

from klantbeeld.identity import writing
from klantbeeld.identity.links import Reference, Sighting
from klantbeeld.identity.stored_map import StoredIdentityMap
from klantbeeld.store.transactions import Unit

COLUMNS = ("kind", "key_hash", "key_version", "customer_id", "source", "record_id")
LOCKED = "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))"
IS_LINKED = "SELECT 1 FROM links WHERE source = ? AND record_id = ? AND customer_id = ? AND valid_to IS NULL"
FORGET = "DELETE FROM match_keys WHERE source = ? AND record_id = ?"
KEEP = (
    f"INSERT INTO match_keys ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))}) "  # noqa: S608 - our own names
    "ON CONFLICT DO NOTHING"
)


class KeyRenewal:
    """Renews match keys; lives as long as the store."""

    def __init__(self, identity: StoredIdentityMap) -> None:
        self._identity = identity

    async def renewing(self, sightings: Iterable[Sighting]) -> Unit[None] | None:
        """Give what replaces the match keys of linked records by these; None where none of them is linked.

        It belongs into a transaction of the caller's. Those that are unlinked meanwhile are left. Raises StoreError.
        """
        of_records = {sighting.reference: sighting for sighting in sightings}
        owners = await self._identity.by_references(of_records)
        ring, region = self._identity.ring, self._identity.region
        kept = {reference: of_records[reference].match_keys for reference in owners}
        hashed = writing.hash_keys(chain.from_iterable(kept.values()), ring=ring, region=region)
        rows = {
            reference: writing.key_rows(
                reference, owner, (hashed[key] for key in kept[reference] if key in hashed), version=ring.version
            )
            for reference, owner in owners.items()
        }
        return _renewed(owners, rows, locks=self._identity.store.kind == "postgresql") if rows else None


def _renewed(
    owners: Mapping[Reference, str], rows: Mapping[Reference, Collection[writing.Row]], *, locks: bool
) -> Unit[None]:
    """Write the keys of records that are still linked so, under the lock of whoever changes the map."""
    if locks:  # SQLite has one writer anyhow
        yield LOCKED, (writing.LOCK,)
    for reference, owner in owners.items():
        if not (yield IS_LINKED, (*reference, owner)):
            continue
        yield FORGET, (*reference,)
        for row in rows[reference]:
            yield KEEP, tuple(row[name] for name in COLUMNS)
