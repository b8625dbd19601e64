"""What is missing from a profile, and what must not be asked."""

from datetime import date
from typing import Any

import pytest
from tests.graph.told import NOW, Told

from klantbeeld.errors import RequestError, Unanswered
from klantbeeld.graph.gaps import ProfileGap, profile_gaps
from klantbeeld.sdk.records import ContactMedium, Party
from klantbeeld.sdk.roles import BILLING, CRM, MARKETING
from klantbeeld.sdk.words import ContactKind, PartyKind
from klantbeeld.settings import EligibilitySettings, Settings
from klantbeeld.sources.questions import SourceState

NEVER = ["nationalNumber", "specialCategories"]


def party(**more: Any) -> Party:
    made: dict[str, Any] = {"record_id": "p1", "kind": PartyKind.PERSON, "birth_date": date(1980, 1, 1)}
    return Party(**(made | more))


def known(*parties: Party, settings: Settings | None = None, language: str = "en") -> Told:
    """Say who somebody is, and nothing else."""
    found = Told(settings=settings or Settings(), language=language)
    found.say(CRM, "party", *parties).say(CRM, "contact_media")
    found.say(BILLING, "billing_accounts")
    return found.say(MARKETING, "consents").say(MARKETING, "preferences")


def gaps(found: Told, view: str = "marketing") -> list[ProfileGap]:
    return profile_gaps(found.answers(None), view)


def fields(found: Told, view: str = "marketing") -> list[str]:
    return [gap.field for gap in gaps(found, view)]


def test_what_is_missing_comes_most_useful_first() -> None:
    found = known(party(given_name="Ada"))
    assert fields(found) == ["email", "marketingConsent", "preferences", "language", *NEVER]
    assert [gap.usefulness for gap in gaps(found)] == [0.25, 0.25, 0.15, 0.1, 0, 0]


def test_what_is_there_is_no_gap() -> None:
    found = known(party(given_name="Ada", language="nl"))
    found.instead("contact_media", records=[ContactMedium(kind=ContactKind.EMAIL, value="ada@example.nl")])
    assert fields(found) == ["marketingConsent", "preferences", *NEVER]


def test_the_view_decides_what_is_needed() -> None:
    assert fields(known(party()), "partner") == ["fullName", "postalAddress", "email", "phone", *NEVER]


@pytest.mark.parametrize("state", [SourceState.TIMEOUT, SourceState.UNAVAILABLE, SourceState.NOT_SUPPORTED])
def test_what_a_silent_source_may_know_is_no_gap(state: SourceState) -> None:
    found = known(party()).instead("contact_media", state=state)
    assert "email" not in fields(found)
    assert "language" in fields(found)


def test_what_the_caller_may_not_read_is_no_gap() -> None:
    assert "marketingConsent" not in fields(known(party()).forget("consents"))


def test_who_is_not_known_to_a_system_lacks_what_it_would_keep() -> None:
    assert "marketingConsent" in fields(known(party()).instead("consents", state=SourceState.NOT_LINKED))


def test_no_gaps_are_told_when_nobody_answers() -> None:
    found = known(party())
    for call in ("party", "contact_media", "billing_accounts", "consents", "preferences"):
        found.instead(call, state=SourceState.TIMEOUT, records=[])
    with pytest.raises(Unanswered) as unanswered:
        gaps(found)
    assert unanswered.value.reason == "TIMEOUT"


def by_field(found: Told, view: str) -> dict[str, ProfileGap]:
    return {gap.field: gap for gap in gaps(found, view)}


def test_a_minor_is_not_asked_for_consent_or_preferences() -> None:
    found = known(party(birth_date=date(NOW.year - 15, 1, 1)))
    asked = by_field(found, "marketing")
    assert {field for field, gap in asked.items() if gap.may_be_asked} == {"email", "language", "givenName"}
    assert asked["marketingConsent"].reason is not None
    assert "minor" in asked["marketingConsent"].reason
    assert fields(found)[:3] == ["email", "language", "givenName"]


def test_the_age_of_a_minor_is_a_setting() -> None:
    settings = Settings(eligibility=EligibilitySettings(adult_age=15))
    found = known(party(birth_date=date(NOW.year - 15, 1, 1)), settings=settings)
    assert by_field(found, "marketing")["marketingConsent"].may_be_asked


def test_of_whom_the_age_is_not_known_the_birth_date_is_asked_first() -> None:
    asked = by_field(known(party(birth_date=None)), "marketing")
    assert asked["birthDate"].may_be_asked
    assert not asked["marketingConsent"].may_be_asked
    assert "date of birth" in str(asked["marketingConsent"].reason)


def test_while_the_crm_is_silent_nothing_is_asked_that_a_minor_must_not_be_asked() -> None:
    found = known(party()).instead("party", state=SourceState.TIMEOUT, records=[])
    assert not by_field(found, "marketing")["marketingConsent"].may_be_asked


def test_nothing_is_asked_of_the_deceased() -> None:
    asked = gaps(known(party(deceased_on=date(2026, 1, 1))))
    assert [gap for gap in asked if gap.may_be_asked] == []
    assert "died" in str(asked[0].reason)


def test_a_company_has_no_age_and_no_national_number() -> None:
    asked = by_field(known(party(kind=PartyKind.ORGANISATION, birth_date=None)), "marketing")
    assert asked["marketingConsent"].may_be_asked
    assert not {"birthDate", *NEVER} & set(asked)


@pytest.mark.parametrize("view", Settings().views)
def test_no_view_may_ask_for_special_categories_or_the_national_number(view: str) -> None:
    last = gaps(known(party()), view)[-2:]
    assert [(gap.field, gap.may_be_asked, gap.usefulness, gap.owner) for gap in last] == [
        (field, False, 0, None) for field in NEVER
    ]


@pytest.mark.parametrize(("language", "words"), [("nl", "een e-mailadres"), ("en", "an e-mail address")])
def test_a_gap_is_told_in_words(language: str, words: str) -> None:
    assert gaps(known(party(), language=language))[0].title == words


def test_a_gap_names_the_role_that_keeps_it() -> None:
    owners = {gap.field: gap.owner for gap in gaps(known(party()))}
    assert owners["email"] == "CRM"
    assert owners["marketingConsent"] == "MARKETING"


def test_an_unknown_view_is_refused() -> None:
    with pytest.raises(RequestError) as refused:
        gaps(known(party()), "no such view")
    assert refused.value.reason == "BAD_USER_INPUT"
