"""Questions and answers: what the engine asks of one source, and what it learns.

A question covers every capability that one upstream call serves, for the keys that fit into one call.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from klantbeeld.errors import SourceError, SourceTimeout
from klantbeeld.sdk.records import Record


class SourceState(StrEnum):
    """How it went with a source, for one customer in one operation."""

    OK = "OK"
    CACHED = "CACHED"
    STALE = "STALE"
    TIMEOUT = "TIMEOUT"
    UNAVAILABLE = "UNAVAILABLE"
    DENIED = "DENIED"
    NOT_LINKED = "NOT_LINKED"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    NOT_CONFIGURED = "NOT_CONFIGURED"
    NOT_ASKED = "NOT_ASKED"


DELIVERED = frozenset({SourceState.OK, SourceState.CACHED, SourceState.STALE})


class Subject(Struct, frozen=True, gc=False):
    """Whom a key is about: the customer, and the ids under which this source knows that customer."""

    customer_id: str
    owners: frozenset[str]


class Question(Struct):
    """What is asked in one call: `members` by capability, all of one resource of the connector.

    `subjects` has one entry for each of the source's ids that are asked for; it is empty for a search. The ids are
    records' where `by_record`, customers' elsewhere. `first` is the size of a page and `after` the source's own
    position. With `everything` all pages are read, up to the source's bound; with `fresh`, what was read before does
    not do.
    """

    subjects: Mapping[str, Subject]
    members: Mapping[str, frozenset[str]]
    arguments: Mapping[str, Any]
    by_record: bool = False
    first: int | None = None
    after: str | None = None
    everything: bool = False
    fresh: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The source's ids, in the order in which they were asked."""
        return tuple(self.subjects)


class Outcome(Struct):
    """What came of a question: records by capability and key, or a problem; `seconds` is the time of all its calls.

    `next_page` is the source's position behind the last record; None when there are no more. `complete` is false when
    there were more pages than the source's bound allows.
    """

    state: SourceState
    records: Mapping[str, Mapping[str, list[Record]]] = field(default_factory=dict)
    problem: SourceError | None = None
    next_page: str | None = None
    complete: bool = True
    seconds: float = 0.0


def state_of(problem: SourceError) -> SourceState:
    """Return the state in which a problem leaves its source."""
    return SourceState.TIMEOUT if isinstance(problem, SourceTimeout) else SourceState.UNAVAILABLE
