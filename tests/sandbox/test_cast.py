"""Each of the twelve has what its story needs."""

from datetime import date, timedelta

import pytest

from klantbeeld.sandbox.facts import Person, Population, SystemRecord

TODAY = date(2026, 11, 20)


@pytest.fixture
def cast(population: Population) -> dict[str, Person]:
    return {person.key: person for member in population.cast for person in member.persons}


def only(person: Person, system: str) -> SystemRecord:
    (record,) = next(records for name, records in person.records.items() if name == system)
    return record


@pytest.mark.parametrize("story", range(1, 8))
def test_every_story_has_somebody(population: Population, story: int) -> None:
    assert [member.key for member in population.cast if story in member.stories]


def test_sanne_complained_twice_within_90_days_about_what_she_bought(cast: dict[str, Person]) -> None:
    sanne = cast["sanne-de-wit"]
    bought = {line.product for order in sanne.orders for line in order.lines}
    recent = [each for each in sanne.complaints if each.opened_at.date() > TODAY - timedelta(days=90)]
    assert [each.product in bought for each in recent] == [True, True]
    assert len({each.product for each in recent}) == 1
    assert any(each.solved_at is None for each in recent)


def test_sanne_agreed_to_marketing(cast: dict[str, Person]) -> None:
    assert [each.granted for each in cast["sanne-de-wit"].consents if each.channel == "EMAIL"] == [True]


def test_nothing_speaks_against_a_mail_to_daan(cast: dict[str, Person]) -> None:
    daan = cast["daan-van-dijk"]
    assert all(each.granted for each in daan.consents)
    assert all(each.solved_at for each in daan.complaints)
    assert {each.status for each in daan.invoices} == {"paid"}
    assert not only(daan, "dataverse").opt_outs


def test_daan_never_told_partners_anything(cast: dict[str, Person]) -> None:
    assert "partners" not in {each.purpose for each in cast["daan-van-dijk"].consents}


def test_fatimas_phone_is_hers_alone(population: Population, cast: dict[str, Person]) -> None:
    (phone,) = only(cast["fatima-el-amrani"], "dataverse").phones
    owners = {each.key for each in population.people for records in each.records.values() if phone in records[0].phones}
    assert owners == {"fatima-el-amrani"}


def test_lottes_crm_record_holds_no_email_address(cast: dict[str, Person]) -> None:
    lotte = cast["lotte-jansen"]
    assert only(lotte, "dataverse").emails == ()
    assert only(lotte, "stripe").emails == ("lotte.jansen@example.nl",)


def test_the_three_spellings_are_three_customers_and_one_human(population: Population) -> None:
    spellings = population.member("pieter-van-den-heuvel").persons
    assert len({each.key for each in spellings}) == 3
    assert len({each.name.full for each in spellings}) == 3
    assert {each.human for each in spellings} == {"pieter-van-den-heuvel"}


def test_two_spellings_share_email_and_phone_and_the_third_neither(population: Population) -> None:
    first, second, third = (
        next(iter(p.records.values()))[0] for p in population.member("pieter-van-den-heuvel").persons
    )
    assert (first.emails, first.phones, first.address) == (second.emails, second.phones, second.address)
    assert not set(first.emails + first.phones) & set(third.emails + third.phones)
    assert (first.birth_date, first.address) == (third.birth_date, third.address)


def test_the_son_has_the_name_and_the_house_and_is_a_minor(cast: dict[str, Person]) -> None:
    son, father = only(cast["pieter-junior"], "dataverse"), only(cast["pieter-van-den-heuvel-1"], "dataverse")
    assert (son.name, son.address) == (father.name, father.address)
    assert cast["pieter-junior"].human != cast["pieter-van-den-heuvel-1"].human
    assert son.birth_date is not None
    assert TODAY.year - son.birth_date.year < 18


def test_mila_complained_by_chat_about_yesterdays_delivery(cast: dict[str, Person]) -> None:
    (complaint,) = cast["mila-hendriks"].complaints
    delivered = {
        line.product: order.deliveries[0].delivered_at for order in cast["mila-hendriks"].orders for line in order.lines
    }
    assert complaint.channel == "CHAT"
    assert complaint.product is not None
    arrived = delivered[complaint.product]
    assert arrived is not None
    assert arrived.date() == TODAY - timedelta(days=1)


def test_mila_has_an_overdue_invoice(cast: dict[str, Person]) -> None:
    assert [each.due_at.date() < TODAY for each in cast["mila-hendriks"].invoices if each.status == "open"].count(
        True
    ) == 1


def test_mila_and_tom_share_a_phone(cast: dict[str, Person]) -> None:
    mila, tom = only(cast["mila-hendriks"], "dataverse"), only(cast["tom-hendriks"], "dataverse")
    assert set(mila.phones) & set(tom.phones) == set(tom.phones)


def test_bram_is_gone_and_has_invoices(cast: dict[str, Person]) -> None:
    assert cast["bram-ter-horst"].stage == "former"
    assert cast["bram-ter-horst"].invoices


def test_the_company_has_a_kvk_number_and_two_billing_accounts(cast: dict[str, Person]) -> None:
    company = cast["de-ketting"]
    assert company.organisation is not None
    assert len(company.organisation.kvk) == 8
    assert len(company.records["stripe"]) == 2


def test_the_prospect_bought_nothing(cast: dict[str, Person]) -> None:
    assert (cast["emma-visser"].orders, cast["emma-visser"].invoices) == ((), ())


def test_marketing_still_has_the_consent_of_the_dead(cast: dict[str, Person]) -> None:
    assert cast["hendrik-smit"].deceased_on is not None
    assert [each.granted for each in cast["hendrik-smit"].consents] == [True]


def test_addresses_of_the_cast_are_nobodys(population: Population) -> None:
    emails = [e for m in population.cast for p in m.persons for rs in p.records.values() for r in rs for e in r.emails]
    assert {email.rpartition("@")[2] for email in emails} <= {"example.nl", "example.com", "example.org"}
