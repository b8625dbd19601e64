"""The crowd is the same in every process, lies relative to the day, and is as untidy as it promises."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from klantbeeld.sandbox.facts import SYSTEMS, Person, Population
from klantbeeld.sandbox.population import make_population

TODAY = date(2026, 11, 20)


@pytest.fixture(scope="module")
def whole() -> Population:
    return make_population(today=TODAY)


def test_same_arguments_give_the_same_people(whole: Population) -> None:
    assert make_population(today=TODAY) == whole


def test_another_seed_gives_other_people(whole: Population) -> None:
    others = make_population(seed=8, size=50, today=TODAY).crowd
    assert [each.name for each in others] != [each.name for each in whole.crowd[:50]]


def test_a_smaller_crowd_is_the_beginning_of_a_larger_one(whole: Population) -> None:
    assert make_population(size=40, today=TODAY).crowd == whole.crowd[:40]


def test_a_thousand_people_stand_beside_a_cast_of_twelve(whole: Population) -> None:
    assert (len(whole.crowd), len(whole.cast)) == (1000, 12)


def test_facts_move_with_the_day() -> None:
    later = make_population(size=30, today=TODAY + timedelta(days=100)).crowd
    earlier = make_population(size=30, today=TODAY).crowd
    moved = [
        (new.placed_at - old.placed_at).days
        for one, other in zip(later, earlier, strict=True)
        for new, old in zip(one.orders, other.orders, strict=True)
    ]
    assert moved
    assert set(moved) == {100}


def test_every_record_has_an_id_of_its_own(whole: Population) -> None:
    ids = [
        (system, record.record_id)
        for person in whole.people
        for system, records in person.records.items()
        for record in records
    ]
    assert len(set(ids)) == len(ids)


def test_every_fact_has_an_id_of_its_own(whole: Population) -> None:
    facts = [
        record_id
        for person in whole.people
        for record_id in (
            *(each.record_id for each in person.orders),
            *(each.record_id for each in person.interactions),
            *(each.record_id for each in person.invoices),
            *(each.record_id for each in person.complaints),
        )
    ]
    assert len(set(facts)) == len(facts)


MESS: dict[str, Callable[[Person], bool]] = {
    "is somebody entered twice": lambda each: each.human != each.key,
    "shares a phone with a household": lambda each: each.household is not None,
    "is missing in one system": lambda each: len(each.records) == len(SYSTEMS) - 1,
    "has two billing accounts": lambda each: len(each.records.get("stripe", ())) == 2,
    "has several e-mail addresses": lambda each: any(len(rs[0].emails) > 1 for rs in each.records.values()),
    "has a tussenvoegsel": lambda each: each.name.tussenvoegsel is not None,
    "has two addresses": lambda each: len({rs[0].address for rs in each.records.values()}) > 1,
    "has two birth dates": lambda each: len({rs[0].birth_date for rs in each.records.values()}) > 1,
    "has an open complaint": lambda each: any(ticket.solved_at is None for ticket in each.complaints),
    "has a solved complaint": lambda each: any(ticket.solved_at is not None for ticket in each.complaints),
    "gave a consent": lambda each: any(consent.granted for consent in each.consents),
    "withdrew a consent": lambda each: any(not consent.granted for consent in each.consents),
    "has an open invoice": lambda each: any(invoice.status == "open" for invoice in each.invoices),
    "is a company": lambda each: each.organisation is not None,
    "is deceased": lambda each: each.deceased_on is not None,
    "opted out in the CRM against a consent": lambda each: any(
        record.opt_outs and any(consent.granted for consent in each.consents)
        for record in each.records.get("dataverse", ())
    ),
}


@pytest.mark.parametrize("mess", MESS)
def test_the_crowd_has_somebody_who(whole: Population, mess: str) -> None:
    assert len([each for each in whole.crowd if MESS[mess](each)]) >= 5


def test_somebody_entered_twice_has_another_name_and_other_records(whole: Population) -> None:
    by_key = {each.key: each for each in whole.crowd}
    for twin in (each for each in whole.crowd if each.human != each.key):
        first = by_key[twin.human]
        assert twin.name != first.name
        assert {r.record_id for rs in twin.records.values() for r in rs}.isdisjoint(
            r.record_id for rs in first.records.values() for r in rs
        )


def test_nothing_of_a_system_is_known_of_who_is_missing_in_it(whole: Population) -> None:
    for person in whole.crowd:
        known = {
            "dataverse": person.orders or person.interactions,
            "stripe": person.invoices or person.products,
            "zendesk": person.complaints,
            "sap_customer_data_cloud": person.consents or person.behaviour.campaigns,
        }
        assert not [system for system in SYSTEMS if system not in person.records and known[system]]


def test_everything_happened_before_today(whole: Population) -> None:
    happened = [
        moment
        for person in whole.people
        for moment in (
            *(record.modified_at for records in person.records.values() for record in records),
            *(order.placed_at for order in person.orders),
            *(parcel.delivered_at for order in person.orders for parcel in order.deliveries),
            *(moment for invoice in person.invoices for moment in (invoice.issued_at, invoice.paid_at)),
            *(note.created_at for invoice in person.invoices for note in invoice.credit_notes),
            *(remark.at for complaint in person.complaints for remark in complaint.comments),
            *(complaint.solved_at for complaint in person.complaints),
            *(contact.at for contact in person.interactions),
            *(consent.changed_at for consent in person.consents),
            *(campaign.sent_at for campaign in person.behaviour.campaigns),
            *(video.at for video in person.behaviour.videos),
            *(post.at for post in person.behaviour.posts),
            *(product.at for product in person.behaviour.registrations),
            person.behaviour.last_login,
        )
        if moment is not None
    ]
    assert max(happened).date() == TODAY - timedelta(days=1)
