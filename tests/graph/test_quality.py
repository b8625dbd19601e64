"""The measures of data quality, their formulas and what they leave uncounted."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from tests.graph.told import NOW, Told

from klantbeeld.errors import RequestError
from klantbeeld.graph.profile_fields import FIELDS
from klantbeeld.graph.quality import DataQuality, Measure, measure_of, quality_of
from klantbeeld.sdk.records import BillingAccount, Consent, ContactMedium, Party, PostalAddress, Preference
from klantbeeld.sdk.roles import BILLING, COMPLAINTS, CRM, MARKETING
from klantbeeld.sdk.words import ConsentStatus, ContactKind, PartyKind
from klantbeeld.settings import ProfileField, QualitySettings, Settings, ViewSettings
from klantbeeld.sources.questions import SourceState
from klantbeeld.texts import codes

ADDRESS = PostalAddress(street="Kade", house_number="1", postcode="2611 AA", city="Delft", country="NL")
LONG_AGO = NOW - timedelta(days=731)


def party(**more: Any) -> Party:
    made: dict[str, Any] = {
        "record_id": "p1",
        "kind": PartyKind.PERSON,
        "full_name": "Ada van der Berg",
        "given_name": "Ada",
        "family_name": "Berg",
        "birth_date": date(1980, 1, 1),
        "gender": "female",
        "language": "nl",
        "customer_number": "K-1001",
    }
    return Party(**(made | more))


def medium(kind: ContactKind, value: str | None = None, **more: Any) -> ContactMedium:
    return ContactMedium(record_id=f"p1/{kind}", kind=kind, value=value, **more)


MEDIA = (
    medium(ContactKind.EMAIL, "ada@example.nl"),
    medium(ContactKind.PHONE, "+31612345678"),
    medium(ContactKind.POSTAL_ADDRESS, address=ADDRESS),
)


def whole_profile(found: Told | None = None) -> Told:
    """Say all that there is to know of somebody."""
    profile = found or Told()
    profile.say(CRM, "party", party()).say(CRM, "contact_media", *MEDIA)
    profile.say(BILLING, "billing_accounts", BillingAccount(record_id="a1", email="ada@example.nl"))
    given = Consent(record_id="k1", purpose="marketing", status=ConsentStatus.GIVEN, changed_at=NOW)
    profile.say(MARKETING, "consents", given)
    return profile.say(MARKETING, "preferences", Preference(record_id="v1", topic="newsletter", changed_at=LONG_AGO))


def measured(name: str, found: Told, view: str | None = None) -> Measure:
    return measure_of(name, found.answers(DataQuality(view=view)))


def bad(measure: Measure) -> list[str]:
    return [field.field for field in measure.fields if not field.counts]


def test_a_whole_profile_is_complete_and_right() -> None:
    assert measured("completeness", whole_profile()).value == 1
    assert measured("accuracy", whole_profile()).value == 1
    assert measured("completeness", whole_profile()).unknown == []


def test_what_only_companies_have_is_not_missed_of_a_person() -> None:
    counted = {field.field for field in measured("completeness", whole_profile()).fields}
    assert counted == {"fullName", "givenName", "familyName", "birthDate", "gender", "language", "customerNumber"} | {
        *("email", "phone", "postalAddress", "billingAccount", "billingEmail", "marketingConsent", "preferences"),
    }


def test_what_only_people_have_is_not_missed_of_a_company() -> None:
    company = party(kind=PartyKind.ORGANISATION, organisation_name="Kade B.V.", birth_date=None, gender=None)
    measure = measured("completeness", whole_profile().instead("party", records=[company]))
    assert bad(measure) == ["kvkNumber"]


def test_completeness_is_the_weight_of_what_is_there_over_the_weight_of_what_is_needed() -> None:
    settings = Settings(
        views={
            "call": ViewSettings.model_validate(
                {"title": {"nl": "Bellen", "en": "Calling"}, "fields": {"phone": 3, "email": 1, "language": 1}}
            )
        }
    )
    found = whole_profile(Told(settings=settings)).instead("contact_media", records=[MEDIA[0]])
    measure = measured("completeness", found, "call")
    assert measure.value == 0.4
    assert bad(measure) == ["phone"]
    assert [field.weight for field in measure.fields] == [3, 1, 1]


@pytest.mark.parametrize("name", ["completeness", "accuracy", "currency"])
@pytest.mark.parametrize(
    "state",
    [*(SourceState.TIMEOUT, SourceState.UNAVAILABLE, SourceState.NOT_SUPPORTED), SourceState.NOT_CONFIGURED],
)
def test_what_a_silent_source_may_know_is_unknown_and_not_bad(name: str, state: SourceState) -> None:
    measure = measured(name, whole_profile().instead("billing_accounts", state=state, records=[]))
    assert {"billingAccount", "billingEmail"} <= set(measure.unknown)
    assert not {"billingAccount", "billingEmail"} & {field.field for field in measure.fields}


def test_what_the_caller_may_not_read_is_unknown() -> None:
    measure = measured("completeness", whole_profile().forget("billing_accounts"))
    assert measure.unknown == ["billingAccount", "billingEmail"]


def test_who_is_not_known_to_a_system_has_nothing_there() -> None:
    found = whole_profile().instead("consents", state=SourceState.NOT_LINKED, records=[])
    assert bad(measured("completeness", found)) == ["marketingConsent"]


def test_a_value_of_one_source_is_enough_while_another_is_silent() -> None:
    found = whole_profile().say(CRM, "party", source="old", state=SourceState.TIMEOUT)
    assert measured("completeness", found).value == 1


def test_nothing_known_has_no_value() -> None:
    measure = measured("completeness", Told())
    assert measure.value is None
    assert len(measure.unknown) > 5


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("fullName", party(full_name="?")),
        ("birthDate", party(birth_date=NOW.date() + timedelta(days=1))),
        ("birthDate", party(birth_date=date(1800, 1, 1))),
        ("language", party(language="Nederlands")),
        ("customerNumber", party(customer_number="#")),
    ],
)
def test_a_value_of_the_wrong_form_is_not_right(field: str, wrong: Party) -> None:
    assert bad(measured("accuracy", whole_profile().instead("party", records=[wrong]))) == [field]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("email", medium(ContactKind.EMAIL, "ada at example")),
        ("phone", medium(ContactKind.PHONE, "12")),
        ("postalAddress", medium(ContactKind.POSTAL_ADDRESS, address=PostalAddress(postcode="2611 AA"))),
        (
            "postalAddress",
            medium(
                ContactKind.POSTAL_ADDRESS,
                address=PostalAddress(street="Kade", house_number="1", postcode="26 A", city="Delft", country="NL"),
            ),
        ),
    ],
)
def test_a_way_to_reach_somebody_that_cannot_work_is_not_right(field: str, wrong: ContactMedium) -> None:
    found = whole_profile().instead("contact_media", records=[*MEDIA, wrong])
    assert bad(measured("accuracy", found)) == [field]


def test_a_foreign_postcode_is_right() -> None:
    abroad = PostalAddress(street="Rue", house_number="1", postcode="1000", city="Brussel", country="BE")
    found = whole_profile().instead("contact_media", records=[medium(ContactKind.POSTAL_ADDRESS, address=abroad)])
    assert "postalAddress" not in bad(measured("accuracy", found))


def test_what_is_missing_is_neither_right_nor_wrong() -> None:
    counted = {
        field.field for field in measured("accuracy", whole_profile().instead("contact_media", records=[])).fields
    }
    assert not {"email", "phone", "postalAddress"} & counted


def test_what_was_given_long_ago_is_not_current() -> None:
    measure = measured("currency", whole_profile())
    assert bad(measure) == ["preferences"]
    assert measure.value == 0.5


def test_what_was_verified_lately_is_current() -> None:
    verified = medium(ContactKind.EMAIL, "ada@example.nl", verified_at=NOW)
    measure = measured("currency", whole_profile().instead("contact_media", records=[verified]))
    assert "email" in {field.field for field in measure.fields if field.counts}


def test_what_nobody_says_the_date_of_is_of_unknown_age() -> None:
    assert {"fullName", "email", "billingAccount"} <= set(measured("currency", whole_profile()).unknown)


def test_how_long_a_value_is_current_is_a_setting() -> None:
    found = whole_profile(Told(settings=Settings(quality=QualitySettings(current_days=731))))
    assert bad(measured("currency", found)) == []


def elsewhere(found: Told, **more: Any) -> Told:
    """Say that billing knows the same person, and nobody else does."""
    found.say(BILLING, "party", Party(record_id="cus_1", **more))
    found.say(BILLING, "contact_media", medium(ContactKind.EMAIL, "Ada@example.nl"))
    for role in (COMPLAINTS, MARKETING):
        found.say(role, "party", state=SourceState.NOT_LINKED)
        found.say(role, "contact_media", state=SourceState.NOT_LINKED)
    return found


def contradicted(measure: Measure) -> list[str]:
    return [field.field for field in measure.fields if field.counts]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"full_name": "ada  Van der Berg"}, []),
        ({"full_name": "Ada Bergen"}, ["fullName"]),
        ({"language": "nl-NL"}, []),
        ({"language": "en"}, ["language"]),
        ({"birth_date": date(1980, 1, 1)}, []),
        ({"birth_date": date(1980, 2, 1)}, ["birthDate"]),
        ({}, []),
    ],
)
def test_systems_conflict_that_say_different_things(said: dict[str, Any], expected: list[str]) -> None:
    measure = measured("conflicts", elsewhere(whole_profile(), **said))
    assert contradicted(measure) == expected
    counted = {field.field: field.sources for field in measure.fields}
    assert counted["email"] == ["billing", "crm"]


def test_systems_that_share_one_of_several_addresses_do_not_conflict() -> None:
    found = elsewhere(whole_profile())
    found.say(BILLING, "contact_media", medium(ContactKind.EMAIL, "werk@example.nl"))
    assert contradicted(measured("conflicts", found)) == []


def test_what_one_system_alone_has_is_not_compared() -> None:
    measure = measured("conflicts", elsewhere(whole_profile()))
    assert [field.field for field in measure.fields] == ["email"]
    assert measure.unknown == []


def test_a_silent_system_leaves_open_whether_there_is_a_conflict() -> None:
    found = elsewhere(whole_profile(), birth_date=date(1980, 2, 1))
    found.say(MARKETING, "party", source="mailer", state=SourceState.TIMEOUT)
    measure = measured("conflicts", found)
    assert contradicted(measure) == ["birthDate"]
    assert "fullName" in measure.unknown
    assert "email" not in measure.unknown


def test_a_company_is_compared_by_the_companys_name() -> None:
    company = party(kind=PartyKind.ORGANISATION, organisation_name="Kade B.V.")
    found = elsewhere(whole_profile().instead("party", records=[company]), full_name="Kade B.V.")
    assert contradicted(measured("conflicts", found)) == []


@pytest.mark.parametrize("name", ["completeness", "accuracy", "currency", "conflicts"])
def test_each_measure_says_its_formula_in_both_languages(name: str) -> None:
    said = {measured(name, whole_profile(Told(language=language))).formula for language in ("nl", "en")}
    assert len(said) == 2


def test_an_unknown_view_is_refused() -> None:
    with pytest.raises(RequestError) as refused:
        quality_of("no such view", whole_profile().answers(None))
    assert refused.value.reason == "BAD_USER_INPUT"


def test_every_field_of_the_settings_can_be_measured_and_named() -> None:
    names = set(ProfileField.__args__)  # type: ignore[attr-defined]
    assert set(FIELDS) == names
    assert {f"FIELD_{name.upper()}" for name in names} <= codes()


def test_every_default_view_can_be_measured() -> None:
    measures: list[Callable[[], Measure]] = [
        lambda view=view: measured("completeness", whole_profile(), view)  # type: ignore[misc]
        for view in Settings().views
    ]
    assert {measure().value for measure in measures} == {1.0}
