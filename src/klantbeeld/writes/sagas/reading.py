"""Reads that writing needs: what a record is at this moment, at its source, for the gateway's own use."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from klantbeeld.errors import SourceInvalid
from klantbeeld.identity.match_keys import (
    EVERY_KIND,
    MatchKey,
    MatchKeyKind,
    address_birth_date,
    name_postcode_birth_date,
)
from klantbeeld.sdk.records import ContactMedium, Party
from klantbeeld.sdk.roles import ROLES
from klantbeeld.sdk.words import ContactKind
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.source import Source
from klantbeeld.writes.looking import read_records

KINDS = {ContactKind.EMAIL: MatchKeyKind.EMAIL, ContactKind.PHONE: MatchKeyKind.PHONE}

REACHED = {"contact_media": frozenset({"kind", "value"})}
# What match keys of each kind are made of.
KEYED: Mapping[MatchKeyKind, Mapping[str, frozenset[str]]] = {
    MatchKeyKind.EMAIL: REACHED,
    MatchKeyKind.PHONE: REACHED,
    MatchKeyKind.CUSTOMER_NUMBER: {"party": frozenset({"customer_number"})},
    MatchKeyKind.NAME_POSTCODE_BIRTH_DATE: {
        "party": frozenset({"family_name", "birth_date"}),
        "contact_media": frozenset({"address"}),
    },
    MatchKeyKind.ADDRESS_BIRTH_DATE: {
        "party": frozenset({"birth_date"}),
        "contact_media": frozenset({"address"}),
    },
}


async def read_record(source: Source, capability: str, key: str, context: CallContext) -> Sequence[Any]:
    """Return what a source holds under one of its ids, with all members; nothing where it cannot be asked for that.

    Raises SourceError, `sent` false: a read has changed nothing.
    """
    return (await read_what_is_there(source, {capability: members_of(capability)}, key, context))[capability]


async def read_what_is_there(
    source: Source, reads: Mapping[str, frozenset[str]], key: str, context: CallContext
) -> Mapping[str, Sequence[Any]]:
    """Return some members of several capabilities; nothing of those that the source cannot be asked for."""
    possible = {capability: members for capability, members in reads.items() if capability in source.readings}
    found = await read_records(source, possible, key, context, owner=key)
    return {capability: found.get(capability, ()) for capability in reads}


@cache
def members_of(capability: str) -> frozenset[str]:
    """Return every member of the records that a capability gives."""
    kinds = (role.reads[capability] for role in ROLES.values() if capability in role.reads)
    return frozenset(name for kind in kinds for name in kind.__struct_fields__)


async def match_keys_of(
    source: Source,
    record_id: str,
    context: Callable[[], CallContext],
    kinds: frozenset[MatchKeyKind] = EVERY_KIND,
) -> list[MatchKey]:
    """Return what a customer's record is found by, in keys of some kinds, reading no more than those are made of.

    Raises SourceError where the source does not say. A record that is not there is SourceInvalid: it was written a
    moment ago.
    """
    found = await read_what_is_there(source, _made_of(kinds), record_id, context())
    parties, media = found["party"], found.get("contact_media", ())
    if not parties and "party" in source.readings:
        raise SourceInvalid("a record that was written is not there", sent=False)
    return [key for key in (*_reached(media), *_named(parties, media)) if key.kind in kinds]


@cache
def _made_of(kinds: frozenset[MatchKeyKind]) -> Mapping[str, frozenset[str]]:
    """Return what is read for keys of some kinds; always the party, which says whether the record is there."""
    reads: dict[str, frozenset[str]] = {"party": frozenset()}
    for kind in kinds:
        for capability, members in KEYED[kind].items():
            reads[capability] = members | reads.get(capability, frozenset())
    return reads


def _reached(media: Sequence[ContactMedium]) -> Iterator[MatchKey]:
    for medium in media:
        if medium.value and medium.kind in KINDS:
            yield MatchKey(KINDS[medium.kind], medium.value)


def _named(parties: Sequence[Party], media: Sequence[ContactMedium]) -> Iterator[MatchKey]:
    """Yield the keys that are made of several values; each needs all of them."""
    addresses = [medium.address for medium in media if medium.address]
    for party in parties:
        if party.customer_number:
            yield MatchKey(MatchKeyKind.CUSTOMER_NUMBER, party.customer_number)
        for address in addresses if party.birth_date else ():
            if address.postcode and address.house_number:
                yield address_birth_date(address.postcode, address.house_number, party.birth_date or "")
            if address.postcode and party.family_name:
                yield name_postcode_birth_date(party.family_name, address.postcode, party.birth_date or "")
