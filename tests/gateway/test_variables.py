"""Errors about variables say where and what, and never what was in them."""

from typing import Any

import pytest
from graphql import build_schema, get_operation_ast, parse
from graphql.execution.values import get_variable_values

from klantbeeld.gateway.errors import shown_before_execution
from klantbeeld.gateway.variables import FORMATS, allowed_by, choices_of, place_of, without_value
from klantbeeld.graph.schema import build_schema as build_ours

SCHEMA = build_schema(
    """
    enum State { OPEN PAID }
    input Either @oneOf { a: String b: Int }
    input Place { city: String!, number: Int, more: [Place!], state: State }
    type Query { f(id: ID, part: Float): Int }
    """
)

WRONG: list[tuple[str, Any, str, str]] = [
    ("Place", {"city": "x", "number": "geheim"}, "$v.number", "Int cannot represent non-integer value."),
    ("Place", {"city": "x", "geheim": 1}, "$v", "not to include unknown fields."),
    ("Place", {"city": None}, "$v.city", "Expected value of non-null type 'String!' not to be None."),
    ("Place", "geheim", "$v", "Expected value of type 'Place' to be an object."),
    ("Place", {"number": 1, "state": "geheim"}, "$v", "to include required field 'city'."),
    ("Place", {"city": "x", "more": [{"city": ["geheim"]}]}, "$v.more[0].city", "cannot represent a non string value."),
    ("Place", {"city": "x", "state": "geheim"}, "$v.state", "The value does not exist in 'State' enum."),
    ("ID!", {"geheim": 1}, "$v", "ID cannot represent value."),
    ("ID!", None, "$v", "Expected value of non-null type 'ID!' not to be None."),
    ("Int", 99_999_999_999, "$v", "Int cannot represent non 32-bit signed integer value."),
    ("[ID!]", ["a", {"geheim": 1}], "$v[1]", "ID cannot represent value."),
    ("State", 5, "$v", "Enum 'State' cannot represent non-string value."),
    ("State", "OPNE, geheim: x\ny", "$v", "The value does not exist in 'State' enum."),
    ("Boolean", "geheim", "$v", "Boolean cannot represent a non boolean value."),
    ("Float", "geheim: geheim", "$v", "Float cannot represent non numeric value."),
    ("Either", {"a": "geheim", "b": 5}, "$v", "exactly one field must be specified"),
]


@pytest.mark.parametrize(("kind", "value", "place", "said"), WRONG)
def test_the_place_and_the_matter_are_said_and_not_the_value(kind: str, value: Any, place: str, said: str) -> None:
    operation = get_operation_ast(parse(f"query ($v: {kind}) {{ f }}"))
    assert operation is not None
    errors = get_variable_values(SCHEMA, operation.variable_definitions or (), {"v": value})
    assert isinstance(errors, list)
    for formatted in shown_before_execution(errors, "en"):
        assert formatted["extensions"]["code"] == "BAD_USER_INPUT"
        assert "geheim" not in str(formatted)
        assert "99999999999" not in str(formatted)
    shown = shown_before_execution(errors, "en")
    assert any(said in one["message"] and one["extensions"]["place"] == place for one in shown), shown


@pytest.mark.parametrize(
    ("kind", "value", "allowed"),
    [
        ("State", "OPNE", ["OPEN", "PAID"]),
        ("State", 5, ["OPEN", "PAID"]),
        ("Place", {"city": "x", "state": "geheim"}, ["OPEN", "PAID"]),
        ("Place!", {"city": "x", "geheim": 1}, ["city", "number", "more", "state"]),
        ("Either", {"a": "geheim", "b": 5}, ["a", "b"]),
        ("Int", "geheim", None),
    ],
)
def test_what_is_allowed_is_said_where_there_is_a_choice(kind: str, value: Any, allowed: list[str] | None) -> None:
    operation = get_operation_ast(parse(f"query ($v: {kind}) {{ f }}"))
    assert operation is not None
    errors = get_variable_values(SCHEMA, operation.variable_definitions or (), {"v": value})
    assert isinstance(errors, list)
    (formatted,) = shown_before_execution(errors, "en", choices=choices_of(SCHEMA))
    assert formatted["extensions"].get("allowed") == allowed
    assert ("Allowed: " in formatted["message"]) is (allowed is not None)


@pytest.mark.parametrize(("kind", "value"), [("Date", "1-2-2000"), ("DateTime", "yesterday"), ("Decimal", "abc")])
def test_how_a_scalar_is_written_is_said(kind: str, value: str) -> None:
    operation = get_operation_ast(parse(f"query ($v: {kind}) {{ f }}"))
    assert operation is not None
    errors = get_variable_values(build_ours()._schema, operation.variable_definitions or (), {"v": value})
    assert isinstance(errors, list)
    (formatted,) = shown_before_execution(errors, "en")
    assert formatted["extensions"]["allowed"] == list(FORMATS[kind])
    assert value not in str(formatted)


def test_words_that_are_not_known_are_not_shown() -> None:
    message = "Variable '$v' has invalid value at .a: a new kind of words about 'geheim'"
    assert without_value(message) == "Variable '$v' has invalid value at .a."
    assert place_of(message) == "$v.a"


def test_nothing_is_known_of_what_is_not_about_a_variable() -> None:
    assert allowed_by("Value 'x' does not exist in 'State' enum.", choices_of(SCHEMA)) == ()


def test_what_is_not_about_a_variable_stays() -> None:
    message = "Cannot query field 'x' on type 'Query'."
    assert (without_value(message), place_of(message)) == (message, None)
