"""Which customers a caller may see: all, the one behind the token, or those who granted it.

Unknown and forbidden look the same: both are simply not there. Nothing is remembered between calls.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from klantbeeld.access.grants import Grants, Partner, Terms
from klantbeeld.access.rights import Caller
from klantbeeld.identity.ids import CANONICAL
from klantbeeld.identity.links import subject_reference


class References(Protocol):
    """The part of the identity map that finds an app's customer."""

    async def by_reference(self, source: str, record_id: str) -> str | None:
        """Find whose record this is."""


@dataclass(frozen=True, slots=True)
class Release:
    """What a caller may see of one visible customer, beside what its rights say; `terms` None means no less."""

    terms: tuple[Terms, ...] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether everything is released."""
        return self.terms is None

    def covers(self, scope: str, coordinate: str) -> bool:
        """Say whether a field (`Customer.invoices`) of that scope is released; if not, its code is NOT_GRANTED."""
        return self.terms is None or any(terms.cover(scope, coordinate) for terms in self.terms)

    @property
    def scopes(self) -> frozenset[str] | None:
        """The scopes of which something is released, for `Rights.narrowed`; None for no limit."""
        return None if self.terms is None else frozenset[str]().union(*(terms.scopes for terms in self.terms))


WHOLE = Release()


class Rows:
    """The row rules; lives as long as the app. Customers are given by canonical ids that stand now."""

    def __init__(self, references: References, grants: Grants, *, clock: Callable[[], datetime]) -> None:
        self._references = references
        self._grants = grants
        self._clock = clock

    async def visible(self, caller: Caller, customer_id: str) -> bool:
        """Say whether the caller may see this customer. Raises StoreError."""
        return customer_id in await self.releases(caller, (customer_id,))

    async def visible_many(self, caller: Caller, customer_ids: Collection[str]) -> frozenset[str]:
        """Give those of the customers that the caller may see. Raises StoreError."""
        return frozenset(await self.releases(caller, customer_ids))

    async def releases(self, caller: Caller, customer_ids: Collection[str]) -> dict[str, Release]:
        """Give what the caller may see of each of the customers that it may see. Raises StoreError."""
        if caller.rows == "all":
            return dict.fromkeys(customer_ids, WHOLE)
        if caller.rows == "self":
            own = await self.own(caller)
            return {customer_id: WHOLE for customer_id in customer_ids if customer_id == own}
        asked = [customer_id for customer_id in customer_ids if CANONICAL.fullmatch(customer_id)]
        partner = Partner(caller.issuer, caller.client_id)
        granted = await self._grants.terms(partner, caller.rights.purpose, asked, now=self._clock())
        return {customer_id: Release(terms) for customer_id, terms in granted.items()}

    async def own(self, caller: Caller) -> str | None:
        """Give the customer behind the token: (issuer, sub) is a reference like any other. Raises StoreError."""
        if caller.rows != "self":
            return None
        return await self._references.by_reference(*subject_reference(caller.issuer, caller.subject))
