"""Recipient lists: customers by id or by a source's record, one a line, read as they are needed and never kept.

JSON lines: {"customer": "…"} or {"source": "crm", "record_id": "…"}; other members are passed over. CSV has these names
in its first line, with `,` or `;` or a tab between them.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from klantbeeld.errors import ConfigurationError
from klantbeeld.identity.ids import CANONICAL

DELIMITERS = (",", ";", "\t")
JSON_LINES = frozenset({".jsonl", ".ndjson"})


@dataclass(frozen=True, slots=True)
class Recipient:
    """One line of a list, counted from 1: a customer's id, or a source and its record; else what is wrong with it."""

    line: int
    customer: str | None = None
    source: str | None = None
    record_id: str | None = None
    problem: str | None = None


def read_recipients(file: TextIO, *, is_json: bool) -> Iterator[Recipient]:
    """Read a list line by line; raises ConfigurationError for CSV whose first line does not name what is needed."""
    rows = _json_lines(file) if is_json else _csv_lines(file)
    for line, row in rows:
        yield _recipient(line, row)


def is_json_lines(file: Path) -> bool:
    """Tell the format by the file's name; standard input is JSON lines."""
    return str(file) == "-" or file.suffix.lower() in JSON_LINES


def _json_lines(file: Iterable[str]) -> Iterator[tuple[int, Any]]:
    for line, text in enumerate(file, 1):
        if not text.strip():
            continue
        try:
            yield line, json.loads(text)
        except ValueError:
            yield line, None


def _csv_lines(file: Iterable[str]) -> Iterator[tuple[int, Any]]:
    lines = iter(file)
    header = next(lines, "").removeprefix("\ufeff").rstrip("\r\n")
    delimiter = max(DELIMITERS, key=header.count)
    names = [name.strip().strip('"') for name in header.split(delimiter)]
    if "customer" not in names and not {"source", "record_id"} <= set(names):
        mend = "Name the columns in the first line: customer, or source and record_id"
        raise ConfigurationError("the list of recipients, line 1", "names no column that says who is meant", mend)
    for line, text in enumerate(lines, 2):
        if text.strip():
            # One line is one row, so that a stray quote costs one line and not the rest of the file.
            cells = next(csv.reader([text], delimiter=delimiter), [])
            yield line, dict(zip(names, cells, strict=False))


def _recipient(line: int, row: Any) -> Recipient:
    if not isinstance(row, Mapping):
        return Recipient(line, problem="INVALID_JSON")
    customer, source, record_id = (_text(row.get(name)) for name in ("customer", "source", "record_id"))
    if customer is not None:
        known = customer.lower()
        return Recipient(line, customer=known) if CANONICAL.fullmatch(known) else Recipient(line, problem="ID_INVALID")
    if source is None or record_id is None:
        return Recipient(line, problem="BAD_USER_INPUT")
    return Recipient(line, source=source, record_id=record_id)


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
