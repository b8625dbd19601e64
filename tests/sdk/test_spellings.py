"""Values are sought in the ways in which people write them, and addresses cut only where that is certain."""

import pytest

from klantbeeld.sdk.records import PostalAddress
from klantbeeld.sdk.spellings import address_line, cut_address_line, phone_spellings, postcode_spellings


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("+31612345678", ("+31612345678", "0612345678", "06-12345678", "06 12345678", "+31 6 12345678")),
        ("+31205550101", ("+31205550101", "0205550101", "020-5550101", "020 5550101", "+31 20 5550101")),
        ("+31881234567", ("+31881234567", "0881234567", "088-1234567", "088 1234567", "+31 88 1234567")),
        ("+3197012345678", ("+3197012345678", "097012345678")),
        ("+3225550101", ("+3225550101",)),
    ],
)
def test_phone_numbers(number: str, expected: tuple[str, ...]) -> None:
    assert phone_spellings(number) == expected


@pytest.mark.parametrize(
    ("postcode", "expected"),
    [("1234ab", ("1234 AB", "1234AB")), ("1234 AB", ("1234 AB", "1234AB")), ("1000", ("1000",))],
)
def test_postcodes(postcode: str, expected: tuple[str, ...]) -> None:
    assert postcode_spellings(postcode) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Lindelaan 12-A", ("Lindelaan", "12", "A")),
        ("Plein 1944 7", ("Plein 1944", "7", None)),
        ("Postbus", ("Postbus", None, None)),
        ("Kade 3 boven", ("Kade 3 boven", None, None)),
        (None, (None, None, None)),
    ],
)
def test_address_lines_are_cut_where_that_is_certain(
    line: str | None, expected: tuple[str | None, str | None, str | None]
) -> None:
    assert cut_address_line(line) == expected


@pytest.mark.parametrize("line", ["Lindelaan 12-A", "Plein 1944 7"])
def test_what_is_written_in_one_line_is_cut_back_into_the_same(line: str) -> None:
    street, number, addition = cut_address_line(line)
    assert address_line(PostalAddress(street=street, house_number=number, addition=addition)) == line
