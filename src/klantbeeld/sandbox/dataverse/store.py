"""The rows of the sandbox's Dataverse, in memory: by table and id, with a version that grows with every write.

A row is a dict from column to value in the form of the wire: GUIDs and moments are text, choices integers. Lives as
long as the server.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from klantbeeld.sandbox.dataverse.columns import MOMENT_FORMAT, Kind, Table
from klantbeeld.sandbox.dataverse.conditions import Condition, comparable, values_sought
from klantbeeld.sandbox.dataverse.tables import ACTIVITY_TABLES, ACTIVITYPOINTERS, TABLES

FIRST_VERSION = 1_000_000
POINTER_REASONS: Mapping[object, int] = {0: 1, 1: 2, 2: 3}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Deletion:
    """A row that is gone: its table, its id, and the version at which it went."""

    table: str
    row_id: str
    version: int


class Store:
    """All tables of one environment."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.version = FIRST_VERSION
        self.deletions: list[Deletion] = []
        self._rows: dict[str, dict[str, Row]] = {table.name: {} for table in TABLES}
        self._indexes: dict[tuple[str, str], dict[Any, list[str]]] = {}

    def get(self, table: str, row_id: str) -> Row | None:
        """Return the row with this id (in any case of letters), or None."""
        return self._rows[table].get(row_id.lower())

    def find(self, table: str, column: str, value: Any) -> list[Row]:
        """Return the rows whose ``column`` equals ``value``, found by an index."""
        rows = self._rows[table]
        return [rows[row_id] for row_id in self._index(table, column).get(comparable(value), ())]

    def select(self, table: Table, condition: Condition | None) -> Iterator[Row]:
        """Yield the rows for which the condition holds (all rows without one), in the order they were made."""
        if condition is None:
            yield from self._rows[table.name].values()
            return
        for row in self._candidates(table, condition):
            if self.holds(condition, table, row):
                yield row

    def holds(self, condition: Condition | None, table: Table, row: Row) -> bool:
        """Say whether a condition, if there is one, holds for a row."""
        return condition is None or condition.holds(partial(self.read, table, row))

    def read(self, table: Table, row: Row, path: str) -> Any:
        """Return the value at ``path``: a column, or ``lookup/column`` over one or more lookups."""
        while "/" in path:
            navigation, path = path.split("/", 1)
            lookup = table.lookups[navigation]
            target = TABLES_BY_NAME[lookup.target]
            found = self.get(target.name, row.get(lookup.column) or "")
            if found is None:
                return None
            table, row = target, found
        return row.get(path)

    def insert(self, table: Table, values: Mapping[str, Any], *, at: datetime | None = None) -> Row:
        """Add a row with its defaults and return it; ``at`` is when it was made, now where it is left out."""
        made = (at or self.clock()).strftime(MOMENT_FORMAT)
        defaults = {name: column.default for name, column in table.columns.items()}
        row = {**defaults, "createdon": made, "modifiedon": made, **values}
        return self._put(table, row)

    def update(self, table: Table, row: Row, changes: Mapping[str, Any]) -> Row:
        """Change a row and return it as it is now."""
        changed = {**row, **changes, "modifiedon": self.clock().strftime(MOMENT_FORMAT)}
        return self._put(table, changed)

    def delete(self, table: Table, row: Row) -> None:
        """Remove a row; an activity goes with its pointer."""
        self.version += 1
        for each in (table, ACTIVITYPOINTERS) if table in ACTIVITY_TABLES else (table,):
            self._rows[each.name].pop(row[table.key], None)
            self._forget_indexes(each.name)
            self.deletions.append(Deletion(each.name, row[table.key], self.version))

    def changed_since(self, table: str, version: int) -> list[Row]:
        """Return the rows made or changed after ``version``."""
        return [row for row in self._rows[table].values() if row["versionnumber"] > version]

    def deleted_since(self, table: str, version: int) -> list[Deletion]:
        """Return what went from a table after ``version``."""
        return [gone for gone in self.deletions if gone.table == table and gone.version > version]

    def _put(self, table: Table, row: Row) -> Row:
        self.version += 1
        row["versionnumber"] = self.version
        if table.name == "contact":
            parts = (row.get("firstname"), row.get("middlename"), row.get("lastname"))
            row["fullname"] = " ".join(part for part in parts if part) or None
        self._rows[table.name][row[table.key]] = row
        self._forget_indexes(table.name)
        if table in ACTIVITY_TABLES:
            row["activitytypecode"] = table.name
            self._rows[ACTIVITYPOINTERS.name][row[table.key]] = pointer_of(row)
            self._forget_indexes(ACTIVITYPOINTERS.name)
        return row

    def _candidates(self, table: Table, condition: Condition) -> Iterable[Row]:
        sought = values_sought(condition)
        rows = self._rows[table.name]
        if sought is None:
            return tuple(rows.values())
        column, values = sought
        index = self._index(table.name, column)
        return [rows[row_id] for value in sorted(values, key=str) for row_id in index.get(value, ())]

    def _index(self, table: str, column: str) -> dict[Any, list[str]]:
        index = self._indexes.get((table, column))
        if index is None:
            index = defaultdict(list)
            for row_id, row in self._rows[table].items():
                index[comparable(row.get(column))].append(row_id)
            self._indexes[table, column] = index
        return index

    def _forget_indexes(self, table: str) -> None:
        for key in [key for key in self._indexes if key[0] == table]:
            del self._indexes[key]


TABLES_BY_NAME: Mapping[str, Table] = {table.name: table for table in TABLES}
TABLES_BY_SET: Mapping[str, Table] = {table.entity_set: table for table in TABLES}


def pointer_of(activity: Row) -> Row:
    """Return the row that ``activitypointers`` shows of an activity: what all types of it have in common."""
    common = {name: activity.get(name) for name in ACTIVITYPOINTERS.columns}
    return {**common, "statuscode": POINTER_REASONS[activity["statecode"]]}


def kind_at(table: Table, path: str) -> Kind | None:
    """Return the kind of the column at ``path`` (over lookups), or None where there is no such column."""
    while "/" in path:
        navigation, path = path.split("/", 1)
        lookup = table.lookups.get(navigation)
        if lookup is None:
            return None
        table = TABLES_BY_NAME[lookup.target]
    column = table.columns.get(path)
    return column.kind if column else None
