"""What a root field may ask for before anything below it is read: customers, searches, writes.

The engine is what stands behind it, and checks rows: a customer that the caller may not see does not exist.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from klantbeeld.graph.answers import Answers, Moment
from klantbeeld.graph.customer import Customer
from klantbeeld.sdk.read import Read
from klantbeeld.sdk.words import MatchKind


class Roots(Protocol):
    """Lives as long as one operation."""

    @property
    def moment(self) -> Moment:
        """Time, language, settings and rights of the request."""
        ...

    async def me(self) -> Customer | None:
        """Return the customer behind the token."""
        ...

    async def customers(self, ids: Sequence[str]) -> list[Customer | None]:
        """Return the customers with these ids, in their order; raises RequestError with ID_INVALID."""
        ...

    async def by_reference(self, source: str, record_id: str) -> Customer | None:
        """Return the customer of a source's record; raises RequestError with UNKNOWN_SOURCE."""
        ...

    async def by_match_key(self, kind: MatchKind, value: str) -> list[Customer]:
        """Return the customers whom the identity map knows by a normalised value."""
        ...

    async def ask(self, read: Read, **arguments: Any) -> Answers[Any]:
        """Ask every source that has the role; for searches, which are about no customer yet."""
        ...
