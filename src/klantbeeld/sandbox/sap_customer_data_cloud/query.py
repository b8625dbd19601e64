"""The SQL-like language of ``accounts.search``, as far as it is used here.

``SELECT * | count(*) | fields FROM accounts [WHERE condition] [ORDER BY field [ASC|DESC], …] [START n] [LIMIT n]``,
in this order. A condition joins with AND, OR, NOT and brackets: ``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=``,
``IN (…)``, ``CONTAINS``, ``IS NULL``, ``IS NOT NULL``. Strings stand in double or single quotes. A path through a list
holds if it holds for one of its elements.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from klantbeeld.sandbox.sap_customer_data_cloud.errors import wrong

TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<word>[A-Za-z_][\w.]*)
      | (?P<sign><=|>=|!=|<>|=|<|>|\(|\)|,|\*)
    )""",
    re.VERBOSE,
)
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
DEFAULT_LIMIT = 300
LARGEST_LIMIT = 5000
LONGEST_QUERY = 30_000

Account = Mapping[str, Any]
Condition = Callable[[Account], bool]


@dataclass(frozen=True, slots=True)
class Query:
    """A query as read: which fields (none for all), whether only to count, which accounts, in what order, how many."""

    fields: tuple[str, ...]
    counts: bool
    holds: Condition
    order: tuple[tuple[str, bool], ...]
    start: int
    limit: int


def read_query(text: str) -> Query:
    """Read a query; refuse what is not understood with error 400006 and the place."""
    if len(text) > LONGEST_QUERY:
        raise wrong("query", "it is too long")
    return _Reader(text).query()


def values_at(account: Account, path: str) -> Iterator[Any]:
    """Yield the values at a dotted path, one for each element where it goes through a list."""
    found: list[Any] = [account]
    for step in path.split("."):
        found = [
            element[step]
            for each in found
            for element in (each if isinstance(each, list) else (each,))
            if isinstance(element, Mapping) and step in element
        ]
    for value in found:
        yield from value if isinstance(value, list) else (value,)


class _Reader:
    """Reads one query from left to right."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._place = 0

    def query(self) -> Query:
        self._keyword("SELECT")
        fields, counts = self._selection()
        self._keyword("FROM")
        if (source := self._take()) != ("word", "accounts"):
            raise wrong("query", f"there is no data source {source[1]}")
        holds = self._condition() if self._skips("WHERE") else _always
        order = self._order() if self._skips("ORDER") else ()
        start = self._whole() if self._skips("START") else 0
        limit = self._whole() if self._skips("LIMIT") else DEFAULT_LIMIT
        if self._place < len(self._tokens):
            raise wrong("query", f"{self._tokens[self._place][1]!r} was not expected")
        return Query(fields, counts, holds, order, start, min(limit, LARGEST_LIMIT))

    def _selection(self) -> tuple[tuple[str, ...], bool]:
        fields: list[str] = []
        while True:
            kind, value = self._take()
            if (kind, value.lower()) == ("word", "count"):
                for sign in ("(", "*", ")"):
                    self._keyword(sign)
                return (), True
            if value != "*":
                if kind != "word":
                    raise wrong("query", f"{value!r} is no field")
                fields.append(value)
            if not self._skips(","):
                return tuple(fields), False

    def _condition(self) -> Condition:
        parts = [self._conjunction()]
        while self._skips("OR"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else lambda account: any(part(account) for part in parts)

    def _conjunction(self) -> Condition:
        parts = [self._comparison()]
        while self._skips("AND"):
            parts.append(self._comparison())
        return parts[0] if len(parts) == 1 else lambda account: all(part(account) for part in parts)

    def _comparison(self) -> Condition:
        if self._skips("NOT"):
            inner = self._comparison()
            return lambda account: not inner(account)
        if self._skips("("):
            condition = self._condition()
            self._keyword(")")
            return condition
        kind, path = self._take()
        if kind != "word":
            raise wrong("query", f"{path!r} is no field")
        return self._predicate(path)

    def _predicate(self, path: str) -> Condition:
        _, sign = self._take()
        match sign.upper():
            case "=":
                wanted = self._value()
                return lambda account: any(_equal(value, wanted) for value in values_at(account, path))
            case "!=" | "<>":
                wanted = self._value()
                return lambda account: not any(_equal(value, wanted) for value in values_at(account, path))
            case "<" | "<=" | ">" | ">=":
                wanted = self._value()
                return lambda account: any(_compare(value, sign, wanted) for value in values_at(account, path))
            case "IN":
                among = self._list()
                return lambda account: any(_equal(v, each) for v in values_at(account, path) for each in among)
            case "CONTAINS":
                part = str(self._value()).lower()
                return lambda account: any(part in str(value).lower() for value in values_at(account, path))
            case "IS":
                is_wanted = self._skips("NOT")
                self._keyword("NULL")
                return lambda account: any(value is not None for value in values_at(account, path)) == is_wanted
        raise wrong("query", f"{sign!r} is no operator")

    def _order(self) -> tuple[tuple[str, bool], ...]:
        self._keyword("BY")
        order: list[tuple[str, bool]] = []
        while True:
            _, path = self._take()
            descending = self._skips("DESC")
            if not descending:
                self._skips("ASC")
            order.append((path, descending))
            if not self._skips(","):
                return tuple(order)

    def _list(self) -> list[Any]:
        self._keyword("(")
        values = [self._value()]
        while self._skips(","):
            values.append(self._value())
        self._keyword(")")
        return values

    def _value(self) -> Any:
        kind, text = self._take()
        if kind == "string":
            return re.sub(r"\\(.)", r"\1", text[1:-1])
        if kind == "number":
            return float(text) if "." in text else int(text)
        literals = {"true": True, "false": False, "null": None}
        if text.lower() in literals:
            return literals[text.lower()]
        raise wrong("query", f"{text!r} is no value")

    def _whole(self) -> int:
        kind, text = self._take()
        if kind != "number" or not text.isdecimal():
            raise wrong("query", f"{text!r} is no whole number")
        return int(text)

    def _take(self) -> tuple[str, str]:
        if self._place >= len(self._tokens):
            raise wrong("query", "it ends too early")
        self._place += 1
        return self._tokens[self._place - 1]

    def _skips(self, word: str) -> bool:
        """Pass over the next token if it is this keyword or sign, and say whether it was."""
        if self._place >= len(self._tokens):
            return False
        kind, text = self._tokens[self._place]
        is_it = kind in ("word", "sign") and text.upper() == word
        self._place += is_it
        return is_it

    def _keyword(self, word: str) -> None:
        if not self._skips(word):
            raise wrong("query", f"{word} was expected")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place, end = 0, len(text.rstrip())
    while place < end:
        found = TOKEN.match(text, place)
        if found is None or found.lastgroup is None:
            raise wrong("query", f"it cannot be read at character {place}")
        yield found.lastgroup, found[found.lastgroup]
        place = found.end()


def _always(_account: Account) -> bool:
    return True


def _equal(value: Any, wanted: Any) -> bool:
    """Compare as the product's index does: letters' case does not count."""
    if isinstance(value, str) and isinstance(wanted, str):
        return value.lower() == wanted.lower()
    return type(value) is type(wanted) and bool(value == wanted)


def _compare(value: Any, sign: str, wanted: Any) -> bool:
    numbers = isinstance(value, (int, float)) and isinstance(wanted, (int, float))
    if not numbers and not (isinstance(value, str) and isinstance(wanted, str)):
        return False
    return COMPARISONS[sign](value, wanted)
