"""Profile gaps: what is still missing for a kind of work, most useful first, and what must not be asked.

Only what is known to be missing is a gap: where a source is silent, or the caller may not read, nobody knows.
"""

from typing import Any

import strawberry

from klantbeeld.graph.answers import Answers
from klantbeeld.graph.eligibility import age_on
from klantbeeld.graph.profile_fields import Field, Knowledge, kind_of, own_word, suited
from klantbeeld.sdk.roles import CRM
from klantbeeld.sdk.words import PartyKind
from klantbeeld.texts import say

# What no view may ask of a person, and why.
NEVER = (("national_number", "NOT_THE_NATIONAL_NUMBER"), ("special_categories", "NOT_THE_SPECIAL"))


@strawberry.type(description="Something that is missing from the profile, or that must not be asked.")
class ProfileGap:
    """One gap."""

    field: str = strawberry.field(description="Name of the field.")
    title: str = strawberry.field(description="What it is, in words.")
    usefulness: float = strawberry.field(
        description="Its share of the weight of all that the view needs, 0 to 1; 0 for what no view may have."
    )
    may_be_asked: bool = strawberry.field(description="Whether the customer may be asked for it.")
    reason: str | None = strawberry.field(description="Why it must not be asked, in words.")
    owner: str | None = strawberry.field(description="Role whose system keeps it; null for what nobody may keep.")


def profile_gaps(answers: Answers[Any], view: str) -> list[ProfileGap]:
    """Return what is missing for a view; raises RequestError for an unknown one, Unanswered when no source answered."""
    fields = list(suited(answers, view))
    answers.some()
    total = sum(weight for *_, weight in fields)
    gaps = [
        _gap(answers, name, field, weight / total)
        for name, field, weight in fields
        if field.knowledge(answers) is Knowledge.MISSING
    ]
    gaps.sort(key=lambda gap: (not gap.may_be_asked, -gap.usefulness, gap.field))
    return gaps if kind_of(answers) is PartyKind.ORGANISATION else [*gaps, *_never(answers)]


def _gap(answers: Answers[Any], name: str, field: Field, usefulness: float) -> ProfileGap:
    language = answers.moment.language
    reason = _reason(answers, field)
    return ProfileGap(
        field=own_word(name),
        title=say(f"FIELD_{name.upper()}", language),
        usefulness=round(usefulness, 4),
        may_be_asked=reason is None,
        reason=say(reason, language) if reason else None,
        owner=field.role.name,
    )


def _reason(answers: Answers[Any], field: Field) -> str | None:
    """Return why a field must not be asked of this customer; an age that is not known speaks against asking."""
    parties = answers.of("party").by(CRM.name).records
    if any(party.deceased_on for party in parties):
        return "NOT_OF_THE_DECEASED"
    if field.of_minors or kind_of(answers) is PartyKind.ORGANISATION:
        return None
    ages = [age_on(answers.moment.today, party.birth_date) for party in parties if party.birth_date]
    if not ages:
        return "NOT_WITHOUT_AGE"
    return "NOT_OF_MINORS" if min(ages) < answers.moment.settings.eligibility.adult_age else None


def _never(answers: Answers[Any]) -> list[ProfileGap]:
    language = answers.moment.language
    return [
        ProfileGap(
            field=own_word(name),
            title=say(f"FIELD_{name.upper()}", language),
            usefulness=0.0,
            may_be_asked=False,
            reason=say(reason, language),
            owner=None,
        )
        for name, reason in NEVER
    ]
