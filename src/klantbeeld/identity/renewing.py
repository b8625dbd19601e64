"""Renewing what linked records are found by, on the way of a write: one short transaction of a few plain statements."""

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from itertools import chain

from klantbeeld.identity import writing
from klantbeeld.identity.links import Reference, Sighting
from klantbeeld.identity.stored_map import StoredIdentityMap
from klantbeeld.store.transactions import Unit

COLUMNS = ("kind", "key_hash", "key_version", "customer_id", "source", "record_id")
LOCKED = "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))"
IS_LINKED = "SELECT 1 FROM links WHERE source = ? AND record_id = ? AND customer_id = ? AND valid_to IS NULL"
FORGET = "DELETE FROM match_keys WHERE source = ? AND record_id = ?"
MOST_AT_ONCE = 32  # keys that one statement writes


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
        kept = list(rows[reference])
        if not 0 < len(kept) <= MOST_AT_ONCE:
            yield FORGET, (*reference,)
        else:  # those that stay are not written again
            yield _forget_but(len(kept)), (*reference, owner, *(row["key_hash"] for row in kept))
        for start in range(0, len(kept), MOST_AT_ONCE):
            part = kept[start : start + MOST_AT_ONCE]
            yield _keep(len(part)), [row[name] for row in part for name in COLUMNS]


@cache
def _forget_but(number: int) -> str:
    """Write what removes the keys of a record, but for so many that lead to its customer already."""
    return f"{FORGET} AND NOT (customer_id = ? AND key_hash IN ({', '.join('?' * number)}))"


@cache
def _keep(number: int) -> str:
    columns, row = ", ".join(COLUMNS), f"({', '.join('?' * len(COLUMNS))})"
    rows = ", ".join([row] * number)
    return f"INSERT INTO match_keys ({columns}) VALUES {rows} ON CONFLICT DO NOTHING"  # noqa: S608 - our own names
