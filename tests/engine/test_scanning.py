"""Literals are found without parsing, where they may vary, and nowhere else."""

import pytest
from graphql import Lexer, Source, TokenKind
from tests.engine.house import SCHEMA
from tests.engine.operations import operation_of

from klantbeeld.engine.scanning import TOKEN, scan


def literals(text: str) -> list[str]:
    return [text[one.start : one.end] for one in scan(text, most_tokens=1_000).found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{ customer(id: "a") { id } }', ['"a"']),
        ("{ a(first: 20, after: null, open: true, in: OPEN, at: -1.5e3) { id } }", ["20", "true", "OPEN", "-1.5e3"]),
        ('{ a(ids: ["a", "b"], by: {phone: "06", more: [1, {x: null}]}) }', None),
        ('{ a(by: {phone: $phone, name: "x", list: [1, $n]}) }', ['"x"', "1"]),
        ('{ a(s: """block " \\""" text""") }', ['"""block " \\""" text"""']),
        ('{ a(s: "") b(s: "\\"\\\\") }', ['""', '"\\"\\\\"']),
        ("{ a @skip(if: true) { b(n: 1) @include(if: $x) } }", ["1"]),
        ('query Q($n: Int = 5, $o: I = {a: "x"}) @d(a: 1) { a(n: 2) }', ["2"]),
        ("fragment F on T @d(a: 1) { a(n: 2) @d(a: 3) ... @d(a: 4) { b(n: 5) } }", ["2", "5"]),
        ("{ a # (n: 1)\n (n: 2) }", ["2"]),
        ("{ a }", []),
    ],
)
def test_literals_of_the_arguments_of_fields_are_found(text: str, expected: list[str] | None) -> None:
    if expected is None:
        expected = ['["a", "b"]', '{phone: "06", more: [1, {x: null}]}']
    assert literals(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{ a(",
        "{ a(n: ) }",
        "{ a(n 1) }",
        "{ a(n: 1.) }",
        "{ a(n: 01) }",
        '{ a(s: "x) }',
        "{ a(o: {x: 1, x: 2}) }",
        "{ a(n: 1) ? }",
        "{ a(n: " + "[" * 20 + "]" * 20 + ") }",
        '{ a(s: """x) }',
        "{ a(n: 5b: 3) }",
        "(n: 1",
        "@",
        ") } ]",
    ],
)
def test_what_is_not_understood_is_left_whole(text: str) -> None:
    found = scan(text, most_tokens=1_000)
    assert (found.shape, found.found) == ((text,), ())


def test_documents_that_differ_in_literals_alone_have_one_shape() -> None:
    one, another = (
        scan(f"{{ a(n: {n}, s: [{s}]) {{ id }} }}", most_tokens=99) for n, s in ((1, '"x"'), (222, '"y", 3'))
    )
    assert one.shape == another.shape
    assert one.digest == another.digest


@pytest.mark.parametrize("other", ["{ a(m: 1) }", "{ a(n: null) }", "{ b(n: 1) }", "{ a(n: $x) }", "{ a(n: 1) # 2\n }"])
def test_whatever_else_differs_is_another_shape(other: str) -> None:
    assert scan(other, most_tokens=99).shape != scan("{ a(n: 1) }", most_tokens=99).shape


def test_a_text_that_spells_the_gap_has_not_the_shape_of_one_that_has_it() -> None:
    assert scan("{ a(n: 1) }", most_tokens=99).shape != scan("{ a(n: $) }", most_tokens=99).shape


def test_more_tokens_than_are_allowed_are_not_looked_at() -> None:
    found = scan("{ a(n: 1) " + "b " * 200 + "}", most_tokens=100)
    assert (found.found, found.tokens) == ((), 101)


def test_tokens_are_those_of_graphql_core() -> None:
    for seed in range(60):
        text = operation_of(seed, SCHEMA._schema, mutations=0.3).text
        lexer = Lexer(Source(text))
        theirs = []
        while (token := lexer.advance()).kind != TokenKind.EOF:
            theirs.append((token.start, token.end))
        ours = [match.span() for match in TOKEN.finditer(text) if match.lastgroup != "ignored"]
        assert ours == theirs
