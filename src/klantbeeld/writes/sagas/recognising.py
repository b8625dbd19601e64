"""The step that looks before a customer is made: whoever is known already is not made again.

The map is asked, and the owner itself, for what the map has not met. Somebody with the same family name and date of
birth is that person; somebody who shares a phone number or an address may be, and a person has to say.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date

import msgspec

from klantbeeld.errors import RequestError
from klantbeeld.identity.map import IdentityMap
from klantbeeld.identity.match_keys import MatchKey, MatchKeyKind, name_postcode_birth_date, normalise
from klantbeeld.sdk.records import Party
from klantbeeld.sdk.words import MatchKind
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.questions import Question
from klantbeeld.sources.source import Source
from klantbeeld.sources.translation import NO_KEY
from klantbeeld.writes.looking import unsent
from klantbeeld.writes.planning import Done, Waiting
from klantbeeld.writes.rows import OperationRow, StepRow
from klantbeeld.writes.sagas.payloads import opened
from klantbeeld.writes.sagas.reading import match_keys_of, read_record

IDENTIFY = "identify"
KNOWN = "CUSTOMER_KNOWN"  # the code of a step that found the customer
POSSIBLE = "CUSTOMER_POSSIBLE"  # the code of a step that found somebody who may be the customer
MOST_CANDIDATES = 20  # people who are looked at; a key that more share says nothing
# A postcode beside which two family names are compared: any will do, since both have the same one.
ANYWHERE = "1000AA"


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """Who is to be registered, as far as people are told apart by it.

    `is_new` says that possible matches were looked at, and are somebody else.
    """

    keys: tuple[MatchKey, ...]
    family_name: str
    birth_date: date | None = None
    is_new: bool = False


class Recognising:
    """The handler of the step that looks before a customer is made; lives as long as the app."""

    def __init__(
        self, identity: IdentityMap, sources: Mapping[str, Source], *, context: Callable[[], CallContext]
    ) -> None:
        self._identity = identity
        self._sources = sources
        self._context = context

    async def take(self, _operation: OperationRow, step: StepRow, payload: bytes, /) -> Done | Waiting:
        """Say that nobody is known so, or who is. Raises SourceError where the owner does not answer."""
        asked, source = opened(payload, Described), self._sources[step.source or ""]
        found = await self._known(asked.keys) | await self._met(source, asked)
        same = [customer_id for customer_id in sorted(found) if await self._is(source, customer_id, asked)]
        if len(same) == 1:
            return Done(applied=False, code=KNOWN, customer_id=same[0])
        if same or (found and not asked.is_new):
            return Done(applied=False, code=POSSIBLE)
        return Done(applied=True)

    async def _known(self, keys: Iterable[MatchKey]) -> set[str]:
        """Return the customers whom the map knows by one of the keys."""
        found: set[str] = set()
        for key in keys:
            try:
                found |= set(await self._identity.by_match_key(key.kind, key.value))
            except RequestError:  # a value that can be no key
                continue
        return found

    async def _met(self, source: Source, asked: Described) -> set[str]:
        """Ask the owner, and link whom it knows and the map does not: a record that is there is somebody's."""
        found = set()
        for key in asked.keys:
            for party in await self._found(source, key):
                if key.kind is MatchKeyKind.NAME_POSTCODE_BIRTH_DATE and not is_same(party, asked):
                    continue  # the owner compares no more than place and date
                keys = await match_keys_of(source, party.record_id, self._context)
                found.add(await self._identity.first_sight(source.name, party.record_id, keys))
        return found

    async def _found(self, source: Source, key: MatchKey) -> list[Party]:
        reading, kind, value = source.readings.get("find"), MatchKind.__members__.get(key.kind.value), normalise(key)
        if reading is None or kind is None or kind not in reading.finds or value is None:
            return []
        question = Question(
            subjects={},
            members={"find": frozenset({"record_id", "family_name", "birth_date"})},
            arguments={"kind": kind.value, "value": value},
            first=MOST_CANDIDATES,
        )
        outcome = await source.ask(question, self._context())
        if outcome.problem is not None:
            raise unsent(outcome.problem)
        return [party for party in outcome.records["find"].get(NO_KEY, ()) if isinstance(party, Party)]

    async def _is(self, source: Source, customer_id: str, asked: Described) -> bool:
        """Say whether a customer is who is described, by what the owner holds now."""
        links = await self._identity.links(customer_id)
        for link in links.links if links else ():
            if link.source == source.name:
                parties = await read_record(source, "party", link.record_id, self._context())
                if any(is_same(party, asked) for party in parties):
                    return True
        return False


def is_same(party: Party, asked: Described) -> bool:
    """Say whether family name and date of birth are known and the same, however the name is spelled."""
    if party.birth_date is None or party.family_name is None or party.birth_date != asked.birth_date:
        return False
    names = (party.family_name, asked.family_name)
    held, told = (normalise(name_postcode_birth_date(name, ANYWHERE, party.birth_date)) for name in names)
    return held == told
