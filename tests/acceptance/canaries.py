"""Canaries: values of the simulated customers that must be nowhere outside the systems that own them.

A search looks at every file below a folder, its name included, and at every value in every table of its SQLite
databases; for each value as it is and in the forms in which something might keep it.
"""

import base64
import hashlib
import json
import random
import sqlite3
import urllib.parse
from collections.abc import Iterable, Iterator
from pathlib import Path

from klantbeeld.sandbox.facts import Person, Population, SystemRecord

SEED = 7
SHORTEST = 9  # characters; something shorter could be there by chance
SQLITE = b"SQLite format 3\x00"


def canaries_of(population: Population, count: int) -> list[str]:
    """Choose values of people who are in the systems: names, addresses, numbers, and what was said."""
    found = {value for person in population.people for value in _values(person) if len(value) >= SHORTEST}
    return random.Random(SEED).sample(sorted(found), count)


def found_below(folder: Path, values: Iterable[str]) -> dict[str, set[str]]:
    """Search a folder; gives the places of each value that was found."""
    forms = [(value, form) for value in values for form in _forms(value)]
    places: dict[str, set[str]] = {}
    for place, text in _texts(folder):
        for value, form in forms:
            if form in text:
                places.setdefault(value, set()).add(place)
    return places


def found_in(rows: Iterable[tuple[object, ...]], values: Iterable[str]) -> set[str]:
    """Search rows of a table; gives the values that were found."""
    text = b"\n".join(_bytes(cell) for row in rows for cell in row).lower()
    return {value for value in values if any(form in text for form in _forms(value))}


def _values(person: Person) -> Iterator[str]:
    yield person.name.full
    if person.organisation:
        yield person.organisation.name
    for records in person.records.values():
        for record in records:
            yield from _record_values(record)
    for complaint in person.complaints:
        yield from (comment.body for comment in complaint.comments)
    yield from (interaction.note for interaction in person.interactions)
    yield from (invoice.number for invoice in person.invoices)
    yield from (order.number for order in person.orders)


def _record_values(record: SystemRecord) -> Iterator[str]:
    yield record.name.full
    yield from record.emails
    yield from record.phones
    if record.address:
        yield record.address.line
        yield record.address.street
        yield f"{record.address.postcode} {record.address.city}"


def _forms(value: str) -> set[bytes]:
    """Give the forms of a value, in lower case where case does not matter."""
    plain = value.lower().encode()
    encoded = value.encode()
    forms = {
        plain,
        value.lower().encode("utf-16-le"),
        json.dumps(value.lower()).strip('"').encode(),
        urllib.parse.quote(value.lower(), safe="").lower().encode(),
        urllib.parse.quote_plus(value.lower()).lower().encode(),
        encoded.hex().encode(),
        hashlib.sha256(encoded).hexdigest().encode(),  # a hash without a key is as good as the value
        hashlib.sha256(plain).hexdigest().encode(),
        *_base64(encoded),
    }
    if value.startswith("+31"):
        forms |= {value[1:].encode(), f"0{value[3:]}".encode()}
    return forms


def _base64(encoded: bytes) -> Iterator[bytes]:
    """Give what is certain of a value in base64, wherever in a longer text it stands; compared in lower case too."""
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + encoded)
        yield whole[(4 if before else 0) : len(whole) - 4].lower()


def _texts(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder).as_posix()
        yield f"name of {place}", place.lower().encode()
        if path.is_file():
            content = path.read_bytes()
            yield place, content.lower()
            if content.startswith(SQLITE):
                yield from ((f"{place}, table {table}", text) for table, text in _tables(path))


def _tables(path: Path) -> Iterator[tuple[str, bytes]]:
    """Read every table by SQL, since a long value may lie in pieces in the file."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            rows = connection.execute(f'SELECT * FROM "{name}"')
            yield name, b"\n".join(_bytes(cell) for row in rows for cell in row).lower()
    finally:
        connection.close()


def _bytes(cell: object) -> bytes:
    return cell if isinstance(cell, bytes) else str(cell).encode()
