"""The cross-reference map, the same with both databases."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Executable, func, insert, select, text, update

from klantbeeld.errors import RequestError, StoreError
from klantbeeld.identity.blind_index import KeyRing
from klantbeeld.identity.links import Decision, Link, Links, Reference, Sighting, subject_reference
from klantbeeld.identity.lookups import MOST_HOLDERS
from klantbeeld.identity.match_keys import MatchKey, MatchKeyKind
from klantbeeld.identity.stored_map import StoredIdentityMap
from klantbeeld.identity.tables import customers, links, match_keys
from klantbeeld.settings import StoreSettings
from klantbeeld.store import Store, open_store

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NOBODY = "019ab000-0000-7000-8000-000000000001"
STEWARD = Decision("STEWARD", "steward:anna", 0.93, ("SAME_EMAIL", "SAME_BIRTH_DATE"))
JAN = MatchKey(MatchKeyKind.EMAIL, "jan@example.nl")
MOBILE = MatchKey(MatchKeyKind.PHONE, "06-12345678")
NOT_TEXT = ["\0", "\ud800", "a\0b"]


async def _merge(store: Store, customer_id: str, into: str) -> None:
    """Do what a merge does: the links move, and the id redirects."""
    async with store.write() as connection:
        await connection.execute(update(links).where(links.c.customer_id == customer_id).values(customer_id=into))
        await connection.execute(update(customers).where(customers.c.id == customer_id).values(merged_into=into))


async def _execute(store: Store, statement: Executable) -> None:
    async with store.write() as connection:
        await connection.execute(statement)


async def _count(store: Store) -> tuple[int, int, int]:
    async with store.read() as connection:
        counts = [
            (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for table in (customers, links, match_keys)
        ]
    return counts[0], counts[1], counts[2]


# Looking up


@pytest.mark.asyncio
async def test_links_say_since_when_and_how_decided(identity: StoredIdentityMap) -> None:
    crm, billing = Sighting("crm", "C-1"), Sighting("billing", "cus_1")
    customer_id = await identity.register_customer([crm, billing], STEWARD)
    decided = (NOW, "STEWARD", 0.93, "steward:anna", ("SAME_EMAIL", "SAME_BIRTH_DATE"))
    expected = (Link("billing", "cus_1", *decided), Link("crm", "C-1", *decided))
    assert await identity.links(customer_id) == Links(customer_id, customer_id, (), expected)


@pytest.mark.asyncio
async def test_an_unknown_customer_has_no_answer(identity: StoredIdentityMap) -> None:
    assert await identity.links(NOBODY) is None


@pytest.mark.asyncio
@pytest.mark.parametrize("text", ["", "1", "' OR 1=1", *NOT_TEXT])
async def test_what_is_no_id_is_an_unknown_customer(identity: StoredIdentityMap, text: str) -> None:
    assert await identity.links(text) is None


@pytest.mark.asyncio
async def test_a_customer_without_links_is_known(identity: StoredIdentityMap) -> None:
    customer_id = await identity.first_sight("crm", "C-1")
    await identity.remove_link("crm", "C-1")
    assert await identity.links(customer_id) == Links(customer_id, customer_id, (), ())


@pytest.mark.asyncio
async def test_many_customers_are_found_at_once_and_unknown_ones_left_out(identity: StoredIdentityMap) -> None:
    made = await identity.first_sights([Sighting("crm", str(n)) for n in range(600)])
    found = await identity.links_of([*made.values(), NOBODY])
    assert {each: [(link.source, link.record_id) for link in of.links] for each, of in found.items()} == {
        customer_id: [tuple(reference)] for reference, customer_id in made.items()
    }


@pytest.mark.asyncio
async def test_nothing_is_found_for_nothing(identity: StoredIdentityMap) -> None:
    assert await identity.links_of([]) == {}
    assert await identity.by_references([]) == {}


@pytest.mark.asyncio
async def test_a_record_leads_to_its_customer_in_its_own_source_only(identity: StoredIdentityMap) -> None:
    customer_id = await identity.first_sight("crm", "C-1")
    assert await identity.by_reference("crm", "C-1") == customer_id
    assert await identity.by_reference("billing", "C-1") is None
    assert await identity.by_reference("crm", "c-1") is None


@pytest.mark.asyncio
async def test_many_records_are_found_at_once_and_unknown_ones_left_out(identity: StoredIdentityMap) -> None:
    sightings = [Sighting(source, str(n)) for source in ("crm", "billing") for n in range(300)]
    made = await identity.first_sights(sightings)
    asked = [*made, Reference("crm", "nobody's"), Reference("nowhere", "1")]
    assert await identity.by_references(asked) == made


@pytest.mark.asyncio
@pytest.mark.parametrize("text", NOT_TEXT)
async def test_a_reference_that_cannot_be_stored_is_nobodys(identity: StoredIdentityMap, text: str) -> None:
    assert await identity.by_reference("crm", text) is None
    assert await identity.by_reference(text, "C-1") is None


@pytest.mark.asyncio
async def test_a_tokens_subject_is_a_reference_of_its_issuer(identity: StoredIdentityMap) -> None:
    one, other = subject_reference("https://one.example", "7"), subject_reference("https://other.example", "7")
    customer_id = await identity.register_customer([Sighting(*one)], STEWARD)
    assert await identity.by_reference(*one) == customer_id
    assert await identity.by_reference(*other) is None


@pytest.mark.asyncio
async def test_a_match_key_is_found_however_it_is_written(identity: StoredIdentityMap) -> None:
    customer_id = await identity.first_sight("crm", "C-1", [JAN, MOBILE])
    assert await identity.by_match_key(MatchKeyKind.EMAIL, " Jan@EXAMPLE.nl") == (customer_id,)
    assert await identity.by_match_key(MatchKeyKind.PHONE, "+31 (0)6 1234 5678") == (customer_id,)
    assert await identity.by_match_key(MatchKeyKind.EMAIL, "piet@example.nl") == ()


@pytest.mark.asyncio
async def test_a_key_that_several_customers_have_gives_each_once_and_the_oldest_first(
    identity: StoredIdentityMap, moments: list[datetime]
) -> None:
    first = await identity.first_sight("crm", "C-1", [MOBILE])
    await identity.add_link(first, Sighting("billing", "cus_1", (MOBILE,)), STEWARD)
    moments.append(NOW + timedelta(seconds=1))
    second = await identity.first_sight("crm", "C-2", [MOBILE])
    assert await identity.by_match_key(*MOBILE) == (first, second)


@pytest.mark.asyncio
async def test_a_key_of_very_many_customers_gives_a_bounded_number(identity: StoredIdentityMap) -> None:
    await identity.first_sights([Sighting("crm", str(n), (MOBILE,)) for n in range(MOST_HOLDERS + 20)])
    assert len(await identity.by_match_key(*MOBILE)) == MOST_HOLDERS


@pytest.mark.asyncio
async def test_a_value_that_cannot_be_a_key_is_refused_and_not_repeated(identity: StoredIdentityMap) -> None:
    with pytest.raises(RequestError) as caught:
        await identity.by_match_key(MatchKeyKind.PHONE, "canary-7319")
    assert caught.value.reason == "BAD_USER_INPUT"
    assert "canary" not in str(caught.value)


@pytest.mark.asyncio
async def test_the_store_holds_no_value_of_a_match_key(identity: StoredIdentityMap) -> None:
    await identity.first_sight("crm", "C-1", [JAN, MOBILE])
    async with identity.store.read() as connection:
        stored = repr((await connection.execute(select(match_keys))).all())
    assert "jan" not in stored
    assert "612345678" not in stored


# Merged customers


@pytest.mark.asyncio
async def test_a_merged_id_redirects_over_any_number_of_merges(identity: StoredIdentityMap) -> None:
    one, two, three, four = [await identity.first_sight("crm", str(n), [JAN]) for n in range(4)]
    await _merge(identity.store, one, two)
    await _merge(identity.store, two, three)
    await _merge(identity.store, four, three)
    found = await identity.links_of([one, two, three, four])
    assert {each: (of.customer_id, of.asked_id) for each, of in found.items()} == {
        each: (three, each) for each in (one, two, three, four)
    }
    assert found[one].redirected_from == found[three].redirected_from == tuple(sorted([one, two, four]))
    assert [link.record_id for link in found[one].links] == ["0", "1", "2", "3"]


@pytest.mark.asyncio
async def test_records_and_match_keys_of_a_merged_customer_lead_to_the_one_that_stands(
    identity: StoredIdentityMap,
) -> None:
    one, two = [await identity.first_sight("crm", str(n), [JAN]) for n in range(2)]
    await _merge(identity.store, one, two)
    assert await identity.by_match_key(*JAN) == (two,)
    assert await identity.by_references([("crm", "0"), ("crm", "1")]) == {("crm", "0"): two, ("crm", "1"): two}
    assert await identity.first_sight("crm", "0") == two


@pytest.mark.asyncio
async def test_a_link_to_a_merged_id_goes_to_the_customer_that_stands(identity: StoredIdentityMap) -> None:
    one, two = [await identity.first_sight("crm", str(n)) for n in range(2)]
    await _merge(identity.store, one, two)
    await identity.add_link(one, Sighting("billing", "cus_1"), STEWARD)
    assert await identity.by_reference("billing", "cus_1") == two


@pytest.mark.asyncio
async def test_redirects_that_go_in_a_circle_are_a_store_error_and_not_a_hang(identity: StoredIdentityMap) -> None:
    one, two = [await identity.first_sight("crm", str(n)) for n in range(2)]
    async with identity.store.write() as connection:
        for customer_id, into in ((one, two), (two, one)):
            statement = update(customers).where(customers.c.id == customer_id).values(merged_into=into)
            await connection.execute(statement)
    with pytest.raises(StoreError):
        await identity.links(one)
    with pytest.raises(StoreError):
        await identity.first_sight("crm", "0")


# First sight


@pytest.mark.asyncio
async def test_a_record_seen_again_is_the_same_customer(identity: StoredIdentityMap) -> None:
    first = await identity.first_sight("crm", "C-1", [JAN])
    assert await identity.first_sight("crm", "C-1", [JAN]) == first
    assert await _count(identity.store) == (1, 1, 1)


@pytest.mark.asyncio
async def test_first_sight_does_not_link_by_match_keys(identity: StoredIdentityMap) -> None:
    assert await identity.first_sight("crm", "C-1", [JAN]) != await identity.first_sight("billing", "cus_1", [JAN])


@pytest.mark.asyncio
async def test_first_sight_leaves_out_what_cannot_be_a_key(identity: StoredIdentityMap) -> None:
    await identity.first_sight("crm", "C-1", [JAN, MatchKey(MatchKeyKind.PHONE, "onbekend")])
    assert await _count(identity.store) == (1, 1, 1)


@pytest.mark.asyncio
async def test_keys_of_a_later_sight_are_added(identity: StoredIdentityMap) -> None:
    customer_id = await identity.first_sight("crm", "C-1", [JAN])
    await identity.first_sight("crm", "C-1", [MOBILE])
    assert await identity.by_match_key(*JAN) == await identity.by_match_key(*MOBILE) == (customer_id,)


@pytest.mark.asyncio
async def test_two_replicas_that_see_records_at_once_make_each_customer_once(migrated_url: str, ring: KeyRing) -> None:
    settings = StoreSettings(url=migrated_url, timeout=30)
    async with open_store(settings) as one, open_store(settings) as other:
        replicas = [StoredIdentityMap(store, ring) for store in (one, other)]
        made = await asyncio.gather(
            *(replica.first_sight("crm", str(n % 5), [JAN]) for n in range(25) for replica in replicas)
        )
        assert len(set(made)) == 5
        assert await _count(one) == (5, 5, 5)
        assert await replicas[0].by_reference("crm", "3") == await replicas[1].by_reference("crm", "3")


@pytest.mark.asyncio
@pytest.mark.parametrize("record_id", ["", "x" * 301, *NOT_TEXT])
async def test_a_record_that_cannot_be_stored_is_refused(identity: StoredIdentityMap, record_id: str) -> None:
    with pytest.raises(RequestError) as caught:
        await identity.first_sight("crm", record_id)
    assert caught.value.reason == "BAD_USER_INPUT"
    assert await _count(identity.store) == (0, 0, 0)


# Changing links


@pytest.mark.asyncio
async def test_a_customer_with_a_record_of_another_is_not_made(identity: StoredIdentityMap) -> None:
    await identity.first_sight("crm", "C-1")
    with pytest.raises(RequestError) as caught:
        await identity.register_customer([Sighting("billing", "cus_1"), Sighting("crm", "C-1")], STEWARD)
    assert (caught.value.reason, caught.value.status) == ("CONFLICT", 409)
    assert await _count(identity.store) == (1, 1, 0)


@pytest.mark.asyncio
async def test_linking_a_record_of_another_customer_is_refused_and_changes_nothing(identity: StoredIdentityMap) -> None:
    one, two = await identity.first_sight("crm", "C-1"), await identity.first_sight("crm", "C-2")
    with pytest.raises(RequestError) as caught:
        await identity.add_link(one, Sighting("crm", "C-2", (JAN,)), STEWARD)
    assert caught.value.reason == "CONFLICT"
    assert await identity.by_reference("crm", "C-2") == two
    assert await identity.by_match_key(*JAN) == ()


@pytest.mark.asyncio
async def test_linking_twice_is_linking_once(identity: StoredIdentityMap, moments: list[datetime]) -> None:
    customer_id = await identity.first_sight("crm", "C-1")
    await identity.add_link(customer_id, Sighting("billing", "cus_1"), STEWARD)
    moments.append(NOW + timedelta(days=1))
    await identity.add_link(customer_id, Sighting("billing", "cus_1"), STEWARD)
    found = await identity.links(customer_id)
    assert found is not None
    assert [(link.source, link.since) for link in found.links] == [("billing", NOW), ("crm", NOW)]


@pytest.mark.asyncio
@pytest.mark.parametrize("customer_id", [NOBODY, "no id"])
async def test_linking_to_an_unknown_customer_is_refused(identity: StoredIdentityMap, customer_id: str) -> None:
    with pytest.raises(RequestError) as caught:
        await identity.add_link(customer_id, Sighting("crm", "C-1"), STEWARD)
    assert caught.value.reason == "ID_INVALID"


@pytest.mark.asyncio
async def test_a_link_that_ended_is_kept_with_its_times_and_finds_nobody(
    identity: StoredIdentityMap, moments: list[datetime]
) -> None:
    customer_id = await identity.first_sight("crm", "C-1", [JAN])
    moments.append(NOW + timedelta(days=1))
    assert await identity.remove_link("crm", "C-1") == customer_id
    assert await identity.by_reference("crm", "C-1") is None
    assert await identity.by_match_key(*JAN) == ()
    async with identity.store.read() as connection:
        kept = (await connection.execute(select(links.c.customer_id, links.c.valid_from, links.c.valid_to))).all()
    assert kept == [(customer_id, NOW, NOW + timedelta(days=1))]


@pytest.mark.asyncio
async def test_a_record_whose_link_ended_can_be_linked_to_another_customer(identity: StoredIdentityMap) -> None:
    await identity.first_sight("crm", "C-1")
    await identity.remove_link("crm", "C-1")
    other = await identity.first_sight("crm", "C-2")
    await identity.add_link(other, Sighting("crm", "C-1"), STEWARD)
    assert await identity.by_reference("crm", "C-1") == other


@pytest.mark.asyncio
async def test_ending_a_link_that_is_not_there_does_nothing(identity: StoredIdentityMap) -> None:
    assert await identity.remove_link("crm", "C-1") is None


@pytest.mark.asyncio
async def test_the_database_itself_refuses_a_second_current_link_of_a_record(identity: StoredIdentityMap) -> None:
    customer_id = await identity.first_sight("crm", "C-1")
    row = {"source": "crm", "record_id": "C-1", "customer_id": customer_id, "valid_from": NOW}
    statement = insert(links).values(**row, origin="STEWARD", evidence=[], decided_by="steward:anna")
    with pytest.raises(StoreError):
        await _execute(identity.store, statement)


# Match keys that change


@pytest.mark.asyncio
async def test_new_contact_details_replace_the_keys_of_their_record_alone(identity: StoredIdentityMap) -> None:
    customer_id = await identity.first_sight("crm", "C-1", [JAN, MOBILE])
    await identity.add_link(customer_id, Sighting("billing", "cus_1", (MOBILE,)), STEWARD)
    new = MatchKey(MatchKeyKind.EMAIL, "jan@new.example")
    assert await identity.remember_keys("crm", "C-1", [new])
    assert await identity.by_match_key(*new) == await identity.by_match_key(*MOBILE) == (customer_id,)
    assert await identity.by_match_key(*JAN) == ()


@pytest.mark.asyncio
async def test_keys_of_a_record_that_is_nobodys_are_not_kept(identity: StoredIdentityMap) -> None:
    assert not await identity.remember_keys("crm", "C-1", [JAN])
    assert await _count(identity.store) == (0, 0, 0)


@pytest.mark.asyncio
async def test_after_a_rotation_old_hashes_are_found_until_the_record_is_seen_again(
    identity: StoredIdentityMap, ring: KeyRing
) -> None:
    customer_id = await identity.first_sight("crm", "C-1", [JAN, MOBILE])
    rotated = StoredIdentityMap(identity.store, KeyRing(b"n" * 32, 2, ring.current))
    assert await rotated.by_match_key(*JAN) == (customer_id,)
    assert await rotated.keys_by_version() == {1: 2}
    await rotated.first_sight("crm", "C-1", [JAN])
    assert await rotated.keys_by_version() == {1: 1, 2: 1}
    await rotated.remember_keys("crm", "C-1", [JAN, MOBILE])
    assert await rotated.keys_by_version() == {2: 2}
    finished = StoredIdentityMap(identity.store, KeyRing(b"n" * 32, 2))
    assert await finished.by_match_key(*MOBILE) == (customer_id,)


@pytest.mark.asyncio
async def test_another_key_finds_nobody(identity: StoredIdentityMap) -> None:
    await identity.first_sight("crm", "C-1", [JAN])
    assert await StoredIdentityMap(identity.store, KeyRing(b"x" * 32, 1)).by_match_key(*JAN) == ()


# Trouble


@pytest.mark.asyncio
async def test_a_look_up_in_a_store_without_tables_is_a_store_error(store_url: str, ring: KeyRing) -> None:
    async with open_store(StoreSettings(url=store_url)) as store:
        for table in ("match_keys", "links", "customers"):
            await _execute(store, text(f"DROP TABLE {table}"))
        identity = StoredIdentityMap(store, ring)
        for ask in (identity.links(NOBODY), identity.by_reference("crm", "C-1"), identity.by_match_key(*JAN)):
            with pytest.raises(StoreError):
                await ask
