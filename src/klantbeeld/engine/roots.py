"""What root fields ask for: customers by id, by reference or by what they can be found by, as far as rows allow.

A customer that the caller may not see and one that does not exist are the same: None.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from klantbeeld.engine.fetch import Fetch
from klantbeeld.engine.plan import PlannedRead
from klantbeeld.engine.run import Run
from klantbeeld.errors import RequestError
from klantbeeld.graph.answers import Answer, Answers, Moment
from klantbeeld.graph.customer import Customer, customer_of
from klantbeeld.identity.links import Links, Reference
from klantbeeld.identity.match_keys import MatchKey
from klantbeeld.sdk.reads import Read
from klantbeeld.sdk.words import MatchKind


class Identity(Protocol):
    """The part of the identity map that finds customers."""

    async def links_of(self, ids: Sequence[str]) -> Mapping[str, Links]:
        """Return the links of customers, by the id that was asked."""
        ...

    async def by_reference(self, source: str, record_id: str) -> str | None:
        """Return whose record this is."""
        ...

    async def by_references(self, references: Iterable[Reference]) -> Mapping[Reference, str]:
        """Return whose records these are; unknown ones are left out."""
        ...

    async def by_match_key(self, key: MatchKey) -> Sequence[str]:
        """Return the customers that have a match key."""
        ...


class Rows(Protocol):
    """Which customers the caller of this request may see; made for one request."""

    async def visible(self, customer_ids: Sequence[str]) -> frozenset[str]:
        """Return those that the caller may see."""
        ...

    async def own(self) -> str | None:
        """Return the customer behind the token."""
        ...


@dataclass(frozen=True, slots=True)
class RunRoots:
    """The roots of one run."""

    run: Run
    fetch: Fetch
    identity: Identity
    rows: Rows
    source_names: frozenset[str]

    @property
    def moment(self) -> Moment:
        """Time, language, settings and rights of the request."""
        return self.run.moment

    async def me(self) -> Customer | None:
        """Return the customer behind the token."""
        own = await self.rows.own()
        return (await self._seen([own]))[0] if own else None

    async def customers(self, ids: Sequence[str]) -> list[Customer | None]:
        """Return the customers with these ids, in their order; raises RequestError with ID_INVALID."""
        return await self._seen([str(one) for one in ids])

    async def by_reference(self, source: str, record_id: str) -> Customer | None:
        """Return the customer of a source's record; raises RequestError with UNKNOWN_SOURCE."""
        if source not in self.source_names:
            raise RequestError(f"there is no source {source!r}", code="UNKNOWN_SOURCE")
        found = await self.identity.by_reference(source, record_id)
        return (await self._seen([found]))[0] if found else None

    async def by_match_key(self, kind: MatchKind, value: str) -> list[Customer]:
        """Return the customers whom the identity map knows by a normalised value."""
        raise NotImplementedError

    async def ask(self, read: Read, **arguments: Any) -> Answers[Any]:
        """Ask every source that has the role; for searches, which are about no customer yet."""
        planned = PlannedRead(read, frozenset(read.uses))
        answers: list[Answer[Any]] = await self.fetch.read(planned, arguments, self.run.deadline)
        return Answers(None, self.moment, tuple(answers), lambda _: "", lambda: answers)

    async def _seen(self, ids: Sequence[str]) -> list[Customer | None]:
        links = await self.identity.links_of(ids)
        visible = await self.rows.visible([found.customer_id for found in links.values()])
        return [self._met(links.get(one), visible) for one in ids]

    def _met(self, links: Links | None, visible: frozenset[str]) -> Customer | None:
        if links is None or links.customer_id not in visible:
            return None
        customer: Customer = self.run.customers.get(links.customer_id) or customer_of(links)
        self.run.customers[links.customer_id] = customer
        return customer
