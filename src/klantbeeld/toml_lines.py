"""On which line of a TOML text each key stands: tomllib reads values and forgets places."""

import tomllib
from collections.abc import Iterator
from typing import Any

Key = tuple[str | int, ...]


def lines_of(text: str) -> dict[Key, int]:
    """Map every key of a valid TOML text, tables and items of lists included, to the line (from 1) it begins on."""
    found: dict[Key, int] = {}
    items: dict[Key, int] = {}  # how many items each array of tables has so far
    table: Key = ()
    for line, statement in _statements(text):
        tree = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            table = _table(tree, items)
            for end in range(1, len(table) + 1):
                found.setdefault(table[:end], line)
        else:
            for key in _keys(tree):
                found.setdefault((*table, *key), line)
    return found


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Cut the text into its statements: each a line, or as many lines as it takes to be whole."""
    start, pending = 1, ""
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if not pending:
            start = number
        pending += line
        try:
            whole = tomllib.loads(pending)
        except tomllib.TOMLDecodeError:
            continue
        if whole:
            yield start, pending
        pending = ""


def _table(header: dict[str, Any], items: dict[Key, int]) -> Key:
    """Give the full key of a header's table, with the index of each array of tables that it goes through."""
    key: Key = ()
    here: Any = header
    while here:
        name, here = next(iter(here.items()))
        key = (*key, name)
        if isinstance(here, list):  # [[name]] begins a new item
            items[key] = items.get(key, 0) + 1
            return (*key, items[key] - 1)
        if key in items:
            key = (*key, items[key] - 1)
    return key


def _keys(value: Any, above: Key = ()) -> Iterator[Key]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, below in inner:
        yield (*above, name)
        yield from _keys(below, (*above, name))
