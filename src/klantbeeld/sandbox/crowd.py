"""The crowd: seeded people with the mess of reality. Nobody in it exists.

The shares below say how much mess there is. Person ``n`` of a crowd is the same whatever the size of the crowd,
because each person has a random generator of its own; only duplicates and households look at the person before.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from klantbeeld.sandbox.chance import Chance
from klantbeeld.sandbox.crowd_life import add_life
from klantbeeld.sandbox.dossier import Dossier, address_of
from klantbeeld.sandbox.dutch import CITIES, FAMILIES, MEN, STREETS, TUSSENVOEGSELS, WOMEN
from klantbeeld.sandbox.facts import (
    SYSTEMS,
    Address,
    Channel,
    Gender,
    Name,
    Organisation,
    Person,
    Stage,
    System,
    SystemRecord,
)

FIRST_NUMBER = 1001

DUPLICATE = 0.04  # of the people are the person before, under a name spelled differently
HOUSEHOLD = 0.08  # live with the person before, on one phone
MISSING = 0.2  # are unknown to one system
MOVED = 0.1  # have moved, and one system has the old address
MORE_EMAILS = 0.25  # have a second e-mail address
TWO_ACCOUNTS = 0.05  # have two billing accounts
CONTRADICTED = 0.1  # have a birth date in marketing that differs from the CRM's
OPTED_OUT = 0.06  # are marked in the CRM as not to be mailed, whatever they consented to
NUMBERLESS = 0.1  # are known in complaints or marketing without a customer number
TUSSENVOEGSEL = 0.4
COMPANY = 0.04
MINOR = 0.03
DECEASED = 0.015
FORMER = 0.07
PROSPECT = 0.07

MAIL_DOMAINS = ("example.nl", "example.com", "example.org")
POSTCODE_LETTERS = "ABCDEGHJKLMNPRTVWXZ"
CAST_NUMBERS = 56
ASCII_LETTERS = str.maketrans("\N{LATIN SMALL LETTER DOTLESS I}öüÖÜ", "iouOU")
ASCII_ONLY = str.maketrans("\N{LATIN SMALL LETTER DOTLESS I}öü", "iou", " '.")


@dataclass(frozen=True, slots=True)
class _Truth:
    """What is so, before any system has got it wrong."""

    name: Name
    gender: Gender
    birth_date: date
    emails: tuple[str, ...]
    phones: tuple[str, ...]
    address: Address


def make_crowd(seed: int, size: int, *, today: date) -> tuple[Person, ...]:
    """Return ``size`` people as they are on ``today``."""
    people: list[Person] = []
    for place in range(size):
        chance = Chance(f"{seed}/{place}")
        dossier = Dossier(FIRST_NUMBER + place, today)
        before = people[-1] if people else None
        if before and not before.organisation and before.human == before.key and chance.happens(DUPLICATE):
            people.append(_duplicate(dossier, before, chance))
        else:
            people.append(_newcomer(dossier, before, chance))
    return tuple(people)


def _newcomer(dossier: Dossier, before: Person | None, chance: Chance) -> Person:
    stages: tuple[Stage, ...] = ("customer", "former", "prospect")
    stage = chance.choices(stages, (1 - FORMER - PROSPECT, FORMER, PROSPECT))[0]
    truth = _truth(dossier, chance)
    household = None
    home = before.record("dataverse") if before else None
    if before and home and home.address and not before.organisation and chance.happens(HOUSEHOLD):
        household = before.household or before.key
        truth = replace(truth, address=home.address, phones=home.phones[:1])
    company = stage == "customer" and not household and chance.happens(COMPANY)
    person = Person(
        key=f"p{dossier.number}",
        human=f"p{dossier.number}",
        name=truth.name,
        organisation=_organisation(dossier, truth, chance) if company else None,
        birth_date=None if company else truth.birth_date,
        gender=truth.gender,
        language=chance.choices(("nl", "en"), (95, 5))[0],
        deceased_on=dossier.today - timedelta(days=chance.randrange(10, 900)) if chance.happens(DECEASED) else None,
        stage=stage,
        household=household,
        records=_records(dossier, truth, chance, systems=_systems(stage, chance), company=company),
    )
    return add_life(person, dossier, chance)


def _duplicate(dossier: Dossier, before: Person, chance: Chance) -> Person:
    """Return the person before once more, as somebody who typed the name otherwise would have entered it."""
    name = _misspelled(before.name, chance)
    known = next(iter(before.records.values()))[0]
    systems = chance.sample(SYSTEMS, chance.randint(1, 3))
    emails = known.emails if chance.happens(0.5) else (_email(name, dossier.number, chance),)
    records = dossier.records(
        name,
        systems=systems,
        customer_number=None,
        birth_date=known.birth_date if chance.happens(0.7) else None,
        emails=emails,
        phones=known.phones if chance.happens(0.6) else (_mobile(dossier.number),),
        address=known.address,
    )
    person = replace(
        before,
        key=f"p{dossier.number}",
        human=before.human,
        name=name,
        records=records,
        deceased_on=None,
    )
    return add_life(person, dossier, chance)


def _truth(dossier: Dossier, chance: Chance) -> _Truth:
    gender: Gender = chance.choice(("f", "m"))
    given = chance.choice(WOMEN if gender == "f" else MEN)
    name = Name(
        given=given,
        initials=f"{given[0]}.{chance.choice('ABCEJMW')}." if chance.happens(0.4) else f"{given[0]}.",
        tussenvoegsel=chance.choice(TUSSENVOEGSELS) if chance.happens(TUSSENVOEGSEL) else None,
        family=chance.choice(FAMILIES),
    )
    age = chance.randint(12, 17) if chance.happens(MINOR) else chance.randint(18, 92)
    emails = [_email(name, dossier.number, chance)]
    if chance.happens(MORE_EMAILS):
        emails.append(f"{given.lower()}{dossier.number}@{chance.choice(MAIL_DOMAINS)}")
    phones = [_mobile(dossier.number)]
    if chance.happens(0.2):
        phones.append(f"+3120555{2000 + dossier.number % 8000:04d}")
    return _Truth(
        name=name,
        gender=gender,
        birth_date=dossier.today - timedelta(days=365 * age + chance.randrange(364) + age // 4 + 1),
        emails=tuple(emails),
        phones=tuple(phones),
        address=_address(chance),
    )


def _records(
    dossier: Dossier, truth: _Truth, chance: Chance, *, systems: tuple[System, ...], company: bool
) -> dict[System, tuple[SystemRecord, ...]]:
    """Return what each of ``systems`` holds, right or wrong."""
    differs: dict[System, dict[str, Any]] = {system: {} for system in SYSTEMS}
    if chance.happens(MOVED):
        differs[chance.choice(("stripe", "sap_customer_data_cloud"))]["address"] = _address(chance)
    if chance.happens(CONTRADICTED) and not company:
        differs["sap_customer_data_cloud"]["birth_date"] = truth.birth_date + timedelta(
            days=chance.choice((-10, -1, 1, 9))
        )
    if chance.happens(OPTED_OUT):
        out: frozenset[Channel] = frozenset(chance.choice((("EMAIL",), ("PHONE",), ("EMAIL", "POST"))))
        differs["dataverse"]["opt_outs"] = out
    if chance.happens(NUMBERLESS):
        differs[chance.choice(("zendesk", "sap_customer_data_cloud"))]["customer_number"] = None
    if len(truth.emails) > 1:
        differs["sap_customer_data_cloud"]["emails"] = truth.emails[::-1]
    held: dict[str, Any] = {
        "birth_date": None if company else truth.birth_date,
        "emails": truth.emails,
        "phones": truth.phones,
        "address": truth.address,
        "since": chance.randint(30, 2500),
        "changed": chance.randint(1, 30),
    }
    records = dossier.records(truth.name, systems=systems, differs=differs, **held)
    if "stripe" in records and chance.happens(TWO_ACCOUNTS):
        second = dossier.record("stripe", truth.name, nth=1, **held)
        records["stripe"] = (*records["stripe"], second)
    return records


def _systems(stage: Stage, chance: Chance) -> tuple[System, ...]:
    if stage == "prospect":
        return ("dataverse", "sap_customer_data_cloud")
    missing = chance.choice(SYSTEMS[1:]) if chance.happens(MISSING) else None
    return tuple(system for system in SYSTEMS if system != missing)


def _organisation(dossier: Dossier, truth: _Truth, chance: Chance) -> Organisation:
    trade = chance.choice(("Bakkerij", "Installatiebedrijf", "Boekhandel", "Schildersbedrijf", "Kwekerij"))
    return Organisation(name=f"{trade} {truth.name.surname} B.V.", kvk=f"9{dossier.number:07d}")


def _misspelled(name: Name, chance: Chance) -> Name:
    short = {"van der": "v.d.", "van den": "v.d.", "van de": "v.d.", "van": "v."}
    spelled = [
        replace(name, given=name.initials[:2]),
        replace(name, family=_simplified(name.family)),
        replace(name, given=name.given.upper(), family=name.family.upper()),
    ]
    if name.tussenvoegsel:
        spelled.append(replace(name, tussenvoegsel=short.get(name.tussenvoegsel, name.tussenvoegsel.title())))
        glued = (name.tussenvoegsel + name.family).replace(" ", "").capitalize()
        spelled.append(replace(name, tussenvoegsel=None, family=glued))
    return chance.choice([each for each in spelled if each != name])


def _simplified(family: str) -> str:
    plain = family.translate(ASCII_LETTERS)
    swapped = {"Meijer": "Meyer", "Smit": "Smid", "Dijk": "Dyk", "Visser": "Fisser", "Schouten": "Schoute"}
    return swapped.get(plain, plain if plain != family else plain + "s")


def _email(name: Name, number: int, chance: Chance) -> str:
    given, surname = (part.lower().translate(ASCII_ONLY) for part in (name.given, name.surname))
    return f"{given}.{surname}{number}@{chance.choice(MAIL_DOMAINS)}"


def _mobile(number: int) -> str:
    """Return +31 6 1234 …, but for the hundred numbers that belong to the cast."""
    last = number % 10_000
    return f"+316{1235 if last // 100 == CAST_NUMBERS else 1234}{last:04d}"


def _address(chance: Chance) -> Address:
    city, first = chance.choice(CITIES)
    letters = "".join(chance.choices(POSTCODE_LETTERS, k=2))
    addition = chance.choice(("A", "B", "bis", "2")) if chance.happens(0.15) else None
    return address_of(
        chance.choice(STREETS), chance.randint(1, 240), f"{first + chance.randrange(60)} {letters}", city, addition
    )
