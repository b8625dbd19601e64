"""The ``$filter`` language of the Dataverse Web API: text becomes a tree, and a tree becomes a yes or no for a row.

Understood: ``eq ne gt ge lt le``, ``and or not``, parentheses, ``contains startswith endswith``, and the query
functions ``Microsoft.Dynamics.CRM.In`` and ``NotIn`` with parameter aliases.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from klantbeeld.sandbox.dataverse.columns import MOMENT_FORMAT, Kind
from klantbeeld.sandbox.dataverse.conditions import (
    COMPARISONS,
    STRING_TESTS,
    Comparison,
    Condition,
    Junction,
    ListTest,
    Negation,
    StringTest,
    comparable,
)
from klantbeeld.sandbox.dataverse.errors import bad_query

TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"\\]|\\.)*")
    |(?P<guid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})
    |(?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))
    |(?P<date>\d{4}-\d\d-\d\d)
    |(?P<number>-?\d+(?:\.\d+)?)
    |(?P<name>[A-Za-z_@][\w.]*(?:/[A-Za-z_]\w*)*)
    |(?P<mark>[()\[\],=])
    )""",
    re.VERBOSE,
)
LIST_TESTS = {"Microsoft.Dynamics.CRM.In": True, "Microsoft.Dynamics.CRM.NotIn": False}
CONSTANTS: Mapping[str, bool | None] = {"null": None, "true": True, "false": False}
MAXIMUM_DEPTH = 100

Literal = str | bool | Decimal | date | datetime | None
KindOf = Callable[[str], Kind]


def parse_filter(text: str, kind_of: KindOf, *, aliases: Mapping[str, str]) -> Condition:
    """Return the condition that ``text`` writes.

    ``kind_of`` tells the kind of a column, and raises ``Refused`` for one that does not exist; ``aliases`` are the
    ``@name`` parameters of the URL. Raises ``Refused`` (400) with the position for what cannot be understood.
    """
    parser = Parser(tokens_of(text), kind_of, aliases)
    condition = parser.disjunction()
    parser.expect_end()
    return condition


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of the text, its kind, and where it starts."""

    kind: str
    text: str
    position: int


def tokens_of(text: str) -> list[Token]:
    """Cut ``text`` into tokens; raise ``Refused`` at the first character that starts none."""
    found: list[Token] = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise bad_query(f"Syntax error at position {position} in '{text}'.")
        found.append(Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        position = match.end()
    return found


class Parser:
    """Recursive descent over the tokens of one ``$filter``; lives as long as the parsing of it."""

    def __init__(self, tokens: list[Token], kind_of: KindOf, aliases: Mapping[str, str]) -> None:
        self.tokens = tokens
        self.kind_of = kind_of
        self.aliases = aliases
        self.position = 0
        self.depth = 0

    def disjunction(self) -> Condition:
        """Read ``a or b or c``."""
        return self.joined("or", self.conjunction)

    def conjunction(self) -> Condition:
        """Read ``a and b and c``, which binds closer than ``or``."""
        return self.joined("and", self.negation)

    def joined(self, word: str, part: Callable[[], Condition]) -> Condition:
        """Read parts with ``word`` between them."""
        parts = [part()]
        while self.take("name", word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Junction(tuple(parts), every=word == "and")

    def negation(self) -> Condition:
        """Read an optional ``not`` and what it is about."""
        self.depth += 1
        if self.depth > MAXIMUM_DEPTH:
            raise bad_query(f"The recursion limit of {MAXIMUM_DEPTH} has been exceeded.")
        negated = self.take("name", "not")
        condition = self.negation() if negated else self.primary()
        self.depth -= 1
        return Negation(condition) if negated else condition

    def primary(self) -> Condition:
        """Read a group, a function or a comparison."""
        if self.take("mark", "("):
            inner = self.disjunction()
            self.expect("mark", ")")
            return inner
        name = self.expect("name")
        if name in LIST_TESTS:
            return self.list_test(expected=LIST_TESTS[name])
        if self.peek("mark", "("):
            return self.string_test(name)
        return self.comparison(name)

    def comparison(self, path: str) -> Comparison:
        """Read the operator and the value after a column."""
        operator = self.expect("name")
        if operator not in COMPARISONS:
            raise bad_query(f"'{operator}' is not an operator that is supported here.")
        return Comparison(path, operator, typed(self.literal(), self.kind_of(path), path=path))

    def string_test(self, function: str) -> StringTest:
        """Read ``(path,'part')`` after the name of a function."""
        if function not in STRING_TESTS:
            raise bad_query(f"An unknown function with name '{function}' was found.")
        self.expect("mark", "(")
        path = self.expect("name")
        self.kind_of(path)
        self.expect("mark", ",")
        part = self.literal()
        self.expect("mark", ")")
        if not isinstance(part, str):
            raise bad_query(f"The second argument of '{function}' must be a string.")
        return StringTest(function, path, part)

    def list_test(self, *, expected: bool) -> ListTest:
        """Read ``(PropertyName='column',PropertyValues=['a','b'])``; either value may be an ``@alias``."""
        self.expect("mark", "(")
        arguments: dict[str, Any] = {}
        while True:
            name = self.expect("name")
            self.expect("mark", "=")
            arguments[name] = self.argument()
            if not self.take("mark", ","):
                break
        self.expect("mark", ")")
        path, values = arguments.get("PropertyName"), arguments.get("PropertyValues")
        if not isinstance(path, str) or not isinstance(values, list):
            raise bad_query("PropertyName must be a string and PropertyValues a collection.")
        kind = self.kind_of(path)
        return ListTest(path, frozenset(typed_text(value, kind, path=path) for value in values), expected)

    def argument(self) -> Any:
        """Read one argument of a query function: a literal, a list of them, or an alias for either."""
        if self.peek("name") and self.tokens[self.position].text.startswith("@"):
            alias = self.expect("name")
            if alias not in self.aliases:
                raise bad_query(f"The parameter alias '{alias}' has no value in the query.")
            return Parser(tokens_of(self.aliases[alias]), self.kind_of, {}).argument()
        return self.collection() if self.take("mark", "[") else self.literal()

    def collection(self) -> list[Literal]:
        """Read the rest of ``[a,b,c]``."""
        if self.take("mark", "]"):
            return []
        values = [self.literal()]
        while self.take("mark", ","):
            values.append(self.literal())
        self.expect("mark", "]")
        return values

    def literal(self) -> Literal:
        """Read one value."""
        token = self.next()
        if token.kind == "name" and token.text in CONSTANTS:
            return CONSTANTS[token.text]
        if token.kind not in LITERALS:
            raise bad_query(f"A value was expected at position {token.position}, not '{token.text}'.")
        try:
            return LITERALS[token.kind](token.text)
        except ValueError:
            raise bad_query(f"'{token.text}' is no valid value at position {token.position}.") from None

    def peek(self, kind: str, text: str | None = None) -> bool:
        """Say whether the next token is of this kind (and reads so)."""
        if self.position >= len(self.tokens):
            return False
        token = self.tokens[self.position]
        return token.kind == kind and text in (None, token.text)

    def take(self, kind: str, text: str) -> bool:
        """Step over the next token if it is this one."""
        found = self.peek(kind, text)
        self.position += found
        return found

    def next(self) -> Token:
        """Step over the next token, whatever it is; there must be one."""
        if self.position >= len(self.tokens):
            raise bad_query("The filter ends where more was expected.")
        self.position += 1
        return self.tokens[self.position - 1]

    def expect(self, kind: str, text: str | None = None) -> str:
        """Step over a token that must be of this kind, and return its text."""
        token = self.next()
        if token.kind != kind or text not in (None, token.text):
            raise bad_query(f"Syntax error: '{token.text}' at position {token.position}.")
        return token.text

    def expect_end(self) -> None:
        """Refuse what stands after a whole filter."""
        if self.position < len(self.tokens):
            token = self.tokens[self.position]
            raise bad_query(f"Syntax error: '{token.text}' at position {token.position}.")


def moment(text: str) -> datetime:
    """Return the moment that an OData DateTimeOffset writes."""
    return datetime.fromisoformat(text)


LITERALS: Mapping[str, Callable[[str], Literal]] = {
    "string": lambda text: text[1:-1].replace("''", "'"),
    "quoted": lambda text: re.sub(r"\\(.)", r"\1", text[1:-1]),
    "guid": lambda text: text,
    "datetime": moment,
    "date": date.fromisoformat,
    "number": Decimal,
}


def typed(value: Literal, kind: Kind, *, path: str) -> Any:
    """Return a literal in the form in which values of ``kind`` are compared; refuse one that cannot be."""
    if value is None:
        return None
    if kind is Kind.MOMENT and isinstance(value, date):
        at = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
        return at.astimezone(UTC).strftime(MOMENT_FORMAT).casefold()
    accepted = {Kind.DAY: date, Kind.FLAG: bool, Kind.NUMBER: Decimal, Kind.CHOICE: Decimal}.get(kind, str)
    if not isinstance(value, accepted) or isinstance(value, datetime):
        message = f"A binary operator with incompatible types was detected at '{path}', which is {kind.value}."
        raise bad_query(message)
    return comparable(value.isoformat() if isinstance(value, date) else value)


def typed_text(value: Literal, kind: Kind, *, path: str) -> Any:
    """Return one of ``PropertyValues``, which are strings whatever the column's kind."""
    if not isinstance(value, str) or kind in (Kind.TEXT, Kind.GUID):
        return typed(value if isinstance(value, str | None) else str(value), kind, path=path)
    text = value if kind in (Kind.NUMBER, Kind.CHOICE, Kind.FLAG, Kind.DAY, Kind.MOMENT) else f"'{value}'"
    return typed(Parser(tokens_of(text), lambda _: kind, {}).literal(), kind, path=path)
