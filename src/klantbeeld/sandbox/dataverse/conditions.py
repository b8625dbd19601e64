"""What a ``$filter`` says, as a tree of conditions that hold for a row or do not.

Strings compare without regard to case, and ``ne`` also finds rows where the column is empty, as in the product.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda left, right: bool(left == right),
    "ne": lambda left, right: bool(left != right),
    "gt": lambda left, right: bool(left > right),
    "ge": lambda left, right: bool(left >= right),
    "lt": lambda left, right: bool(left < right),
    "le": lambda left, right: bool(left <= right),
}
STRING_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
}

Read = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Comparison:
    """``path operator value``, the value already in the column's own kind."""

    path: str
    operator: str
    value: Any

    def holds(self, read: Read) -> bool:
        """Say whether the row that ``read`` reads passes; an empty column equals only ``null``."""
        actual = comparable(read(self.path))
        if actual is None or self.value is None:
            return {"eq": actual is self.value, "ne": actual is not self.value}.get(self.operator, False)
        return COMPARISONS[self.operator](actual, self.value)


@dataclass(frozen=True, slots=True)
class StringTest:
    """``contains(path,'part')`` and its family."""

    function: str
    path: str
    part: str

    def holds(self, read: Read) -> bool:
        """Say whether the column holds the part; an empty column does not."""
        actual = read(self.path)
        return actual is not None and STRING_TESTS[self.function](str(actual).casefold(), self.part.casefold())


@dataclass(frozen=True, slots=True)
class ListTest:
    """``Microsoft.Dynamics.CRM.In``: the column's value is, or is not, one of these."""

    path: str
    values: frozenset[Any]
    expected: bool

    def holds(self, read: Read) -> bool:
        """Say whether the column's value stands in the list."""
        return (comparable(read(self.path)) in self.values) is self.expected


@dataclass(frozen=True, slots=True)
class Negation:
    """``not`` a condition."""

    condition: "Condition"

    def holds(self, read: Read) -> bool:
        """Say whether the inner condition fails."""
        return not self.condition.holds(read)


@dataclass(frozen=True, slots=True)
class Junction:
    """Conditions joined by ``and`` (all must hold) or by ``or`` (one must)."""

    conditions: tuple["Condition", ...]
    every: bool

    def holds(self, read: Read) -> bool:
        """Say whether all, or any, of the conditions hold."""
        found = (condition.holds(read) for condition in self.conditions)
        return all(found) if self.every else any(found)


Condition = Comparison | StringTest | ListTest | Negation | Junction


def comparable(value: Any) -> Any:
    """Return a stored value in the form in which values are compared."""
    if isinstance(value, str):
        return value.casefold()
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value


def values_sought(condition: Condition) -> tuple[str, frozenset[Any]] | None:
    """Return a column and the only values with which the condition can hold, for a look-up instead of a scan."""
    match condition:
        case Comparison(path, "eq", value) if value is not None and "/" not in path:
            return path, frozenset((value,))
        case ListTest(path, values, True) if "/" not in path:
            return path, values
        case Junction(conditions, True):
            return next((sought for each in conditions if (sought := values_sought(each))), None)
        case Junction(conditions, False):
            return values_sought_by_any(conditions)
        case _:
            return None


def values_sought_by_any(conditions: Iterable[Condition]) -> tuple[str, frozenset[Any]] | None:
    """Return the column and the values together, where every one of the conditions seeks values of one column."""
    sought = [values_sought(each) for each in conditions]
    found = [each for each in sought if each is not None]
    columns = {column for column, _ in found}
    if len(found) < len(sought) or len(columns) != 1:
        return None
    return columns.pop(), frozenset().union(*(values for _, values in found))
