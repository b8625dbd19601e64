"""Rows as the Web API shows them: ``@odata.etag``, formatted values, lookups with their annotations, ``$expand``."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from functools import cmp_to_key
from typing import Any

from klantbeeld.sandbox.dataverse.columns import Kind, Table
from klantbeeld.sandbox.dataverse.conditions import comparable
from klantbeeld.sandbox.dataverse.queries import Order, Query
from klantbeeld.sandbox.dataverse.store import TABLES_BY_NAME, Row, Store

FORMATTED = "OData.Community.Display.V1.FormattedValue"
LOGICAL_NAME = "Microsoft.Dynamics.CRM.lookuplogicalname"
NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"
NOWHERE = ""

Format = Callable[[Any], str]

FORMATS: Mapping[Kind, Format] = {
    Kind.NUMBER: lambda value: f"{value:,.2f}" if isinstance(value, float) else f"{value:,}",
    Kind.MOMENT: lambda value: _spoken(datetime.fromisoformat(value)),
    Kind.DAY: lambda value: _spoken_day(date.fromisoformat(value)),
}


def etag_of(row: Row) -> str:
    """Return the weak entity tag of a row, with the quotes that belong to it."""
    return f'W/"{row["versionnumber"]}"'


def shown(store: Store, query: Query, row: Row, *, annotations: str | None) -> dict[str, Any]:
    """Return a row with the selected columns (all without ``$select``), its annotations and what is expanded.

    The primary key is always there.
    """
    table = query.table
    wanted = query.select or tuple(table.columns)
    answer: dict[str, Any] = {"@odata.etag": etag_of(row)}
    for name in wanted if table.key in wanted else (*wanted, table.key):
        if annotations:
            answer.update(annotated(store, table, name, row, pattern=annotations))
        answer[name] = row.get(name)
    for navigation, inner in query.expand.items():
        answer[navigation] = related(store, table, navigation, inner, row, annotations=annotations)
    return answer


def annotated(store: Store, table: Table, name: str, row: Row, *, pattern: str) -> Iterator[tuple[str, str]]:
    """Yield the annotations of one column that ``pattern`` asks for; an empty column has none."""
    value = row.get(name)
    if value is None:
        return
    column = table.columns[name]
    found: dict[str, str] = {}
    if name.startswith("_") and name.endswith("_value"):
        found = lookup_annotations(store, table, name, str(value))
    elif value in column.labels:
        found = {FORMATTED: column.labels[value]}
    elif column.kind in FORMATS:
        found = {FORMATTED: FORMATS[column.kind](value)}
    for annotation, text in found.items():
        if matches(annotation, pattern):
            yield f"{name}@{annotation}", text


def lookup_annotations(store: Store, table: Table, column: str, value: str) -> dict[str, str]:
    """Return what is said of a reference: the name of the row, its table, and the navigation property."""
    for navigation, lookup in table.lookups.items():
        target = store.get(lookup.target, value) if lookup.column == column else None
        if target is not None:
            name = target.get(TABLES_BY_NAME[lookup.target].primary_name or "")
            return {NAVIGATION: navigation, LOGICAL_NAME: lookup.target, FORMATTED: str(name)}
    return {}


def matches(annotation: str, pattern: str) -> bool:
    """Say whether ``odata.include-annotations`` asks for this one: ``*``, ``prefix.*``, or names."""
    for part in pattern.split(","):
        wanted = part.strip()
        if wanted == annotation or (wanted.endswith("*") and annotation.startswith(wanted[:-1])):
            return True
    return False


def related(store: Store, table: Table, navigation: str, query: Query, row: Row, *, annotations: str | None) -> Any:
    """Return what a navigation property leads to: a row or null, or the list of rows that point back."""
    if navigation in table.lookups:
        lookup = table.lookups[navigation]
        target = store.get(lookup.target, row.get(lookup.column) or NOWHERE)
        return shown(store, query, target, annotations=annotations) if target else None
    rows = sorted_rows(store, query, pointing_back(store, table, navigation, query, row))
    return [shown(store, query, each, annotations=annotations) for each in rows[: query.top]]


def pointing_back(store: Store, table: Table, navigation: str, query: Query, row: Row) -> Iterator[Row]:
    """Yield the rows behind a collection-valued navigation property for which the query's condition holds."""
    collection = table.collections[navigation]
    for each in store.find(collection.table, collection.column, row[table.key]):
        if store.holds(query.condition, query.table, each):
            yield each


def sorted_rows(store: Store, query: Query, rows: Iterable[Row]) -> list[Row]:
    """Return the rows in the order that is asked; empty values come first, as in SQL Server."""
    ordered = list(rows)
    for order in reversed(query.order):
        ordered.sort(key=sort_key(store, query.table, order), reverse=order.is_descending)
    return ordered


def sort_key(store: Store, table: Table, order: Order) -> Callable[[Row], Any]:
    """Return the key by which ``order`` sorts."""

    def compare(left: Row, right: Row) -> int:
        one, other = (comparable(store.read(table, row, order.path)) for row in (left, right))
        if one is None or other is None:
            return (one is not None) - (other is not None)
        return int(one > other) - int(one < other)

    return cmp_to_key(compare)


def context_of(query: Query) -> str:
    """Return what stands in the parentheses of ``@odata.context``: the selected and expanded properties."""
    expanded = (f"{name}{context_of(inner) or '()'}" for name, inner in query.expand.items())
    parts = [*query.select, *expanded]
    return f"({','.join(parts)})" if parts else ""


def _spoken(moment: datetime) -> str:
    hour = moment.hour % 12 or 12
    return f"{_spoken_day(moment)} {hour}:{moment:%M} {'AM' if moment.hour < 12 else 'PM'}"  # noqa: PLR2004 - noon


def _spoken_day(day: date) -> str:
    return f"{day.month}/{day.day}/{day.year}"
