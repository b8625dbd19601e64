"""Variables: what arrives as it should be is taken as it is, and anything else is coerced as graphql-core does."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    build_schema,
    parse,
)
from graphql.execution.values import VariableValues, get_variable_values
from hypothesis import given, settings, strategies
from hypothesis.strategies import DataObject
from tests.engine.given import exactly, many, perhaps, right
from tests.engine.house import SCHEMA as PUBLISHED

from klantbeeld.engine import variables
from klantbeeld.engine.coercion import coercion_of
from klantbeeld.engine.variables import InvalidVariables, VariableReader
from klantbeeld.sdk.words import Channel

CORE: GraphQLSchema = PUBLISHED._schema

SCHEMA = build_schema("""
  type Query { named(ids: [ID!]!, sizes: [[Int]], name: String): String }
  enum Size { S M }
  scalar Even
  input Whole {
    name: String!, size: Size = M, many: [Int!] = [1, 2], even: Even, parts: [Part!], renamed: Boolean = true
  }
  input Part { name: ID, more: [[Size]] }
  input Endless { name: Int, again: Endless, through: [Between!] }
  input Between { endless: Endless! }
  input Either @oneOf { name: String, part: Part }
  input Made { name: Int }
""")
KINDS: Mapping[str, Any] = SCHEMA.type_map


def even(value: Any) -> Any:
    """Parse an even number: fails for what is none, and has nothing to give for an odd one."""
    return Undefined if value % 2 else int(value)


KINDS["Even"].coerce_input_value = even
KINDS["Whole"].fields["renamed"].out_name = "as_python_says"
KINDS["Made"].out_type = dict.items

INPUTS = [name for name, kind in CORE.type_map.items() if isinstance(kind, GraphQLInputObjectType)]
LEAVES = [name for name, kind in CORE.type_map.items() if isinstance(kind, GraphQLEnumType | GraphQLScalarType)]
WRAPPED = ["{}", "{}!", "[{}!]!", "[[{}]]"]
OTHERS = ["Whole", "Part", "Endless", "Between", "Either", "Made", "Size"]


def operation(declared: str) -> OperationDefinitionNode:
    tree = parse(f"query ({declared}) {{ named }}").definitions[0]
    assert isinstance(tree, OperationDefinitionNode)
    return tree


def reader(declared: str, schema: GraphQLSchema = SCHEMA) -> VariableReader:
    return VariableReader(schema, operation(declared))


def declared_and_given(values: VariableValues) -> list[Any]:
    return [
        (name, str(one.signature.type), one.signature.default and one.signature.default.literal, repr(one.value))
        for name, one in values.sources.items()
    ]


def same_as_graphql_core(declared: str, schema: GraphQLSchema, values: Mapping[str, Any]) -> None:
    """Hold what is read against what graphql-core makes of it, or says about it."""
    theirs = get_variable_values(schema, operation(declared).variable_definitions or (), dict(values), max_errors=20)
    if isinstance(theirs, list):
        with pytest.raises(InvalidVariables) as invalid:
            reader(declared, schema).read(values)
        assert [one.message for one in invalid.value.errors] == [one.message for one in theirs]
    else:
        ours = reader(declared, schema).read(values)
        assert exactly(ours.coerced) == exactly(theirs.coerced)
        assert declared_and_given(ours.all) == declared_and_given(theirs)


@pytest.mark.parametrize(
    ("declared", "given"),
    [
        ("$ids: [ID!]!", {"ids": ["a", "b"]}),
        ("$ids: [ID!]", {"ids": []}),
        ("$sizes: [[Int]]", {"sizes": [[1, 2], []]}),
        ("$name: String, $ids: [ID!]!", {"name": "x", "ids": ["a"]}),
        ("$name: String, $ids: [ID!]!", {"ids": ["a"]}),
        ("$sizes: [[Int]]", {"sizes": [[1, None], None]}),
        ("$name: String", {"name": None}),
    ],
)
def test_scalars_and_lists_of_them_are_taken_as_they_are(declared: str, given: Mapping[str, Any]) -> None:
    with patch.object(variables, "get_variable_values", side_effect=AssertionError):
        assert reader(declared).read(given).coerced == given


@pytest.mark.parametrize(
    ("declared", "given", "coerced"),
    [
        ("$ids: [ID!]!", {"ids": "a"}, {"ids": ["a"]}),
        ("$ids: [ID!]!", {"ids": ["a", 7]}, {"ids": ["a", "7"]}),
        ("$sizes: [[Int]]", {"sizes": 3}, {"sizes": [[3]]}),
        ("$ids: [ID!]", {}, {}),
        ("$ids: [ID!] = [1]", {}, {"ids": ["1"]}),
    ],
)
def test_anything_else_is_coerced(declared: str, given: Mapping[str, Any], coerced: Mapping[str, Any]) -> None:
    assert reader(declared).read(given).coerced == coerced


@pytest.mark.parametrize("given", [{"ids": ["a", None]}, {"ids": ["a", True]}, {"ids": [["a"]]}, {"ids": None}, {}])
def test_what_does_not_fit_is_refused(given: Mapping[str, Any]) -> None:
    with pytest.raises(InvalidVariables):
        reader("$ids: [ID!]!").read(given)


def test_an_input_object_is_taken_with_its_defaults_and_its_values_parsed() -> None:
    asked = {"channel": "APP", "complaintId": "c", "invoiceId": "i", "amount": "1.50", "resolution": "done"}
    with patch.object(variables, "get_variable_values", side_effect=AssertionError):
        coerced = reader("$input: CloseComplaintWithCreditInput!", CORE).read({"input": asked}).coerced["input"]
    more = {"channel": Channel.APP, "amount": Decimal("1.50"), "currency": "EUR"}
    assert coerced == asked | more | {"idempotencyKey": None, "expectedVersion": None}


@pytest.mark.parametrize("kind", INPUTS)
@many
@given(strategies.data())
def test_no_right_value_of_a_published_input_is_left_to_graphql_core(kind: str, data: DataObject) -> None:
    declared: Any = CORE.type_map[kind]
    value = data.draw(right(declared))
    with patch.object(variables, "get_variable_values", side_effect=AssertionError):
        reader(f"$v: {kind}", CORE).read({"v": value})
    same_as_graphql_core(f"$v: {kind}", CORE, {"v": value})


@pytest.mark.parametrize("kind", INPUTS)
@many
@given(strategies.data())
def test_a_published_input_is_what_graphql_core_says(kind: str, data: DataObject) -> None:
    declared: Any = CORE.type_map[kind]
    same_as_graphql_core(f"$v: {kind}!", CORE, {"v": data.draw(perhaps(declared))})


@settings(many, max_examples=300)
@given(strategies.data(), strategies.sampled_from(LEAVES + INPUTS), strategies.sampled_from(WRAPPED))
def test_so_is_anything_within_a_list(data: DataObject, kind: str, wrapped: str) -> None:
    declared = f"$v: {wrapped.format(kind)}"
    (source,) = reader(declared, CORE).sources({}).values()
    same_as_graphql_core(declared, CORE, {"v": data.draw(perhaps(source.signature.type))})


@pytest.mark.parametrize("kind", OTHERS)
@settings(many, max_examples=80)
@given(strategies.data())
def test_so_is_an_input_of_any_kind_that_a_schema_may_have(kind: str, data: DataObject) -> None:
    same_as_graphql_core(f"$v: {kind}", SCHEMA, {"v": data.draw(perhaps(KINDS[kind]))})


@pytest.mark.parametrize("kind", ["Endless", "Between", "Either", "Made"])
def test_a_type_that_holds_itself_or_is_made_otherwise_is_left_to_graphql_core(kind: str) -> None:
    assert coercion_of(SCHEMA).of(KINDS[kind]) is None


@pytest.mark.parametrize("value", [2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 1.0, True, None, "1"])
def test_a_whole_number_has_32_bits(value: Any) -> None:
    same_as_graphql_core("$v: Int", SCHEMA, {"v": value})


def test_a_variable_that_is_not_given_stays_away() -> None:
    same_as_graphql_core("$v: Int, $w: Whole, $x: Int = 3", SCHEMA, {"x": 4})
    same_as_graphql_core("$v: Int, $w: Whole, $x: Int = 3", SCHEMA, {})
    same_as_graphql_core("$v: Int, $w: Whole!", SCHEMA, {"v": 1})


def test_a_scalar_that_refuses_or_gives_nothing_is_left_to_graphql_core() -> None:
    for value in (3, "x", 4, 4.0, None):
        same_as_graphql_core("$v: Even, $w: Whole", SCHEMA, {"v": value, "w": {"name": "x", "even": value}})


def test_a_default_is_no_part_of_what_a_client_gave() -> None:
    first, second = (reader("$v: Whole").read({"v": {"name": "x"}}).coerced["v"] for _ in range(2))
    assert first == {"name": "x", "size": "M", "many": [1, 2], "as_python_says": True}
    assert first is not second
