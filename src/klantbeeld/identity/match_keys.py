"""Match keys: what a customer can be found by, each written in one way before it is hashed.

The rules are conservative: two values become one only where they mean the same to everybody. What cannot be a key (a
phone number of three digits, "unknown") gives None: it is left out, never guessed at.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from typing import NamedTuple

import idna

NO_BIRTH_DATE = frozenset({date(1900, 1, 1), date(1800, 1, 1)})  # what systems write when they do not know
SEPARATOR = "|"

DUTCH_POSTCODE = re.compile(r"[1-9][0-9]{3}[A-Z]{2}", re.ASCII)
FOREIGN_POSTCODE = re.compile(r"[0-9A-Z]{3,10}", re.ASCII)
HOUSE_NUMBER = re.compile(r"\s*0*([1-9][0-9]{0,4})(?![0-9])", re.ASCII)
ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)
DUTCH_DATE = re.compile(r"(?P<day>[0-9]{1,2})[-/.](?P<month>[0-9]{1,2})[-/.](?P<year>[0-9]{4})", re.ASCII)
NUMBER_FILLING = re.compile(r"[\s.\-/]+")
NUMBER = re.compile(r"[0-9A-Z]{2,64}", re.ASCII)
LOCAL_PART = re.compile(r"[^\s@\x00-\x1f\x7f]{1,64}")
WORD = re.compile(r"[^\W\d_]+")
TUSSENVOEGSELS = frozenset(
    {
        "aan",
        "af",
        "bij",
        "d",
        "de",
        "del",
        "den",
        "der",
        "des",
        "di",
        "do",
        "du",
        "el",
        "het",
        "in",
        "la",
        "las",
        "le",
        "les",
        "lo",
        "los",
        "of",
        "onder",
        "op",
        "over",
        "s",
        "t",
        "te",
        "ten",
        "ter",
        "tot",
        "uijt",
        "uit",
        "v",
        "van",
        "vande",
        "vanden",
        "vander",
        "vd",
        "vdn",
        "von",
        "voor",
        "zu",
        "zum",
        "zur",
    }
)


class MatchKeyKind(StrEnum):
    """Kinds of match keys; the value of a compound one has its parts in this order, with `|` between them."""

    EMAIL = "EMAIL"
    PHONE = "PHONE"
    CUSTOMER_NUMBER = "CUSTOMER_NUMBER"
    NAME_POSTCODE_BIRTH_DATE = "NAME_POSTCODE_BIRTH_DATE"
    ADDRESS_BIRTH_DATE = "ADDRESS_BIRTH_DATE"


EVERY_KIND = frozenset(MatchKeyKind)


class MatchKey(NamedTuple):
    """One value that a record has, as its source writes it."""

    kind: MatchKeyKind
    value: str


def name_postcode_birth_date(family_name: str, postcode: str, birth_date: date | str) -> MatchKey:
    """Make the key of a name at a postcode; the family name may have its tussenvoegsel, or not."""
    return _compound(MatchKeyKind.NAME_POSTCODE_BIRTH_DATE, family_name, postcode, birth_date)


def address_birth_date(postcode: str, house_number: str | int, birth_date: date | str) -> MatchKey:
    """Make the key of an address; of the house number only the number counts, because additions are written freely."""
    return _compound(MatchKeyKind.ADDRESS_BIRTH_DATE, postcode, house_number, birth_date)


def normalise(key: MatchKey, *, region: str = "NL") -> str | None:
    """Write a key's value in the one way that is hashed; None if it cannot be a key.

    `region` (ISO 3166-1 alpha-2) is where a phone number without a country is dialled.
    """
    if not is_text(key.value):
        return None
    if key.kind is MatchKeyKind.PHONE:
        return _phone(key.value, region)
    return NORMALISERS[key.kind](key.value)


def is_text(value: str) -> bool:
    """Tell whether both databases can hold it: no NUL, and no half of a surrogate pair, which JSON lets through."""
    if "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _compound(kind: MatchKeyKind, *parts: object) -> MatchKey:
    return MatchKey(kind, SEPARATOR.join(str(part).replace(SEPARATOR, " ") for part in parts))


def _email(value: str) -> str | None:
    """Lower the case; keep plus tags and dots, which mean another mailbox at some providers.

    The domain is written in ASCII (IDNA 2008 with UTS 46). RFC 5321 leaves the case of the local part to the
    receiver, but no receiver of note has two mailboxes that differ in it.
    """
    text = unicodedata.normalize("NFC", value.strip()).removeprefix("mailto:")
    local, at, domain = text.rpartition("@")
    if not at or LOCAL_PART.fullmatch(local) is None:
        return None
    ascii_domain = _domain(domain)
    return None if ascii_domain is None else f"{local.lower()}@{ascii_domain}"


def _domain(domain: str) -> str | None:
    plain = domain.lower().removesuffix(".")
    if not plain.isascii():
        try:
            plain = idna.encode(plain, uts46=True).decode()
        except idna.IDNAError:
            return None
    labels = plain.split(".")
    whole = len(labels) > 1 and all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label) for label in labels)
    return plain if whole else None


def _phone(value: str, region: str) -> str | None:
    """Write a number in E.164, without an extension: who is called back has none."""
    import phonenumbers  # noqa: PLC0415  # ten megabytes, and not every process sees a phone number

    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _customer_number(value: str) -> str | None:
    """Leave out what people put between digits; leading zeros count."""
    number = NUMBER_FILLING.sub("", value).upper()
    return number if NUMBER.fullmatch(number) else None


def _name_postcode_birth_date(value: str) -> str | None:
    return _normalise_parts(value, (_family_name, _postcode, _birth_date))


def _address_birth_date(value: str) -> str | None:
    return _normalise_parts(value, (_postcode, _house_number, _birth_date))


def _normalise_parts(value: str, normalisers: tuple[Callable[[str], str | None], ...]) -> str | None:
    parts = value.split(SEPARATOR)
    if len(parts) != len(normalisers):
        return None
    written = [normaliser(part) for normaliser, part in zip(normalisers, parts, strict=True)]
    return None if None in written else SEPARATOR.join(map(str, written))


def _family_name(value: str) -> str | None:
    """Leave out accents, case, tussenvoegsels and all between the words; "ij" and "y" are one.

    "Van den Heuvel", "Heuvel, v.d." and "v/d Heuvel" are one; so is a name that is nothing but such words, as it is.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", value) if not unicodedata.combining(c)).casefold()
    words = WORD.findall(plain)
    names = [word for word in words if word not in TUSSENVOEGSELS] or words
    return "".join(names).replace("ij", "y") or None


def _postcode(value: str) -> str | None:
    code = re.sub(r"[\s-]+", "", value).upper()
    if DUTCH_POSTCODE.fullmatch(code) or FOREIGN_POSTCODE.fullmatch(code):
        return code
    return None


def _house_number(value: str) -> str | None:
    found = HOUSE_NUMBER.match(value)
    return found[1] if found else None


def _birth_date(value: str) -> str | None:
    """Read 1980-01-31 and 31-01-1980; a date that stands for "not known" is none."""
    text = value.strip()
    if iso := ISO_DATE.fullmatch(text):
        year, month, day = iso.groups()
    elif dutch := DUTCH_DATE.fullmatch(text):
        year, month, day = dutch["year"], dutch["month"], dutch["day"]
    else:
        return None
    try:
        born = date(int(year), int(month), int(day))
    except ValueError:
        return None
    return None if born in NO_BIRTH_DATE else born.isoformat()


NORMALISERS: Mapping[MatchKeyKind, Callable[[str], str | None]] = {
    MatchKeyKind.EMAIL: _email,
    MatchKeyKind.CUSTOMER_NUMBER: _customer_number,
    MatchKeyKind.NAME_POSTCODE_BIRTH_DATE: _name_postcode_birth_date,
    MatchKeyKind.ADDRESS_BIRTH_DATE: _address_birth_date,
}
