"""Files of cross references, line by line."""

import io
import json
from pathlib import Path

import pytest

from klantbeeld.errors import ConfigurationError
from klantbeeld.identity.import_lines import (
    LONGEST_LINE,
    Finding,
    FindingCode,
    Format,
    ImportLine,
    Read,
    format_of,
    read_lines,
)
from klantbeeld.identity.match_keys import MatchKey, MatchKeyKind

GOOD = b'{"source": "crm", "record_id": "C-1"}\n'
LINE = ImportLine(source="crm", record_id="C-1")


def _read(content: bytes, format_: Format = "jsonl") -> list[Read]:
    return list(read_lines(io.BytesIO(content), format_, name="file"))


def _json(**fields: object) -> bytes:
    return json.dumps({"source": "crm", "record_id": "C-1"} | fields).encode() + b"\n"


def _keys(**fields: object) -> list[MatchKey]:
    [(_, line)] = _read(_json(**fields))
    assert isinstance(line, ImportLine)
    return list(line.match_keys())


def test_a_json_line_is_read() -> None:
    assert _read(_json(customer=" P-17 ")) == [(1, ImportLine(customer="P-17", source="crm", record_id="C-1"))]


def test_lines_are_counted_from_1_and_empty_ones_left_out() -> None:
    assert _read(GOOD + b"\n  \r\n" + GOOD) == [(1, LINE), (4, LINE)]


def test_the_last_line_needs_no_line_break_and_a_byte_order_mark_does_no_harm() -> None:
    assert _read(b"\xef\xbb\xbf" + GOOD.strip()) == [(1, LINE)]


def test_one_or_many_values_of_a_kind_are_keys() -> None:
    keys = _keys(email="a@example.nl", phone=["06-1", "06-2"], customer_number="7")
    expected = [("EMAIL", "a@example.nl"), ("PHONE", "06-1"), ("PHONE", "06-2"), ("CUSTOMER_NUMBER", "7")]
    assert keys == [MatchKey(MatchKeyKind(kind), value) for kind, value in expected]


def test_an_address_with_name_and_birth_date_is_two_keys() -> None:
    keys = _keys(family_name="van den Heuvel", postcode="1234 AB", house_number=12, birth_date="1980-01-31")
    assert {key.kind for key in keys} == {MatchKeyKind.ADDRESS_BIRTH_DATE, MatchKeyKind.NAME_POSTCODE_BIRTH_DATE}


@pytest.mark.parametrize("missing", ["postcode", "birth_date"])
def test_a_compound_key_needs_all_of_its_parts(missing: str) -> None:
    whole = {"family_name": "Heuvel", "postcode": "1234 AB", "house_number": "12", "birth_date": "1980-01-31"}
    assert _keys(**{name: value for name, value in whole.items() if name != missing}) == []


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"source": "crm", "record_id": "canary-\xff"}', FindingCode.NOT_UTF8),
        (b'{"source": "crm", "record_id": "canary', FindingCode.NOT_JSON),
        (b"canary", FindingCode.NOT_JSON),
        (b'["canary"]', FindingCode.NOT_JSON),
        (b"null", FindingCode.NOT_JSON),
        (b"[" * 5000, FindingCode.NOT_JSON),
        (b'{"source": "crm"}', FindingCode.FIELD_INVALID),
        (_json(source=""), FindingCode.FIELD_INVALID),
        (_json(source="   "), FindingCode.FIELD_INVALID),
        (_json(record_id=7), FindingCode.FIELD_INVALID),
        (_json(record_id="canary" * 100), FindingCode.FIELD_INVALID),
        (_json(record_id="canary\0"), FindingCode.FIELD_INVALID),
        (b'{"source": "crm", "record_id": "canary\\ud800"}', FindingCode.NOT_JSON),
        (_json(email={"canary": 1}), FindingCode.FIELD_INVALID),
        (_json(house_number=-1), FindingCode.FIELD_INVALID),
        (_json(**{"canary@example.nl": 1}), FindingCode.FIELD_INVALID),
        (_json(email="canary" * LONGEST_LINE), FindingCode.LINE_TOO_LONG),
        (b"canary" * 3 * LONGEST_LINE, FindingCode.LINE_TOO_LONG),
    ],
)
def test_a_corrupted_line_is_refused_with_its_number_and_the_rest_is_read(raw: bytes, code: FindingCode) -> None:
    first, (number, finding), last = _read(GOOD + raw.strip() + b"\n" + GOOD)
    assert (first, last) == ((1, LINE), (3, LINE))
    assert isinstance(finding, Finding)
    assert (number, finding.line, finding.code) == (2, 2, code)
    assert "canary" not in finding.why


def test_a_finding_names_the_field() -> None:
    [(_, finding)] = _read(b'{"source": "crm"}')
    assert isinstance(finding, Finding)
    assert finding.why == "has no record_id"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_line_is_read_by_the_names_of_the_first(delimiter: str) -> None:
    rows = [["Record_ID", " source ", "email"], ["C-1", "crm", ""], ["C-1", "crm", '"a@example.nl"']]
    content = "\r\n".join(delimiter.join(row) for row in rows).encode()
    with_email = ImportLine(source="crm", record_id="C-1", email="a@example.nl")
    assert _read(b"\xef\xbb\xbf" + content, "csv") == [(2, LINE), (3, with_email)]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'"crm,canary', FindingCode.NOT_CSV),
        (b'crm,"can"ary', FindingCode.NOT_CSV),
        (b"crm", FindingCode.NOT_CSV),
        (b"crm,canary,more", FindingCode.NOT_CSV),
        (b"crm,canary\xe9", FindingCode.NOT_UTF8),
        (b",canary", FindingCode.FIELD_INVALID),
        (b"crm," + b"canary" * LONGEST_LINE, FindingCode.LINE_TOO_LONG),
    ],
)
def test_a_corrupted_csv_line_costs_itself_alone(raw: bytes, code: FindingCode) -> None:
    (number, finding), last = _read(b"source,record_id\n" + raw + b"\ncrm,C-1\n", "csv")
    assert last == (3, LINE)
    assert isinstance(finding, Finding)
    assert (number, finding.code) == (2, code)
    assert "canary" not in finding.why


@pytest.mark.parametrize(
    "first",
    [b"a,b", b"source", b"source,record_id,canary", b"source,record_id,source", b"\xff\xfes\0o\0", b"x" * 99999],
)
def test_a_csv_without_names_of_columns_is_refused_as_a_whole(first: bytes) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _read(first + b"\ncrm,C-1\n", "csv")
    assert caught.value.where == "file, line 1"
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_csv_is_refused(content: bytes) -> None:
    with pytest.raises(ConfigurationError):
        _read(content, "csv")


@pytest.mark.parametrize(
    ("name", "expected"), [("a.csv", "csv"), ("a.TSV", "csv"), ("a.jsonl", "jsonl"), ("a.b.ndjson", "jsonl")]
)
def test_a_format_is_told_by_the_name(name: str, expected: Format) -> None:
    assert format_of(Path(name)) == expected


@pytest.mark.parametrize("name", ["a.xlsx", "a", "csv"])
def test_other_formats_are_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="format"):
        format_of(Path(name))
