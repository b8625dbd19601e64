"""What a table of Dataverse consists of: columns with a kind, lookups, collections, choices and alternate keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

MOMENT_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


class Kind(Enum):
    """What a column holds, by its OData type."""

    TEXT = "Edm.String"
    GUID = "Edm.Guid"
    MOMENT = "Edm.DateTimeOffset"
    DAY = "Edm.Date"
    FLAG = "Edm.Boolean"
    NUMBER = "Edm.Decimal"
    CHOICE = "Edm.Int32"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. ``labels`` are the formatted values of a choice or a flag; ``default`` is what a new row gets."""

    kind: Kind
    labels: Mapping[object, str] = field(default_factory=dict)
    default: object = None
    is_read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A reference to a row of another table.

    ``column`` is the property that holds the GUID (``_customerid_value``), ``target`` the logical name of the table.
    A lookup that may point at several tables has one navigation property for each, all over the same column.
    """

    column: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """The rows of another table that point back at this one: their ``table`` and the ``column`` they do it with."""

    table: str
    column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table: its entity set, its logical name, the primary key, and what rows hold and point at.

    ``lookups`` and ``collections`` are by the name of the navigation property, as ``$expand`` writes it.
    """

    entity_set: str
    name: str
    key: str
    columns: Mapping[str, Column]
    lookups: Mapping[str, Lookup] = field(default_factory=dict)
    collections: Mapping[str, Collection] = field(default_factory=dict)
    alternate_keys: frozenset[str] = frozenset()
    primary_name: str | None = None
    is_view: bool = False


def text() -> Column:
    """Return a column of text."""
    return Column(kind=Kind.TEXT)


def guid() -> Column:
    """Return a column that holds the id of a row; written through its navigation property."""
    return Column(kind=Kind.GUID, is_read_only=True)


def moment() -> Column:
    """Return a column that holds a moment in UTC."""
    return Column(kind=Kind.MOMENT)


def day() -> Column:
    """Return a column that holds a day without a time."""
    return Column(kind=Kind.DAY)


def number() -> Column:
    """Return a column that holds a decimal number."""
    return Column(kind=Kind.NUMBER)


def flag(no: str, yes: str, *, default: bool = False) -> Column:
    """Return a two-option column with the labels of its options."""
    return Column(kind=Kind.FLAG, labels={False: no, True: yes}, default=default)


def choice(labels: Mapping[object, str], *, default: int | None = None) -> Column:
    """Return a choice column with the labels of its options."""
    return Column(kind=Kind.CHOICE, labels=labels, default=default)
