"""Renewing what linked records are found by, on the way of a write: one short transaction of a few plain statements."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from itertools import chain

from klantbeeld.identity import writing
from klantbeeld.identity.links import Reference, Sighting
from klantbeeld.identity.match_keys import EVERY_KIND, MatchKeyKind
from klantbeeld.identity.stored_map import StoredIdentityMap
from klantbeeld.store.transactions import Unit

COLUMNS = ("kind", "key_hash", "key_version", "customer_id", "source", "record_id")
LOCKED = "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))"
IS_LINKED = "SELECT 1 FROM links WHERE source = ? AND record_id = ? AND customer_id = ? AND valid_to IS NULL"
FORGET = "DELETE FROM match_keys WHERE source = ? AND record_id = ?"  # and of some kinds
MOST_AT_ONCE = 32  # keys that one statement writes


class KeyRenewal:
    """Renews match keys; lives as long as the store."""

    def __init__(self, identity: StoredIdentityMap) -> None:
        self._identity = identity

    async def renewing(
        self, sightings: Iterable[Sighting], kinds: Collection[MatchKeyKind] = EVERY_KIND
    ) -> Unit[None] | None:
        """Give what replaces the match keys of some kinds of linked records by these; None where none is linked.

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
        if not rows:
            return None
        return _renewed(owners, rows, sorted(kinds), locks=self._identity.store.kind == "postgresql")


def _renewed(
    owners: Mapping[Reference, str],
    rows: Mapping[Reference, Collection[writing.Row]],
    kinds: Sequence[MatchKeyKind],
    *,
    locks: bool,
) -> Unit[None]:
    """Write the keys of records that are still linked so, under the lock of whoever changes the map."""
    if locks:  # SQLite has one writer anyhow
        yield LOCKED, (writing.LOCK,)
    for reference, owner in owners.items():
        if not (yield IS_LINKED, (*reference, owner)):
            continue
        kept = list(rows[reference])
        if not 0 < len(kept) <= MOST_AT_ONCE:
            yield _forget(len(kinds)), (*reference, *kinds)
        else:  # those that stay are not written again
            stays = (owner, *(row["key_hash"] for row in kept))
            yield _forget(len(kinds), stay=len(kept)), (*reference, *kinds, *stays)
        for start in range(0, len(kept), MOST_AT_ONCE):
            part = kept[start : start + MOST_AT_ONCE]
            yield _keep(len(part)), [row[name] for row in part for name in COLUMNS]


@cache
def _forget(kinds: int, *, stay: int = 0) -> str:
    """Write what removes the keys of so many kinds of a record, but for so many that lead to its customer already."""
    of_kinds = f"{FORGET} AND kind IN ({_places(kinds)})"
    return f"{of_kinds} AND NOT (customer_id = ? AND key_hash IN ({_places(stay)}))" if stay else of_kinds


@cache
def _keep(number: int) -> str:
    columns, row = ", ".join(COLUMNS), f"({_places(len(COLUMNS))})"
    rows = ", ".join([row] * number)
    return f"INSERT INTO match_keys ({columns}) VALUES {rows} ON CONFLICT DO NOTHING"  # noqa: S608 - our own names


def _places(number: int) -> str:
    return ", ".join("?" * number)
