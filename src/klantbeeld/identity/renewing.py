"""Renewing what linked records are found by, on the way of a write: one short transaction of a few plain statements."""

from collections.abc import Collection, Iterable, Mapping

from klantbeeld.identity import writing
from klantbeeld.identity.links import Reference, Sighting
from klantbeeld.identity.stored_map import StoredIdentityMap
from klantbeeld.store.transactions import Transactions, Unit

COLUMNS = ("kind", "key_hash", "key_version", "customer_id", "source", "record_id")
LOCKED = "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))"
IS_LINKED = "SELECT 1 FROM links WHERE source = ? AND record_id = ? AND customer_id = ? AND valid_to IS NULL"
FORGET = "DELETE FROM match_keys WHERE source = ? AND record_id = ?"
KEEP = (
    f"INSERT INTO match_keys ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))}) "  # noqa: S608 - our own names
    "ON CONFLICT DO NOTHING"
)


class KeyRenewal:
    """Renews match keys; lives as long as the store. `wait` is the longest wait for a turn, in seconds."""

    def __init__(self, identity: StoredIdentityMap, transactions: Transactions, *, wait: float) -> None:
        self._identity = identity
        self._transactions = transactions
        self._wait = wait

    async def renew(self, sightings: Iterable[Sighting]) -> None:
        """Replace the match keys of linked records by these; those that are unlinked are left. Raises StoreError."""
        of_records = {sighting.reference: sighting for sighting in sightings}
        owners = await self._identity.by_references(of_records)
        ring, region = self._identity.ring, self._identity.region
        rows = {
            reference: writing.key_rows(reference, owner, of_records[reference].match_keys, ring=ring, region=region)
            for reference, owner in owners.items()
        }
        if rows:
            locks = self._identity.store.kind == "postgresql"
            await self._transactions.run(_renewed(owners, rows, locks=locks), wait=self._wait)


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
