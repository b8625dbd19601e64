"""What an operation puts off, by its paths and the variables of a request."""

from typing import Any

import pytest
from graphql import parse, print_ast

from klantbeeld.engine.deferral import NOW, Deferral, deferral_of, is_incremental, without_deferral
from klantbeeld.errors import RequestError


def found(text: str, *, most: int = 20, name: str | None = None, **variables: Any) -> Deferral:
    return deferral_of(parse(text), name, variables, most=most)


def test_what_no_directive_puts_off_is_answered_at_once() -> None:
    deferral = found("{ a { b } ... { c } ...F } fragment F on Query { d }")
    assert not deferral
    assert [deferral.groups_of(path) for path in (("a",), ("a", "b"), ("c",), ("d",))] == [NOW] * 4


def test_each_deferred_fragment_is_a_group_and_the_innermost_counts() -> None:
    deferral = found("{ a { b ... @defer { c { d } ... @defer { e } } ... @defer { f } } }")
    groups = [deferral.groups_of(("a", *path)) for path in (("b",), ("c",), ("c", "d"), ("e",), ("f",))]
    assert groups == [NOW, {1}, {1}, {2}, {3}]
    assert deferral.places == [("a",)] * 3


def test_what_is_asked_at_once_elsewhere_is_not_put_off() -> None:
    deferral = found("{ a { b { c } ... @defer { b { c d } } } }")
    assert [deferral.groups_of(("a", "b", one)) for one in ("c", "d")] == [NOW, {1}]


def test_what_two_fragments_defer_waits_for_both_together() -> None:
    assert found("{ a { ... @defer { b } ... @defer { b } } }").groups_of(("a", "b")) == {1, 2}


@pytest.mark.parametrize(
    ("directive", "variables", "is_off"),
    [
        ("@defer(if: false)", {}, False),
        ("@defer(if: true)", {}, True),
        ("@defer(if: $yes)", {"yes": True}, True),
        ("@defer(if: $yes)", {"yes": False}, False),
        ("@defer(if: $yes)", {}, True),
        ("@defer @skip(if: $yes)", {"yes": True}, False),
        ("@defer @include(if: $yes)", {"yes": True}, True),
    ],
)
def test_conditions_decide(directive: str, variables: dict[str, Any], *, is_off: bool) -> None:
    text = f"query ($yes: Boolean) {{ a {{ ... {directive} {{ b }} }} }}"
    assert bool(found(text, **variables)) is is_off


@pytest.mark.parametrize(
    ("directive", "variables", "expected"),
    [
        ("@stream", {}, {("a", "list"): 0}),
        ("@stream(initialCount: 3)", {}, {("a", "list"): 3}),
        ("@stream(initialCount: $n)", {"n": 2}, {("a", "list"): 2}),
        ("@stream(if: false, initialCount: 1)", {}, {}),
    ],
)
def test_streams_say_how_many_items_come_first(
    directive: str, variables: dict[str, Any], expected: dict[tuple[str, ...], int]
) -> None:
    assert found(f"query ($n: Int) {{ a {{ list {directive} {{ b }} }} }}", **variables).streams == expected


def test_only_the_operation_that_is_asked_counts() -> None:
    text = "query One { a } query Other { ... @defer { a } }"
    assert not found(text, name="One")
    assert found(text, name="Other")


def test_directives_count_as_often_as_their_fragment_is_spread() -> None:
    text = "{ one { ...F } two { ...F } } fragment F on T { ... @defer { a } }"
    assert len(found(text, most=2).places) == 2
    with pytest.raises(RequestError) as refused:
        found(text, most=1)
    assert refused.value.reason == "TOO_MANY_DEFERRED"


def test_a_document_without_what_puts_off_is_known_as_such_and_one_with_it_loses_it() -> None:
    plain = parse("query ($x: Boolean!) { a { list ... @include(if: $x) { b } } }")
    text = 'query ($x: Boolean!) { a { list @stream ... @include(if: $x) @defer(label: "l") { b } } }'
    assert not is_incremental(plain)
    assert is_incremental(parse(text))
    assert print_ast(without_deferral(parse(text))) == print_ast(plain)
