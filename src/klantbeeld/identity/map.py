"""The cross-reference map as the rooms above see it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from klantbeeld.identity.links import Decision, Links, Reference, Sighting
from klantbeeld.identity.match_keys import MatchKey, MatchKeyKind


class IdentityMap(Protocol):
    """Which records of which sources are one customer.

    Customer ids go in as `parse_customer_id` gives them, and come out as the ids that stand now: an id that was merged
    into another is followed for ever. Every method raises StoreError.
    """

    async def links(self, customer_id: str) -> Links | None:
        """Find a customer's links; None for an unknown id."""
        ...

    async def links_of(self, customer_ids: Sequence[str]) -> dict[str, Links]:
        """Find the links of many customers, by the id that was asked; unknown ids are left out."""
        ...

    async def by_reference(self, source: str, record_id: str) -> str | None:
        """Find whose record this is."""
        ...

    async def by_references(self, references: Collection[tuple[str, str]]) -> dict[Reference, str]:
        """Find whose records these are; unknown ones are left out."""
        ...

    async def by_match_key(self, kind: MatchKeyKind, value: str) -> tuple[str, ...]:
        """Find the customers that have this e-mail address, phone number or other key, oldest first.

        `value` is as somebody typed it. A key that more than MOST_HOLDERS share gives that many of them. Raises
        RequestError with the code BAD_USER_INPUT for a value that cannot be such a key.
        """
        ...

    async def first_sight(self, source: str, record_id: str, match_keys: Iterable[MatchKey] = ()) -> str:
        """Find whose record this is, and make a customer of it if nobody's: once, however many replicas see it.

        Adds the match keys that the record did not have; those that cannot be keys are left out.
        """
        ...

    async def first_sights(self, sightings: Iterable[Sighting]) -> dict[Reference, str]:
        """Do the same for many records at once."""
        ...

    async def remember_keys(self, source: str, record_id: str, match_keys: Iterable[MatchKey]) -> bool:
        """Replace the match keys of a linked record, after a change of its contact details; False if it is unlinked."""
        ...

    async def register_customer(self, records: Iterable[Sighting], decision: Decision) -> str:
        """Make a customer of these records, all or nothing.

        Raises RequestError with the code CONFLICT if one of them is somebody's already.
        """
        ...

    async def add_link(self, customer_id: str, record: Sighting, decision: Decision) -> None:
        """Link a record to a customer; does nothing if it is linked so.

        Raises RequestError: CONFLICT if the record is another customer's, ID_INVALID for an unknown customer.
        """
        ...

    async def remove_link(self, source: str, record_id: str) -> str | None:
        """End a link and forget the record's match keys; gives whose it was. The ended link is kept with its time."""
        ...

    async def keys_by_version(self) -> Mapping[int, int]:
        """Count the match keys by the version of the key that they are hashed under."""
        ...
