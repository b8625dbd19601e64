"""Recipient lists, line by line."""

from io import StringIO
from pathlib import Path

import pytest

from klantbeeld.cli.recipients import Recipient, is_json_lines, read_recipients
from klantbeeld.errors import ConfigurationError

ADA = "01900000-0000-7000-8000-000000000001"


def read(text: str, *, is_json: bool) -> list[Recipient]:
    return list(read_recipients(StringIO(text), is_json=is_json))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f'{{"customer": "{ADA}"}}', Recipient(1, customer=ADA)),
        (f'{{"customer": " {ADA.upper()} ", "name": "x"}}', Recipient(1, customer=ADA)),
        ('{"source": "crm", "record_id": "7"}', Recipient(1, source="crm", record_id="7")),
        ('{"customer": "7"}', Recipient(1, problem="ID_INVALID")),
        ('{"customer": 7}', Recipient(1, problem="BAD_USER_INPUT")),
        ('{"source": "crm"}', Recipient(1, problem="BAD_USER_INPUT")),
        ('{"source": "crm", "record_id": ""}', Recipient(1, problem="BAD_USER_INPUT")),
        ("[1]", Recipient(1, problem="INVALID_JSON")),
        ("not json", Recipient(1, problem="INVALID_JSON")),
    ],
)
def test_a_line_of_json_says_who_is_meant(line: str, expected: Recipient) -> None:
    assert read(line, is_json=True) == [expected]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_says_it_in_columns(delimiter: str) -> None:
    lines = [("name", "customer", "source", "record_id"), ("x", ADA, "", ""), ("y", "", "crm", "7"), ("z",)]
    text = "\ufeff" + "\r\n".join(delimiter.join(line) for line in lines)
    assert read(text, is_json=False) == [
        Recipient(2, customer=ADA),
        Recipient(3, source="crm", record_id="7"),
        Recipient(4, problem="BAD_USER_INPUT"),
    ]


def test_a_stray_quote_costs_one_line() -> None:
    assert read(f'customer\n"{ADA}\n{ADA}\n', is_json=False)[1] == Recipient(3, customer=ADA)


def test_empty_lines_are_passed_over_and_counted() -> None:
    assert read(f'\n\n{{"customer": "{ADA}"}}\n', is_json=True) == [Recipient(3, customer=ADA)]


@pytest.mark.parametrize("header", ["", "name,email", "source,name"])
def test_csv_that_says_nobody_is_refused(header: str) -> None:
    with pytest.raises(ConfigurationError):
        read(header + "\nx,y\n", is_json=False)


@pytest.mark.parametrize(("name", "expected"), [("a.jsonl", True), ("a.NDJSON", True), ("-", True), ("a.csv", False)])
def test_the_name_tells_the_format(name: str, *, expected: bool) -> None:
    assert is_json_lines(Path(name)) is expected
