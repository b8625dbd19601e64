"""Steps that change the identity map: a customer who was just made is linked, and what a record is found by is renewed.

Twice is as once: a step that is repeated after a crash finds what it made.
"""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from klantbeeld.errors import RequestError, SourceError
from klantbeeld.identity.links import Decision, Sighting
from klantbeeld.identity.map import IdentityMap
from klantbeeld.identity.match_keys import EVERY_KIND, MatchKey, MatchKeyKind
from klantbeeld.identity.renewing import KeyRenewal
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.source import Source
from klantbeeld.writes.planning import Done, Waiting
from klantbeeld.writes.rows import OperationRow, OperationView, StepRow
from klantbeeld.writes.sagas.payloads import opened
from klantbeeld.writes.sagas.reading import match_keys_of

LINK, REMEMBER = "link", "remember"
REGISTERED = "REGISTERED"
"""Origin of a link that was made when the gateway registered the customer."""
DECIDED = Decision(REGISTERED, "registerCustomer")

Find = Callable[[str], Awaitable[OperationView | None]]


class Linked(msgspec.Struct, frozen=True, kw_only=True):
    """What is linked: the record that step `step` wrote, found by `keys`.

    `subject` is the account in the customer's own app that is linked along: its issuer's reference, and the subject.
    """

    step: int
    keys: tuple[MatchKey, ...] = ()
    subject: tuple[str, str] | None = None


class Renewed(msgspec.Struct, frozen=True, kw_only=True):
    """Records whose contact details changed, each with its source and the keys that are new.

    `kinds` are those of the keys that may have changed with them.
    """

    records: tuple[Sighting, ...]
    kinds: frozenset[MatchKeyKind] = EVERY_KIND


class Linking:
    """The handler of steps that link what a step before them made; lives as long as the app."""

    def __init__(self, identity: IdentityMap, find: Find) -> None:
        self._identity = identity
        self._find = find

    async def take(self, operation: OperationRow, _step: StepRow, payload: bytes, /) -> Done | Waiting:
        """Make a customer of the new record, or find the one that it was made into before a crash."""
        asked = opened(payload, Linked)
        view = await self._find(operation.id)
        if view is None:
            raise LookupError(operation.id)
        made = view.step(asked.step)
        sighting = Sighting(made.source or "", made.record_id or "", asked.keys)
        customer_id = await self._customer_of(sighting)
        if asked.subject is not None:
            await self._identity.add_link(customer_id, Sighting(*asked.subject), DECIDED)
        return Done(applied=True, record_id=made.record_id, customer_id=customer_id)

    async def _customer_of(self, sighting: Sighting) -> str:
        known = await self._identity.by_reference(sighting.source, sighting.record_id)
        if known is not None:
            return known
        try:
            return await self._identity.register_customer([sighting], DECIDED)
        except RequestError:  # another replica was quicker, with the same record
            return await self._identity.first_sight(sighting.source, sighting.record_id, sighting.match_keys)


class Remembering:
    """The handler of steps that renew what a record is found by, after a change of contact details."""

    def __init__(
        self,
        identity: IdentityMap,
        keys: KeyRenewal,
        sources: Mapping[str, Source],
        *,
        context: Callable[[], CallContext],
    ) -> None:
        self._identity = identity
        self._keys = keys
        self._sources = sources
        self._context = context

    async def take(self, _operation: OperationRow, _step: StepRow, payload: bytes, /) -> Done | Waiting:
        """Keep what the records are found by now, and nothing else; where one cannot be read, add what is new."""
        changed, seen = opened(payload, Renewed), list[Sighting]()
        for record in changed.records:
            source = self._sources[record.source]
            try:
                keys = await match_keys_of(source, record.record_id, self._context, changed.kinds)
            except SourceError:
                await self._identity.first_sight(record.source, record.record_id, record.match_keys)
            else:
                seen.append(Sighting(record.source, record.record_id, tuple(keys)))
        return Done(applied=True, also=await self._keys.renewing(seen, changed.kinds))
