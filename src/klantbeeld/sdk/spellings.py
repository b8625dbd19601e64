"""Ways in which the same value is written, for products that find a text only as it stands."""

import re

from klantbeeld.sdk.records import PostalAddress

NETHERLANDS = "+31"
AREA = re.compile(r"6|[1-578]\d")  # a mobile number's prefix, or the first two digits of an area


def phone_spellings(e164: str) -> tuple[str, ...]:
    """Return the usual spellings of a phone number, E.164 first; national ones for Dutch numbers."""
    if not e164.startswith(NETHERLANDS):
        return (e164,)
    national = e164.removeprefix(NETHERLANDS)
    area = AREA.match(national)
    if area is None:
        return (e164, f"0{national}")
    head, tail = area[0], national[area.end() :]
    return (e164, f"0{national}", f"0{head}-{tail}", f"0{head} {tail}", f"{NETHERLANDS} {head} {tail}")


def postcode_spellings(postcode: str) -> tuple[str, ...]:
    """Return a postcode with and without the space of the Dutch way of writing it."""
    compact = re.sub(r"\s", "", postcode).upper()
    spaced = f"{compact[:4]} {compact[4:]}" if re.fullmatch(r"\d{4}[A-Z]{2}", compact) else postcode
    return tuple(dict.fromkeys((spaced, compact)))


def cut_address_line(line: str | None) -> tuple[str | None, str | None, str | None]:
    """Cut "Lindelaan 12-A" into street, number and addition; a line that ends otherwise stays whole, as the street."""
    street, _, last = (line or "").rpartition(" ")
    number, _, addition = last.partition("-")
    if not street or not number.isdecimal():
        return line, None, None
    return street, number, addition or None


def address_line(address: PostalAddress) -> str:
    """Write street, number and addition in one line, as `cut_address_line` reads it."""
    number = "-".join(part for part in (address.house_number, address.addition) if part)
    return " ".join(part for part in (address.street, number) if part)
