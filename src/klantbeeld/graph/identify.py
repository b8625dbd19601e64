"""Finding a customer by what somebody says: one, masked candidates, or none.

Whoever is on the phone is told apart by a question: what they answer goes back with the same question, and is compared
with what the CRM holds at this moment. Candidates stay masked until one is left.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any

import strawberry

from klantbeeld.errors import RequestError
from klantbeeld.graph.answers import Answers
from klantbeeld.graph.customer import IDENTITY, Customer
from klantbeeld.graph.roots import Roots
from klantbeeld.sdk.read import Read
from klantbeeld.sdk.roles import CRM
from klantbeeld.sdk.words import ContactKind, MatchKind

# The most candidates that are shown; a question that fits more people identifies nobody.
MOST_CANDIDATES = 5

PARTY = Read(CRM, "party", uses=("full_name", "birth_date"))
ADDRESSES = Read(CRM, "contact_media", uses=("kind", "address"))


@strawberry.input(description="Who somebody says to be.")
class PersonInput:
    """Name, postcode and birth date."""

    family_name: str = strawberry.field(description="Family name; a tussenvoegsel may stand before it.")
    postcode: str = strawberry.field(description="Postcode of the address.")
    birth_date: date = strawberry.field(description="Date of birth.")


@strawberry.input(description="What somebody answered to a question that tells candidates apart.")
class VerificationInput:
    """At least one of them; all that are given have to fit."""

    birth_date: date | None = strawberry.field(default=None, description="Date of birth.")
    postcode: str | None = strawberry.field(default=None, description="Postcode of the address.")


@strawberry.input(description="What somebody says of who they are: exactly one of the first four.")
class IdentifyInput:
    """What to find a customer by."""

    phone: str | None = strawberry.field(default=None, description="Phone number, as it is dialled or shown.")
    email: str | None = strawberry.field(default=None, description="E-mail address.")
    customer_number: str | None = strawberry.field(default=None, description="Any number that the customer knows.")
    person: PersonInput | None = strawberry.field(default=None, description="Name, postcode and birth date together.")
    verification: VerificationInput | None = strawberry.field(
        default=None, description="What was answered to a question, to tell candidates apart."
    )


@strawberry.enum(description="What came of an identification: one customer, several candidates, or none.")
class IdentifyOutcome(StrEnum):
    """What came of it."""

    ONE = "ONE"
    CANDIDATES = "CANDIDATES"
    NONE = "NONE"


@strawberry.type(description="Somebody whom it could be, shown just far enough to ask a question that tells.")
class Candidate:
    """A masked candidate."""

    masked_name: str | None = strawberry.field(description='Name, of each part only the first letter ("S. d. W.").')
    asks: list[str] = strawberry.field(description="Members of `verification` that would tell this one apart.")


@strawberry.type(description="What came of an identification.")
class IdentifyResult:
    """One, candidates, or none."""

    outcome: IdentifyOutcome = strawberry.field(description="One, candidates, or none.")
    customer: Customer | None = strawberry.field(description="The customer, if it is one.", directives=[IDENTITY])
    candidates: list[Candidate] = strawberry.field(description="Those whom it could be, masked; at most five.")


# Where each kind of question stands in the input.
PLACES = {
    MatchKind.PHONE: "by.phone",
    MatchKind.EMAIL: "by.email",
    MatchKind.CUSTOMER_NUMBER: "by.customerNumber",
    MatchKind.NAME_POSTCODE_BIRTH_DATE: "by.person",
}

# How a value that identifies is written, where that is not free.
FORMATS: Mapping[MatchKind, Sequence[str]] = {
    MatchKind.PHONE: ("+31201234567",),
    MatchKind.EMAIL: ("name@example.org",),
    MatchKind.CUSTOMER_NUMBER: (),
    MatchKind.NAME_POSTCODE_BIRTH_DATE: (),
}

NOBODY = IdentifyResult(outcome=IdentifyOutcome.NONE, customer=None, candidates=[])


async def identify(roots: Roots, by: IdentifyInput) -> IdentifyResult:
    """Find who it is.

    Raises RequestError with BAD_USER_INPUT for a question of no or several kinds, and for a value that is none.
    """
    kind, value = _question(by)
    try:
        found = await roots.by_match_key(kind, value)
    except RequestError as error:
        place, allowed = PLACES[kind], FORMATS[kind]
        raise RequestError(str(error), code=error.reason, status=error.status, place=place, allowed=allowed) from error
    if len(found) > MOST_CANDIDATES:
        return NOBODY
    if len(found) > 1 or (found and by.verification):
        parties = await roots.read_of(PARTY, found)
        places = await roots.read_of(ADDRESSES, found) if by.verification and by.verification.postcode else {}
        if by.verification:
            found = [one for one in found if _fits(by.verification, parties[str(one.id)], places.get(str(one.id)))]
        if len(found) > 1:
            shown = [masked(parties[str(one.id)]) for one in found]
            return IdentifyResult(outcome=IdentifyOutcome.CANDIDATES, customer=None, candidates=shown)
    return IdentifyResult(outcome=IdentifyOutcome.ONE, customer=found[0], candidates=[]) if found else NOBODY


def _question(by: IdentifyInput) -> tuple[MatchKind, str]:
    person = by.person and f"{by.person.family_name}|{by.person.postcode}|{by.person.birth_date.isoformat()}"
    given = {
        MatchKind.PHONE: by.phone,
        MatchKind.EMAIL: by.email,
        MatchKind.CUSTOMER_NUMBER: by.customer_number,
        MatchKind.NAME_POSTCODE_BIRTH_DATE: person,
    }
    asked = [(kind, value) for kind, value in given.items() if value]
    if len(asked) != 1:
        allowed = [place.removeprefix("by.") for place in PLACES.values()]
        raise RequestError(
            "none or several of the ways", code="BAD_USER_INPUT", place="by", allowed=allowed, exactly_one=True
        )
    return asked[0]


def _fits(answered: VerificationInput, parties: Answers[Any], places: Answers[Any] | None) -> bool:
    """Say whether everything that was answered is what the CRM holds; raises Unanswered when it cannot be asked."""
    parties.demand_all()
    if answered.birth_date and all(party.birth_date != answered.birth_date for party in parties.records):
        return False
    if answered.postcode and places is not None:
        places.demand_all()
        known = {
            _plain(medium.address.postcode) for medium in places.records if medium.kind is ContactKind.POSTAL_ADDRESS
        }
        return _plain(answered.postcode) in known
    return True


def masked(parties: Answers[Any]) -> Candidate:
    """Show somebody just far enough to ask a question that tells."""
    party = parties.records[0] if parties.records else None
    initials = " ".join(f"{part[0]}." for part in (party.full_name or "").split()) if party else ""
    asks = ["birthDate"] if party and party.birth_date else []
    return Candidate(masked_name=initials or None, asks=[*asks, "postcode"])


def _plain(postcode: str | None) -> str:
    return (postcode or "").replace(" ", "").upper()
