"""The fields of a profile that can be complete, right, up to date, or missing: one table for quality and for gaps."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from functools import partial
from typing import Any

from klantbeeld.errors import RequestError
from klantbeeld.graph.answers import Answers, Moment
from klantbeeld.graph.billing import FINANCIAL
from klantbeeld.graph.complaints import COMPLAINED
from klantbeeld.graph.joined import Ruled
from klantbeeld.graph.marketing import ALLOWED
from klantbeeld.graph.party import PERSONAL
from klantbeeld.graph.products import HELD
from klantbeeld.identity.match_keys import DUTCH_POSTCODE, MatchKey, MatchKeyKind, normalise
from klantbeeld.sdk import records
from klantbeeld.sdk.read import Read
from klantbeeld.sdk.roles import BILLING, COMPLAINTS, CRM, MARKETING, Role
from klantbeeld.sdk.words import Category, ConsentStatus, ContactKind, PartyKind
from klantbeeld.settings import ProfileField
from klantbeeld.sources.questions import DELIVERED, SourceState

PARTY = (
    *("kind", "deceased_on", "full_name", "given_name", "family_name", "birth_date", "gender", "language"),
    *("customer_number", "organisation_name", "kvk_number"),
)
CONTACT = ("kind", "value", "address", "verified_at")

# What a profile is made of; a caller who may not read a part has that part unknown.
PROFILE = (
    Ruled(Read(CRM, "party", uses=PARTY), PERSONAL),
    Ruled(Read(CRM, "contact_media", uses=CONTACT), PERSONAL),
    Ruled(Read(BILLING, "billing_accounts", uses=("email",)), FINANCIAL),
    Ruled(Read(MARKETING, "consents", uses=("purpose", "status", "changed_at")), ALLOWED),
    Ruled(Read(MARKETING, "preferences", uses=("topic", "subscribed", "changed_at")), ALLOWED),
)

# What the other systems hold of the same, to be compared with.
ELSEWHERE = tuple(
    Ruled(Read(role, call, uses=uses, optional=True), replace(rule, category=Category.SOCIAL))
    for role, rule in ((BILLING, HELD), (COMPLAINTS, COMPLAINED), (MARKETING, ALLOWED))
    for call, uses in (("party", PARTY), ("contact_media", CONTACT))
)

OLDEST = 120
LETTERS = re.compile(r"[^\W\d_]{2}")
LANGUAGE = re.compile(r"[a-zA-Z]{2,3}([-_][A-Za-z0-9]{2,8})*", re.ASCII)
KVK = re.compile(r"[0-9]{8}", re.ASCII)
WORDS = re.compile(r"[^\W_]+")


class Knowledge(StrEnum):
    """What is known of a field: it has a value, it has none, or nobody could or may say."""

    PRESENT = "PRESENT"
    MISSING = "MISSING"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Held:
    """A value that a source holds, and when it was given or verified, where the source says so."""

    value: Any
    source: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """How one field of a profile is found and judged.

    `take` gives the value of a record, or None. `is_right` looks at the form alone. `plain` writes a value in the way
    in which two systems are compared; None where only one has it. `of_minors`: it may be asked of a minor.
    """

    role: Role
    call: str
    take: Callable[[Any, Moment], Any]
    is_right: Callable[[Any, Moment], bool]
    at: Callable[[Any], datetime | None] = lambda _: None
    plain: Callable[[Any], str | None] | None = None
    kind: PartyKind | None = None
    of_minors: bool = True

    def suits(self, kind: PartyKind | None) -> bool:
        """Say whether this kind of customer can have it; of whom it is not known what they are, they are a person."""
        return self.kind in {None, kind or PartyKind.PERSON}

    def held(self, answers: Answers[Any], role: Role | None = None) -> list[Held]:
        """Return the values that the owner's sources hold, or those of another role."""
        found = []
        for record in answers.of(self.call).by((role or self.role).name).records:
            value = self.take(record, answers.moment)
            if value not in {None, ""}:
                found.append(Held(value, record.origin.source if record.origin else "", self.at(record)))
        return found

    def knowledge(self, answers: Answers[Any]) -> Knowledge:
        """Say what is known; a source that is silent may have a value."""
        if self.held(answers):
            return Knowledge.PRESENT
        asked = answers.of(self.call).by(self.role.name).every
        silent = [one for one in asked if one.state not in DELIVERED | {SourceState.NOT_LINKED} or not one.complete]
        return Knowledge.UNKNOWN if silent or not asked else Knowledge.MISSING


def fields_of(view: str | None, moment: Moment) -> Mapping[ProfileField, int]:
    """Return the weights of a view's fields, or of all fields alike; raises RequestError with BAD_USER_INPUT."""
    if view is None:
        return dict.fromkeys(FIELDS, 1)
    found = moment.settings.views.get(view)
    if found is None:
        allowed = sorted(moment.settings.views)
        raise RequestError("there is no such view", code="BAD_USER_INPUT", place="view", allowed=allowed)
    return found.fields


def kind_of(answers: Answers[Any]) -> PartyKind | None:
    """Return what the customer is, as far as the CRM says."""
    return next((party.kind for party in answers.of("party").by(CRM.name).records if party.kind), None)


def own_word(name: str) -> str:
    """Return a field's name as GraphQL writes it."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _member(name: str, party: records.Party, _moment: Moment) -> Any:
    return getattr(party, name)


def _full_name(party: records.Party, _moment: Moment) -> Any:
    """Return the name on the envelope; that of a company is the company's, whoever speaks for it."""
    return (party.organisation_name if party.kind is PartyKind.ORGANISATION else None) or party.full_name


def _medium(kind: ContactKind, medium: records.ContactMedium, _moment: Moment) -> Any:
    if medium.kind is not kind:
        return None
    if kind is not ContactKind.POSTAL_ADDRESS:
        return medium.value
    address = medium.address
    return address if address and (address.postcode or address.city) else None


def _consent(consent: records.Consent, moment: Moment) -> Any:
    is_asked = consent.status in {ConsentStatus.GIVEN, ConsentStatus.WITHDRAWN}
    return consent.status if is_asked and consent.purpose == moment.settings.eligibility.purpose else None


def _is_name(name: str, _moment: Moment) -> bool:
    return bool(LETTERS.search(name))


def _is_birth_date(day: date, moment: Moment) -> bool:
    return day <= moment.today and moment.today.year - day.year <= OLDEST


def _matches(pattern: re.Pattern[str], value: str, _moment: Moment) -> bool:
    return bool(pattern.fullmatch(value))


def _is_key(kind: MatchKeyKind, value: str, moment: Moment) -> bool:
    return normalise(MatchKey(kind, value), region=moment.settings.identity.default_region) is not None


def _is_address(address: records.PostalAddress, _moment: Moment) -> bool:
    postcode = _plain_postcode(address)
    if not (postcode and address.street and address.house_number and address.city):
        return False
    return address.country not in {None, "NL"} or bool(DUTCH_POSTCODE.fullmatch(postcode))


def _is_there(_value: Any, _moment: Moment) -> bool:
    return True


def _plain_words(text: str) -> str:
    return " ".join(WORDS.findall(text.casefold()))


def _plain_language(tag: str) -> str:
    return re.split("[-_]", tag)[0].lower()


def _plain_postcode(address: records.PostalAddress) -> str | None:
    return (address.postcode or "").replace(" ", "").upper() or None


def _plain_address(address: records.PostalAddress) -> str | None:
    postcode = _plain_postcode(address)
    return f"{postcode} {address.house_number}".casefold() if postcode and address.house_number else None


def _plain_key(kind: MatchKeyKind, value: str) -> str | None:
    return normalise(MatchKey(kind, value))


def _party(
    name: str,
    is_right: Callable[[Any, Moment], bool] = _is_name,
    *,
    plain: Callable[[Any], str | None] | None = None,
    kind: PartyKind | None = None,
    of_minors: bool = True,
) -> Field:
    return Field(CRM, "party", partial(_member, name), is_right, plain=plain, kind=kind, of_minors=of_minors)


def _contact(kind: ContactKind, is_right: Callable[[Any, Moment], bool], plain: Callable[[Any], str | None]) -> Field:
    return Field(
        CRM, "contact_media", partial(_medium, kind), is_right, at=lambda medium: medium.verified_at, plain=plain
    )


PERSON, COMPANY = PartyKind.PERSON, PartyKind.ORGANISATION

FIELDS: Mapping[ProfileField, Field] = {
    "full_name": Field(CRM, "party", _full_name, _is_name, plain=_plain_words),
    "given_name": _party("given_name", kind=PERSON),
    "family_name": _party("family_name", kind=PERSON),
    "birth_date": _party("birth_date", _is_birth_date, plain=str, kind=PERSON),
    "gender": _party("gender", _is_there, plain=_plain_words, kind=PERSON, of_minors=False),
    "language": _party("language", partial(_matches, LANGUAGE), plain=_plain_language),
    "customer_number": _party("customer_number", partial(_is_key, MatchKeyKind.CUSTOMER_NUMBER), plain=_plain_words),
    "organisation_name": _party("organisation_name", kind=COMPANY),
    "kvk_number": _party("kvk_number", partial(_matches, KVK), kind=COMPANY),
    "email": _contact(ContactKind.EMAIL, partial(_is_key, MatchKeyKind.EMAIL), partial(_plain_key, MatchKeyKind.EMAIL)),
    "phone": _contact(ContactKind.PHONE, partial(_is_key, MatchKeyKind.PHONE), partial(_plain_key, MatchKeyKind.PHONE)),
    "postal_address": _contact(ContactKind.POSTAL_ADDRESS, _is_address, _plain_address),
    "billing_account": Field(BILLING, "billing_accounts", lambda account, _: account.record_id, _is_there),
    "billing_email": Field(
        BILLING, "billing_accounts", lambda account, _: account.email, partial(_is_key, MatchKeyKind.EMAIL)
    ),
    "marketing_consent": Field(
        MARKETING, "consents", _consent, _is_there, at=lambda consent: consent.changed_at, of_minors=False
    ),
    "preferences": Field(
        *(MARKETING, "preferences", lambda preference, _: preference.topic, _is_there),
        at=lambda preference: preference.changed_at,
        of_minors=False,
    ),
}


def suited(answers: Answers[Any], view: str | None) -> Iterator[tuple[ProfileField, Field, int]]:
    """Yield the fields of a view that this kind of customer can have, with their weights."""
    kind = kind_of(answers)
    yield from _suited(fields_of(view, answers.moment).items(), kind)


def _suited(
    weights: Iterable[tuple[ProfileField, int]], kind: PartyKind | None
) -> Iterator[tuple[ProfileField, Field, int]]:
    for name, weight in weights:
        if FIELDS[name].suits(kind):
            yield name, FIELDS[name], weight
