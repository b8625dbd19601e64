"""Before a customer is made, whoever is known is found; a person decides about whoever may be the same."""

from collections.abc import Mapping
from datetime import date
from typing import Any, cast

import msgspec
import pytest
from tests.engine.memory import MemorySource

from klantbeeld.errors import SourceError
from klantbeeld.identity.blind_index import KeyRing
from klantbeeld.identity.links import IMPORT, Decision, Sighting
from klantbeeld.identity.match_keys import MatchKey, MatchKeyKind, name_postcode_birth_date
from klantbeeld.identity.renewing import MOST_AT_ONCE, KeyRenewal
from klantbeeld.identity.stored_map import StoredIdentityMap
from klantbeeld.sdk.connector import Reading
from klantbeeld.sdk.records import ContactMedium, Party, PostalAddress
from klantbeeld.sdk.roles import CRM
from klantbeeld.sdk.words import ContactKind, MatchKind
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.source import Source
from klantbeeld.sources.translation import NO_KEY
from klantbeeld.store import Store
from klantbeeld.store.transactions import Transactions
from klantbeeld.writes.planning import Done
from klantbeeld.writes.sagas.linking import Linked, Linking, Remembering, Renewed
from klantbeeld.writes.sagas.recognising import KNOWN, POSSIBLE, Described, Recognising

from .conftest import Clock, operation, step

pytestmark = pytest.mark.asyncio

ROW = operation().operation
STEP = step(0, "identify", "identify", source="crm")
BORN = date(1990, 12, 21)
EMAIL = MatchKey(MatchKeyKind.EMAIL, "mila@example.nl")
DECIDED = Decision(IMPORT, "test")


class Crm(MemorySource):
    """A CRM whose `find` gives the same parties to every question, and that can be found by everything."""

    @property
    def readings(self) -> dict[str, Reading]:
        found = super().readings
        found["find"] = Reading("find", (), "find", finds=tuple(MatchKind))
        return found


def crm(*found: Party, parties: Mapping[str, Party] | None = None, problem: str | None = None) -> Crm:
    held: dict[str, dict[str, list[Any]]] = {
        "find": {NO_KEY: list(found)},
        "party": {one.record_id: [one] for one in found} | {key: [one] for key, one in (parties or {}).items()},
        "contact_media": {},
    }
    return Crm("crm", CRM, held, problem=problem)


def mila(record_id: str, *, family_name: str = "Hendriks", born: date | None = BORN) -> Party:
    return Party(record_id=record_id, owner=record_id, family_name=family_name, birth_date=born)


def moved_crm() -> Crm:
    """Return a CRM in which Mila has a new address on the net and in town."""
    source = crm(parties={"c1": mila("c1")})
    place = PostalAddress(postcode="1016 AB", house_number="250")
    source.held["contact_media"] = {
        "c1": [
            ContactMedium(record_id="c1/e", owner="c1", kind=ContactKind.EMAIL, value="new@example.nl"),
            ContactMedium(record_id="c1/a", owner="c1", kind=ContactKind.POSTAL_ADDRESS, address=place),
        ]
    }
    return source


@pytest.fixture
def identity(store: Store, clock: Clock) -> StoredIdentityMap:
    return StoredIdentityMap(store, KeyRing(b"k" * 32, 1), clock=clock)


@pytest.fixture
def renewal(identity: StoredIdentityMap) -> KeyRenewal:
    return KeyRenewal(identity)


def soon() -> CallContext:
    return CallContext(deadline=1e12)


async def look(identity: StoredIdentityMap, source: Crm, **changed: Any) -> Done:
    described = Described(**{"keys": (EMAIL,), "family_name": "Hendriks", "birth_date": BORN, **changed})
    sources = {"crm": cast("Source", source)}
    came = await Recognising(identity, sources, context=soon).take(ROW, STEP, msgspec.json.encode(described))
    assert isinstance(came, Done)
    return came


async def test_nobody_is_known_so(identity: StoredIdentityMap) -> None:
    assert await look(identity, crm()) == Done(applied=True)


async def test_whoever_has_the_same_name_and_birth_date_is_the_same(identity: StoredIdentityMap) -> None:
    known = await identity.register_customer([Sighting("crm", "c1", (EMAIL,))], DECIDED)
    source = crm(parties={"c1": mila("c1", family_name="Van den HENDRIKS")})
    assert await look(identity, source) == Done(applied=False, code=KNOWN, customer_id=known)
    assert (await look(identity, source, is_new=True)).code == KNOWN


@pytest.mark.parametrize(
    "held", [mila("c1", family_name="Jansen"), mila("c1", born=date(1960, 1, 1)), mila("c1", born=None)]
)
async def test_whoever_shares_an_address_is_somebody_to_look_at(held: Party, identity: StoredIdentityMap) -> None:
    await identity.register_customer([Sighting("crm", "c1", (EMAIL,))], DECIDED)
    source = crm(parties={"c1": held})
    assert await look(identity, source) == Done(applied=False, code=POSSIBLE)
    assert await look(identity, source, is_new=True) == Done(applied=True)


async def test_whom_the_owner_knows_and_the_map_does_not_is_linked_and_found(identity: StoredIdentityMap) -> None:
    came = await look(identity, crm(mila("c9")))
    assert came.code == KNOWN
    assert came.customer_id == await identity.by_reference("crm", "c9")


async def test_a_place_and_a_date_alone_make_nobody_the_same(identity: StoredIdentityMap) -> None:
    key = name_postcode_birth_date("Hendriks", "1017 HV", BORN)
    assert await look(identity, crm(mila("c9", family_name="Jansen")), keys=(key,)) == Done(applied=True)
    assert await identity.by_reference("crm", "c9") is None


async def test_without_the_owners_word_nobody_is_new(identity: StoredIdentityMap) -> None:
    with pytest.raises(SourceError) as failed:
        await look(identity, crm(problem="unavailable"))
    assert not failed.value.sent


async def test_what_was_made_is_linked_once_however_often_the_step_is_taken(identity: StoredIdentityMap) -> None:
    made = step(1, "call", "register_customer", source="crm", record_id="c7")
    view = operation(STEP, made)

    async def find(_operation_id: str) -> Any:
        return view

    payload = msgspec.json.encode(Linked(step=1, keys=(EMAIL,), subject=("sub:issuer", "mila")))
    first = await Linking(identity, find).take(ROW, step(2, "link", "link"), payload)
    again = await Linking(identity, find).take(ROW, step(2, "link", "link"), payload)
    assert first == again
    assert isinstance(first, Done)
    assert first.customer_id is not None
    assert await identity.by_match_key(EMAIL.kind, EMAIL.value) == (first.customer_id,)
    assert await identity.by_reference("sub:issuer", "mila") == first.customer_id


async def test_a_record_is_found_by_what_it_holds_now_and_nothing_else(
    identity: StoredIdentityMap, renewal: KeyRenewal, transactions: Transactions
) -> None:
    known = await identity.register_customer([Sighting("crm", "c1", (EMAIL,))], DECIDED)
    source = moved_crm()
    payload = msgspec.json.encode(Renewed(records=(Sighting("crm", "c1"),)))
    remembering = Remembering(identity, renewal, {"crm": cast("Source", source)}, context=soon)
    done = await remembering.take(ROW, step(1, "remember", "remember", source="crm"), payload)
    assert isinstance(done, Done)
    assert done.applied
    assert done.also is not None
    await transactions.run(done.also, wait=5)
    assert await identity.by_match_key(MatchKeyKind.EMAIL, "NEW@example.nl") == (known,)
    assert await identity.by_match_key(EMAIL.kind, EMAIL.value) == ()
    key = name_postcode_birth_date("Hendriks", "1016AB", BORN)
    assert await identity.by_match_key(key.kind, key.value) == (known,)


async def test_only_the_keys_that_may_have_changed_are_read_and_renewed(
    identity: StoredIdentityMap, renewal: KeyRenewal, transactions: Transactions
) -> None:
    former = name_postcode_birth_date("Hendriks", "1017 HV", BORN)
    known = await identity.register_customer([Sighting("crm", "c1", (EMAIL, former))], DECIDED)
    source = moved_crm()
    renewed = Renewed(records=(Sighting("crm", "c1"),), kinds=frozenset({MatchKeyKind.NAME_POSTCODE_BIRTH_DATE}))
    remembering = Remembering(identity, renewal, {"crm": cast("Source", source)}, context=soon)
    done = await remembering.take(ROW, step(1, "remember", "remember", source="crm"), msgspec.json.encode(renewed))
    assert isinstance(done, Done)
    assert done.also is not None
    await transactions.run(done.also, wait=5)
    key = name_postcode_birth_date("Hendriks", "1016AB", BORN)
    assert await identity.by_match_key(key.kind, key.value) == (known,)
    assert await identity.by_match_key(former.kind, former.value) == ()
    assert await identity.by_match_key(EMAIL.kind, EMAIL.value) == (known,)
    assert {capability: members for asked in source.asked for capability, members in asked.members.items()} == {
        "party": frozenset({"family_name", "birth_date"}),
        "contact_media": frozenset({"address"}),
    }


async def test_however_many_keys_a_record_has_those_of_now_stay_and_no_others(
    identity: StoredIdentityMap, renewal: KeyRenewal, transactions: Transactions
) -> None:
    known = await identity.register_customer([Sighting("crm", "c1", (EMAIL,))], DECIDED)
    mails = [MatchKey(MatchKeyKind.EMAIL, f"mila{number}@example.nl") for number in range(MOST_AT_ONCE + 2)]
    for now in ([*mails, EMAIL], mails[:2], [*mails[1:3], mails[2]], []):
        unit = await renewal.renewing([Sighting("crm", "c1", tuple(now))])
        assert unit is not None
        await transactions.run(unit, wait=5)
        found = [key for key in [*mails, EMAIL] if await identity.by_match_key(key.kind, key.value) == (known,)]
        assert set(found) == set(now)


async def test_a_record_that_is_nobodys_gets_no_keys(identity: StoredIdentityMap, renewal: KeyRenewal) -> None:
    assert await renewal.renewing([Sighting("crm", "c404", (EMAIL,))]) is None
    assert await identity.by_match_key(EMAIL.kind, EMAIL.value) == ()


async def test_where_the_record_cannot_be_read_the_new_key_is_added(
    identity: StoredIdentityMap, renewal: KeyRenewal
) -> None:
    known = await identity.register_customer([Sighting("crm", "c1", (EMAIL,))], DECIDED)
    new = MatchKey(MatchKeyKind.EMAIL, "new@example.nl")
    payload = msgspec.json.encode(Renewed(records=(Sighting("crm", "c1", (new,)),)))
    remembering = Remembering(identity, renewal, {"crm": cast("Source", crm(problem="timeout"))}, context=soon)
    await remembering.take(ROW, step(1, "remember", "remember", source="crm"), payload)
    assert await identity.by_match_key(new.kind, new.value) == (known,)
