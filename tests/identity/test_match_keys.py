"""Match keys: what becomes one, and what stays apart."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klantbeeld.identity.match_keys import (
    MatchKey,
    MatchKeyKind,
    address_birth_date,
    name_postcode_birth_date,
    normalise,
)

EMAIL, PHONE, NUMBER = MatchKeyKind.EMAIL, MatchKeyKind.PHONE, MatchKeyKind.CUSTOMER_NUMBER
BORN = date(1980, 1, 31)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("jan@example.nl", "jan@example.nl"),
        ("  Jan.De.Vries@Example.NL ", "jan.de.vries@example.nl"),
        ("jan+news@example.nl", "jan+news@example.nl"),
        ("mailto:jan@example.nl", "jan@example.nl"),
        ("jan@example.nl.", "jan@example.nl"),
        ("jan@café.example", "jan@xn--caf-dma.example"),
        ("jan@XN--CAF-DMA.example", "jan@xn--caf-dma.example"),
        ("jan@straße.example", "jan@xn--strae-oqa.example"),
        ("zoe\u0308@example.nl", "zoë@example.nl"),
        ('"jan"@example.nl', '"jan"@example.nl'),
    ],
)
def test_an_email_address_is_written_in_one_way(written: str, expected: str) -> None:
    assert normalise(MatchKey(EMAIL, written)) == expected


@pytest.mark.parametrize(
    "written",
    ["", "jan", "@example.nl", "jan@", "jan@localhost", "jan de vries@example.nl", "a@b@example.nl", "jan@exa mple.nl",
     "jan@-example.nl", "jan@example..nl", "jan@\u2488com", "x" * 65 + "@example.nl", "jan@exam_ple.nl"],
)  # fmt: skip
def test_what_is_no_email_address_is_no_key(written: str) -> None:
    assert normalise(MatchKey(EMAIL, written)) is None


def test_plus_tags_and_dots_are_other_mailboxes() -> None:
    addresses = ["jan@example.nl", "jan+news@example.nl", "j.an@example.nl"]
    assert len({normalise(MatchKey(EMAIL, each)) for each in addresses}) == 3


@pytest.mark.parametrize(
    "written",
    [
        "0612345678",
        "06-12345678",
        "06 12 34 56 78",
        "(06) 1234 5678",
        "+31612345678",
        "+31 6 12345678",
        "+31 (0)6 12345678",
        "0031612345678",
        "0031 (0)6-12345678",
        "tel:+31612345678",
        "06.12.34.56.78 ",
        "\uff10\uff16-12345678",
    ],
)
def test_a_dutch_mobile_number_is_one_however_it_is_written(written: str) -> None:
    assert normalise(MatchKey(PHONE, written)) == "+31612345678"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("020-624 1111", "+31206241111"),
        ("+32 470 12 34 56", "+32470123456"),
        ("0032470123456", "+32470123456"),
        ("088 123 4567", "+31881234567"),
        ("0800-1234", "+318001234"),
        ("020 624 1111 ext. 12", "+31206241111"),
    ],
)
def test_other_numbers_are_written_in_e164(written: str, expected: str) -> None:
    assert normalise(MatchKey(PHONE, written)) == expected


@pytest.mark.parametrize("written", ["", "onbekend", "112", "12", "6241111", "06", "0000000000", "+99912345678", "-"])
def test_what_is_no_phone_number_is_no_key(written: str) -> None:
    assert normalise(MatchKey(PHONE, written)) is None


def test_a_number_without_a_country_is_dialled_from_the_region() -> None:
    assert normalise(MatchKey(PHONE, "0470 12 34 56"), region="BE") == "+32470123456"


@pytest.mark.parametrize("written", ["K-100.200", "k100200", " K 100 200 ", "K/100-200"])
def test_a_customer_number_is_one_with_and_without_filling(written: str) -> None:
    assert normalise(MatchKey(NUMBER, written)) == "K100200"


def test_leading_zeros_of_a_customer_number_count() -> None:
    assert normalise(MatchKey(NUMBER, "00123")) != normalise(MatchKey(NUMBER, "123"))


@pytest.mark.parametrize("written", ["", "-", "7", "klant nr. é", "x" * 65])
def test_what_is_no_customer_number_is_no_key(written: str) -> None:
    assert normalise(MatchKey(NUMBER, written)) is None


@pytest.mark.parametrize("postcode", ["1234 AB", "1234AB", "1234 ab", " 1234  AB "])
@pytest.mark.parametrize("house_number", [12, "12", "12-A", "12 bis", "12a", "0012", "12-14"])
@pytest.mark.parametrize("birth_date", [BORN, "1980-01-31", "31-01-1980", "31/1/1980", "31.01.1980"])
def test_an_address_with_a_birth_date_is_one_however_it_is_written(
    postcode: str, house_number: str | int, birth_date: date | str
) -> None:
    assert normalise(address_birth_date(postcode, house_number, birth_date)) == "1234AB|12|1980-01-31"


@pytest.mark.parametrize(
    ("postcode", "house_number", "birth_date"),
    [
        ("", "12", BORN),
        ("12", "12", BORN),
        ("1234 AB", "", BORN),
        ("1234 AB", "A", BORN),
        ("1234 AB", "0", BORN),
        ("1234 AB", "123456", BORN),
        ("1234 AB", "12", "1980-02-30"),
        ("1234 AB", "12", "80-01-31"),
        ("1234 AB", "12", "1900-01-01"),
        ("1234 AB", "12", "unknown"),
        ("1234 AB", "12", ""),
    ],
)
def test_an_address_that_lacks_a_part_is_no_key(postcode: str, house_number: str, birth_date: date | str) -> None:
    assert normalise(address_birth_date(postcode, house_number, birth_date)) is None


def test_a_foreign_postcode_can_be_a_key() -> None:
    assert normalise(address_birth_date("SW1A 1AA", 10, BORN)) == "SW1A1AA|10|1980-01-31"


@pytest.mark.parametrize(
    "name",
    ["van den Heuvel", "Van Den Heuvel", "Heuvel, van den", "v.d. Heuvel", "v/d Heuvel", "Heuvel", "HEUVEL", "Héuvel"],
)
def test_a_family_name_is_one_with_and_without_its_tussenvoegsel(name: str) -> None:
    assert normalise(name_postcode_birth_date(name, "1234 AB", BORN)) == "heuvel|1234AB|1980-01-31"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("in 't Veld", "veld"),
        ("Ten Brink", "brink"),
        ("de Vries-van den Heuvel", "vriesheuvel"),
        ("Dijkstra", "dykstra"),
        ("Dykstra", "dykstra"),
        ("Van de", "vande"),
        ("O'Neill", "oneill"),
        ("Çelik", "celik"),
        ("Øster", "øster"),
    ],
)
def test_names_of_other_shapes(name: str, expected: str) -> None:
    assert normalise(name_postcode_birth_date(name, "1234 AB", BORN)) == f"{expected}|1234AB|1980-01-31"


def test_a_name_without_a_letter_is_no_key() -> None:
    assert normalise(name_postcode_birth_date("123 --", "1234 AB", BORN)) is None


def test_a_bar_in_a_part_does_not_make_another_part() -> None:
    assert normalise(name_postcode_birth_date("Heu|vel", "1234 AB", BORN)) == "heuvel|1234AB|1980-01-31"


@pytest.mark.parametrize("value", ["1234AB|12", "1234AB|12|1980-01-31|x", ""])
def test_a_compound_value_of_other_parts_is_no_key(value: str) -> None:
    assert normalise(MatchKey(MatchKeyKind.ADDRESS_BIRTH_DATE, value)) is None


@given(st.sampled_from(MatchKeyKind), st.text(st.characters(exclude_categories=())))
def test_whatever_is_typed_is_a_key_or_none_and_a_key_stays_itself(kind: MatchKeyKind, value: str) -> None:
    written = normalise(MatchKey(kind, value))
    assert written is None or normalise(MatchKey(kind, written)) == written


@given(st.from_regex(r"06[1-5][0-9]{7}", fullmatch=True), st.sampled_from(["+31 (0)6", "0031 6", "+316", "06-"]))
def test_every_dutch_mobile_number_is_one_with_every_prefix(number: str, prefix: str) -> None:
    assert normalise(MatchKey(PHONE, prefix + number[2:])) == normalise(MatchKey(PHONE, number)) == f"+31{number[1:]}"
