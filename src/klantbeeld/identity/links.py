"""Links: which record of which source belongs to which customer, since when, decided how."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import msgspec

from klantbeeld.identity.match_keys import MatchKey

IMPORT = "IMPORT"
"""Origin of a link that came from a file of known cross references."""
FIRST_SIGHT = "FIRST_SIGHT"
"""Origin of a link that was made when a source first gave the record."""

SUBJECT = "sub:"


class Reference(NamedTuple):
    """A record by its source's name and the source's own id."""

    source: str
    record_id: str


class Link(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One record of a customer (TMF632 ExternalReference); a struct, because every request makes a few.

    In JSON it is an array of its members in their order, which is how a look-up in SQLite hands it over.

    `evidence` holds codes, never values; `score` is between 0 and 1, None where nothing was scored.
    """

    source: str
    record_id: str
    since: datetime
    origin: str
    score: float | None
    decided_by: str
    evidence: tuple[str, ...]


class Links(msgspec.Struct, frozen=True, gc=False):
    """All links of a customer, by source and record id.

    `customer_id` is the id that stands now, `asked_id` the one that was asked for; `redirected_from` are all ids that
    were merged into this customer, oldest first.
    """

    customer_id: str
    asked_id: str
    redirected_from: tuple[str, ...]
    links: tuple[Link, ...]


class Sighting(msgspec.Struct, frozen=True):
    """A record as it was met, with what its customer can be found by."""

    source: str
    record_id: str
    match_keys: tuple[MatchKey, ...] = ()

    @property
    def reference(self) -> Reference:
        """The record itself."""
        return Reference(self.source, self.record_id)


@dataclass(frozen=True, slots=True)
class Decision:
    """How a link came about: `decided_by` names the person, the rule or the file; `evidence` holds codes, no values."""

    origin: str
    decided_by: str
    score: float | None = None
    evidence: tuple[str, ...] = ()


def subject_reference(issuer: str, sub: str) -> Reference:
    """Make the reference of a token's subject: an app's customer is found by it, like by any other record."""
    return Reference(f"{SUBJECT}{issuer}", sub)
