"""Literals of a document, found without parsing it: documents that differ in nothing else have one shape.

A shape is the text between the literals of the arguments of fields. Arguments of directives and defaults of variables
belong to the shape, since they decide what is selected; so do `null` and whatever stands where it is not understood.
What is found here is never trusted by itself: a shape is known only once a document of that shape was parsed and found
valid, and each literal is read by the type of its place (`literals.py`).
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

# Deepest nesting of a literal that is looked into.
DEEPEST = 16

TOKEN = re.compile(
    r"""
    (?P<ignored>[\ufeff\t\n\r ,]+)
    |(?P<comment>\#[^\n\r]*)
    |(?P<block>\"{3}(?:[^"\\]|\\\"{3}|\\(?!\"{3})|\"(?!\"\"))*\"{3})
    |(?P<string>""(?!")|"(?:[^"\\\n\r]|\\[^\n\r])++")
    |(?P<float>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++(?:[eE][+-]?[0-9]++)?+|[eE][+-]?[0-9]++)(?![0-9A-Za-z_.]))
    |(?P<int>-?(?:0|[1-9][0-9]*+)(?![0-9A-Za-z_.]))
    |(?P<name>[_A-Za-z][_0-9A-Za-z]*+)
    |(?P<sign>\.\.\.|[!$&()\[\]{|}:=@])
    |(?P<strange>.)
    """,
    re.VERBOSE | re.DOTALL,
)

Kind = Literal["string", "block", "int", "float", "name", "list", "object"]


@dataclass(frozen=True, slots=True)
class Value:
    """A literal: the text of a leaf, the items of a list, or the members of an object by name."""

    kind: Kind
    content: Any


@dataclass(frozen=True, slots=True)
class Found:
    """A literal that stands in the place of an argument, or in a list or an object beside a variable."""

    start: int
    end: int
    value: Value


@dataclass(frozen=True, slots=True)
class Scan:
    """A text taken apart: the pieces between its literals, the literals, and how many tokens it has."""

    shape: tuple[str, ...]
    found: tuple[Found, ...]
    tokens: int

    @property
    def digest(self) -> str:
        """Name the shape, in hexadecimal digits; that of a text without literals is the SHA-256 of the text.

        Literals may be personal data, which a hash without a key would give away.
        """
        return hashlib.sha256("$".join(self.shape).encode()).hexdigest()


def scan(text: str, *, most_tokens: int) -> Scan:
    """Take a text apart. Where it is not understood, or has more tokens, all of it is its shape."""
    tokens = []
    count = 0
    for match in TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "ignored":
            continue
        count += 1
        if kind == "strange" or count > most_tokens:
            return Scan((text,), (), count)
        if kind != "comment":
            tokens.append((kind, match.group(), match.start(), match.end()))
    try:
        found = tuple(_Walk(tokens).document())
    except (NotUnderstood, IndexError):
        return Scan((text,), (), count)
    edges = [0, *(edge for one in found for edge in (one.start, one.end)), len(text)]
    shape = tuple(text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))
    return Scan(shape, found, count)


class NotUnderstood(Exception):
    """The text goes on in a way that is none of GraphQL's, or none of those looked for here."""


Token = tuple[str | None, str, int, int]


class _Walk:
    """One walk over the tokens of a text; `at` is the next one."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0

    def document(self) -> list[Found]:
        """Return the literals, in their order."""
        found: list[Found] = []
        braces = 0
        while self.at < len(self.tokens):
            kind, text, _, _ = self.tokens[self.at]
            if kind == "sign" and text == "(":
                if braces and not self._belongs_to_directive():
                    found += self._arguments()
                    continue
                self._skip()
                continue
            if kind == "sign":
                braces += (text == "{") - (text == "}")
            self.at += 1
        return found

    def _belongs_to_directive(self) -> bool:
        return self.tokens[self.at - 2][1] == "@" and self.tokens[self.at - 2][0] == "sign"

    def _skip(self) -> None:
        """Go behind the bracket that closes the one here."""
        depth = 0
        while True:
            kind, text, _, _ = self.tokens[self.at]
            self.at += 1
            if kind == "sign":
                depth += (text == "(") - (text == ")")
                if not depth:
                    return

    def _arguments(self) -> list[Found]:
        self.at += 1
        found: list[Found] = []
        while not self._is(")"):
            self._member_name()
            found += _lifted(self._value(0))
        self.at += 1
        return found

    def _is(self, sign: str) -> bool:
        kind, text, _, _ = self.tokens[self.at]
        return kind == "sign" and text == sign

    def _member_name(self) -> str:
        kind, text, _, _ = self.tokens[self.at]
        self.at += 1
        if kind != "name" or not self._is(":"):
            raise NotUnderstood
        self.at += 1
        return text

    def _value(self, depth: int) -> "Found | list[Found]":
        """Return a literal, or where a variable stands in it, the literals beside that."""
        kind, text, start, end = self.tokens[self.at]
        self.at += 1
        if _is_leaf(kind):
            return Found(start, end, Value(kind, text))
        if depth > DEEPEST:
            raise NotUnderstood
        if text == "$":
            self.at += 1
            return []
        if text == "[":
            return self._list(start, depth)
        if text == "{":
            return self._object(start, depth)
        raise NotUnderstood

    def _list(self, start: int, depth: int) -> "Found | list[Found]":
        items = []
        while not self._is("]"):
            items.append(self._value(depth + 1))
        return self._whole(start, "list", items, [one.value for one in items if isinstance(one, Found)])

    def _object(self, start: int, depth: int) -> "Found | list[Found]":
        members: dict[str, Any] = {}
        parts = []
        while not self._is("}"):
            name = self._member_name()
            part = self._value(depth + 1)
            if name in members:
                raise NotUnderstood
            members[name] = part.value if isinstance(part, Found) else None
            parts.append(part)
        return self._whole(start, "object", parts, members)

    def _whole(self, start: int, kind: Kind, parts: "list[Found | list[Found]]", content: Any) -> "Found | list[Found]":
        end = self.tokens[self.at][3]
        self.at += 1
        if all(isinstance(part, Found) for part in parts):
            return Found(start, end, Value(kind, content))
        return [one for part in parts for one in _lifted(part)]


def _is_leaf(kind: str | None) -> TypeGuard[Kind]:
    return kind in {"string", "block", "int", "float", "name"}


def _lifted(part: Found | list[Found]) -> list[Found]:
    """Return the literals that a variable may stand for; null is none of them, since a type may forbid it."""
    if isinstance(part, list):
        return part
    return [] if part.value == Value("name", "null") else [part]
