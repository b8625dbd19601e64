"""The Stripe search query language: ``email:'a@b.nl' AND metadata['customer_number']:'K1'``.

Clauses are joined by spaces, ``AND`` or ``OR`` (never both); ``-`` before a clause negates it. ``:`` compares exactly,
``~`` looks for a part of at least three characters, ``< <= > >=`` compare numbers. Letters' case does not matter.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from klantbeeld.sandbox.stripe.errors import ApiError

CLAUSE = re.compile(
    r"""\s*(?P<negated>-?)
    (?P<field>[a-z_]+)(?:\[(?P<key>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\])?
    \s*(?P<operator>:|~|<=|>=|<|>)\s*
    (?P<value>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|null|-?\d+)\s*""",
    re.VERBOSE,
)
JOINT = re.compile(r"(AND|OR)\b", re.IGNORECASE)
SMALLEST_PART = 3
MAXIMUM_CLAUSES = 10

COMPARISONS: Mapping[str, Callable[[int, int], bool]] = {
    ":": lambda left, right: left == right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


class Field(Enum):
    """How a field can be searched: a number, a token (exactly), or text (exactly or in part)."""

    NUMERIC = "numeric"
    TOKEN = "token"  # noqa: S105 - Stripe's word for a kind of field
    STRING = "string"


OPERATORS: Mapping[Field, frozenset[str]] = {
    Field.NUMERIC: frozenset(COMPARISONS),
    Field.TOKEN: frozenset({":"}),
    Field.STRING: frozenset({":", "~"}),
}
CUSTOMER_FIELDS: Mapping[str, Field] = {
    "created": Field.NUMERIC,
    "email": Field.STRING,
    "metadata": Field.TOKEN,
    "name": Field.STRING,
    "phone": Field.STRING,
}
INVOICE_FIELDS: Mapping[str, Field] = {
    "created": Field.NUMERIC,
    "currency": Field.TOKEN,
    "customer": Field.TOKEN,
    "metadata": Field.TOKEN,
    "number": Field.STRING,
    "receipt_number": Field.STRING,
    "status": Field.STRING,
    "subscription": Field.STRING,
    "total": Field.NUMERIC,
}


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition on one field; ``value`` None stands for ``null``."""

    field: str
    key: str | None
    operator: str
    value: str | None
    is_negated: bool
    kind: Field

    def holds(self, thing: Mapping[str, Any]) -> bool:
        """Say whether an object meets the clause."""
        actual = thing.get(self.field)
        if self.key is not None:
            actual = (actual or {}).get(self.key)
        return self._matches(actual) is not self.is_negated

    def _matches(self, actual: Any) -> bool:
        if self.value is None or actual is None:
            return self.value is None and actual is None
        if self.kind is Field.NUMERIC:
            return COMPARISONS[self.operator](int(actual), int(self.value))
        if self.operator == "~":
            return self.value.casefold() in str(actual).casefold()
        return self.value.casefold() == str(actual).casefold()


@dataclass(frozen=True, slots=True)
class Search:
    """A whole query: clauses of which all must hold, or one."""

    clauses: tuple[Clause, ...]
    every: bool

    def holds(self, thing: Mapping[str, Any]) -> bool:
        """Say whether an object is found."""
        met = (clause.holds(thing) for clause in self.clauses)
        return all(met) if self.every else any(met)


def parse_search(query: str, fields: Mapping[str, Field]) -> Search:
    """Return the search that ``query`` writes; raise ``ApiError`` (400) for what cannot be parsed."""
    clauses: list[Clause] = []
    joints: set[str] = set()
    position = 0
    while True:
        match = CLAUSE.match(query, position)
        if match is None:
            raise unparsable()
        clauses.append(read_clause(match, fields))
        position = match.end()
        if position == len(query):
            break
        joint = JOINT.match(query, position)
        joints.add(joint[1].upper() if joint else "AND")
        position = joint.end() if joint else position
    if len(joints) > 1:
        raise ApiError("You can't combine AND and OR in the same query.", param="query")
    if len(clauses) > MAXIMUM_CLAUSES:
        raise ApiError(f"A query holds {MAXIMUM_CLAUSES} clauses at most.", param="query")
    return Search(tuple(clauses), joints != {"OR"})


def read_clause(match: re.Match[str], fields: Mapping[str, Field]) -> Clause:
    """Return the clause that was matched; refuse fields and operators that do not go together."""
    field, operator, value = match["field"], match["operator"], match["value"]
    kind = fields.get(field)
    if kind is None:
        raise ApiError(f"Field `{field}` is an unsupported search field.", param="query")
    is_text = value[0] in "'\""
    plain = unquoted(value)
    if operator not in OPERATORS[kind] or (field == "metadata") is not (match["key"] is not None):
        raise ApiError(f"Field `{field}` does not support the operator `{operator}`.", param="query")
    if value != "null" and kind is Field.NUMERIC and not plain.lstrip("-").isdecimal():
        raise unparsable()
    if operator == "~" and len(plain) < SMALLEST_PART:
        raise ApiError(f"Substring search needs at least {SMALLEST_PART} characters.", param="query")
    key = unquoted(match["key"]) if match["key"] else None
    return Clause(field, key, operator, plain if is_text or value != "null" else None, bool(match["negated"]), kind)


def unquoted(text: str) -> str:
    """Return the text without its quotes and escapes."""
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[0] in "'\"" else text


def unparsable() -> ApiError:
    """Return the 400 for a query that is none."""
    form = 'metadata["key"]:"value" AND currency:"usd"'
    return ApiError(f"We were unable to parse your search query. Try using this format: {form}.", param="query")
