"""Reads files of cross references: JSON lines or CSV, one record a line, each line judged by itself.

A line says that a record of a source belongs to a customer, and may say what the customer can be found by:

    {"customer": "P-17", "source": "crm", "record_id": "C-1", "email": "…", "phone": ["…", "…"]}

`customer` is any key that the file uses for one person: lines with the same key become one customer. CSV has the same
names in its first line, with `,` or `;` or a tab between them; a cell may not hold a line break, so that a stray quote
costs one line and not the rest of the file. What a line holds is never repeated in a finding.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from klantbeeld.errors import ConfigurationError
from klantbeeld.identity.links import Reference
from klantbeeld.identity.match_keys import (
    MatchKey,
    MatchKeyKind,
    address_birth_date,
    name_postcode_birth_date,
)
from klantbeeld.identity.writing import LONGEST_ID

LONGEST_LINE = 65_536  # bytes
DELIMITERS = (",", ";", "\t")
BOM = b"\xef\xbb\xbf"
NUL_IN_JSON = b"\\u0000"  # PostgreSQL holds none; half a surrogate pair is no JSON to pydantic

Format = Literal["csv", "jsonl"]
Key = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_ID)]
Value = Annotated[str, StringConstraints(max_length=1000)]


class FindingCode(StrEnum):
    """What can be wrong with a line. All refuse it but KEY_UNUSABLE: then the link goes in without that key."""

    NOT_UTF8 = "NOT_UTF8"
    NOT_JSON = "NOT_JSON"
    NOT_CSV = "NOT_CSV"
    LINE_TOO_LONG = "LINE_TOO_LONG"
    FIELD_INVALID = "FIELD_INVALID"
    SOURCE_UNKNOWN = "SOURCE_UNKNOWN"
    CONFLICT = "CONFLICT"
    KEY_UNUSABLE = "KEY_UNUSABLE"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with the line of this number, counted from 1, in words that hold nothing of the line."""

    line: int
    code: FindingCode
    why: str


class ImportLine(BaseModel):
    """One line: a record, whose it is, and what its customer can be found by."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    customer: Key | None = None
    source: Key
    record_id: Key
    email: Value | tuple[Value, ...] = ()
    phone: Value | tuple[Value, ...] = ()
    customer_number: Value | tuple[Value, ...] = ()
    family_name: Value | None = None
    postcode: Value | None = None
    house_number: Annotated[int, Field(ge=0)] | Value | None = None
    birth_date: Value | None = None

    @property
    def reference(self) -> Reference:
        """The record."""
        return Reference(self.source, self.record_id)

    def match_keys(self) -> Iterator[MatchKey]:
        """List what the customer can be found by; a compound key needs all of its parts."""
        for kind, values in (
            (MatchKeyKind.EMAIL, self.email),
            (MatchKeyKind.PHONE, self.phone),
            (MatchKeyKind.CUSTOMER_NUMBER, self.customer_number),
        ):
            for value in (values,) if isinstance(values, str) else values:
                yield MatchKey(kind, value)
        if self.postcode is not None and self.birth_date is not None:
            if self.house_number is not None:
                yield address_birth_date(self.postcode, self.house_number, self.birth_date)
            if self.family_name is not None:
                yield name_postcode_birth_date(self.family_name, self.postcode, self.birth_date)


Read = tuple[int, ImportLine | Finding]


def format_of(path: Path) -> Format:
    """Tell a file's format by its name. Raises ConfigurationError."""
    formats: dict[str, Format] = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
    try:
        return formats[path.suffix.lower()]
    except KeyError as error:
        mend = f"Name it with one of {', '.join(formats)}"
        raise ConfigurationError(str(path), "is of no format that can be imported", mend) from error


def read_lines(file: BinaryIO, format_: Format, *, name: str) -> Iterator[Read]:
    """Read a file, line by line: each gives what it says or what is wrong with it; empty lines are left out.

    `name` is the file's, for what is raised: ConfigurationError if the first line of a CSV does not name its columns.
    """
    lines = _numbered(file)
    if format_ == "jsonl":
        for number, raw in lines:
            yield number, raw if isinstance(raw, Finding) else _read_json(number, raw)
        return
    header = _header(next(lines, (1, b"")), name)
    for number, raw in lines:
        yield number, raw if isinstance(raw, Finding) else _read_csv(number, raw, header)


@dataclass(frozen=True, slots=True)
class _Header:
    columns: Sequence[str]
    delimiter: str


def _numbered(file: BinaryIO) -> Iterator[tuple[int, bytes | Finding]]:
    number = 0
    while raw := file.readline(LONGEST_LINE):
        number += 1
        if len(raw) == LONGEST_LINE and not raw.endswith(b"\n"):
            while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                pass
            yield number, Finding(number, FindingCode.LINE_TOO_LONG, f"is longer than {LONGEST_LINE} bytes")
            continue
        if raw.strip():
            yield number, (raw.removeprefix(BOM) if number == 1 else raw).rstrip(b"\r\n")


def _read_json(number: int, raw: bytes) -> ImportLine | Finding:
    if NUL_IN_JSON in raw:
        return Finding(number, FindingCode.FIELD_INVALID, "holds a character that cannot be stored")
    try:
        return ImportLine.model_validate_json(raw)
    except ValidationError as error:
        if error.errors(include_url=False, include_input=False, include_context=False)[0]["type"] != "json_invalid":
            return _invalid(number, error)
    if _decode(raw) is None:
        return Finding(number, FindingCode.NOT_UTF8, "is not UTF-8")
    return Finding(number, FindingCode.NOT_JSON, "is not a JSON object")


def _read_csv(number: int, raw: bytes, header: _Header) -> ImportLine | Finding:
    text = _decode(raw)
    if text is None:
        return Finding(number, FindingCode.NOT_UTF8, "is not UTF-8")
    if "\0" in text:
        return Finding(number, FindingCode.FIELD_INVALID, "holds a character that cannot be stored")
    cells = _cells(text, header.delimiter)
    if cells is None:
        return Finding(number, FindingCode.NOT_CSV, "has a quote that is not closed, or that stands in a cell")
    if len(cells) != len(header.columns):
        why = f"has {len(cells)} cells where the first line has {len(header.columns)}"
        return Finding(number, FindingCode.NOT_CSV, why)
    given = {name: cell for name, cell in zip(header.columns, cells, strict=True) if cell}
    try:
        return ImportLine.model_validate(given)
    except ValidationError as error:
        return _invalid(number, error)


def _header(first: tuple[int, bytes | Finding], name: str) -> _Header:
    number, raw = first
    text = None if isinstance(raw, Finding) else _decode(raw)
    for delimiter in DELIMITERS:
        columns = [cell.strip().lower() for cell in _cells(text or "", delimiter) or ()]
        known = set(columns) <= ImportLine.model_fields.keys() and len(set(columns)) == len(columns)
        if known and {"source", "record_id"} <= set(columns):
            return _Header(columns, delimiter)
    mend = f"Name source and record_id there, and what else there is of {', '.join(ImportLine.model_fields)}"
    raise ConfigurationError(f"{name}, line {number}", "does not name the columns", mend)


def _cells(text: str, delimiter: str) -> list[str] | None:
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return None


def _decode(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _invalid(number: int, error: ValidationError) -> Finding:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if first["type"] == "extra_forbidden":  # its name could be anything that somebody typed
        return Finding(number, FindingCode.FIELD_INVALID, "has a field that is not known")
    if not first["loc"]:
        return Finding(number, FindingCode.NOT_JSON, "is not a JSON object")
    field = first["loc"][0]
    why = f"has no {field}" if first["type"] == "missing" else f"has a {field} that is not valid"
    return Finding(number, FindingCode.FIELD_INVALID, why)
