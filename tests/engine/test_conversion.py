"""Conversion: what the function of a field gets is what strawberry would make of the same arguments."""

from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Annotated, Any

import pytest
import strawberry
from graphql import GraphQLField, GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema, Undefined
from graphql.utilities.coerce_input_value import coerce_default_value, coerce_input_value
from hypothesis import given, strategies
from hypothesis.strategies import DataObject
from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.relay import GlobalID
from strawberry.relay.types import InvalidGlobalIDError
from strawberry.types.arguments import convert_argument, convert_arguments
from tests.engine.given import exactly, many, right
from tests.engine.house import SCHEMA as PUBLISHED

from klantbeeld.engine.conversion import Conversion


@strawberry.enum
class Size(Enum):
    SMALL = "s"
    MEDIUM = "m"


@strawberry.input
class Part:
    sizes: list[Size | None] | None = strawberry.field(default_factory=list)
    more: list[list[int]] | None = None
    is_whole: bool = strawberry.field(name="entire", default=True)


@strawberry.input
class Whole:
    name: str
    nothing_said: str | None
    unset: int | None = strawberry.UNSET
    size: Size = Size.MEDIUM
    part: Part | None = None
    parts: list[Part | None] = strawberry.field(default_factory=list)


@strawberry.input
class Endless:
    name: str | None = None
    again: Annotated["Endless", strawberry.lazy(__name__)] | None = None


@strawberry.input
class Maybe:
    name: strawberry.Maybe[str]
    others: strawberry.Maybe[str | None]


@strawberry.input(one_of=True)
class Either:
    name: strawberry.Maybe[str]
    part: strawberry.Maybe[Part]


@strawberry.input
class Identified:
    by: GlobalID
    size: Size


@strawberry.input
class Own:
    name: str


OWN: Any = Own
OWN.__strawberry_definition__.from_input = lambda kind, value, _context: kind(name=f"{value['name']}!")


@strawberry.type
class Query:
    @strawberry.field
    def asked(
        self,
        whole: Whole | None,
        parts: list[Part] | None = None,
        sizes: list[list[Size]] | None = strawberry.UNSET,
        how_many: Annotated[int, strawberry.argument(name="number")] = 3,
    ) -> str:
        return "x"

    @strawberry.field
    def left(
        self,
        endless: Endless | None,
        maybe: Maybe | None,
        either: Either | None,
        identified: Identified | None,
        own: list[Own] | None,
    ) -> str:
        return "x"


OTHER = strawberry.Schema(Query)
ASKED: Any = OTHER._schema.type_map["Query"]


def fields(schema: GraphQLSchema) -> dict[str, GraphQLField]:
    """Give the fields that have arguments, each set of arguments once."""
    return {
        " ".join(f"{name}: {argument.type}" for name, argument in field.args.items()): field
        for kind in schema.type_map.values()
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) and not kind.name.startswith("__")
        for field in kind.fields.values()
        if field.args
    }


FIELDS = fields(PUBLISHED._schema)


def coerced(field: GraphQLField, data: DataObject) -> dict[str, Any]:
    """Draw arguments of a field, as graphql-core coerces them; those that are not given have their default, if any."""
    values = {}
    for name, argument in field.args.items():
        value = data.draw(strategies.just(Undefined) | right(argument.type))
        try:
            value = coerce_default_value(argument) if value is Undefined else coerce_input_value(value, argument.type)
        except StrawberryInputCoercionError:  # one of several
            value = Undefined
        if value is not Undefined:
            values[name] = value
    return values


def outcome(convert: Callable[[], Any]) -> Any:
    """Give what comes of a conversion: its value, or what it raises."""
    try:
        return exactly(convert())
    except (InvalidGlobalIDError, StrawberryInputCoercionError) as error:
        return repr(error)


def same_as_strawberry(schema: strawberry.Schema, field: GraphQLField, values: dict[str, Any]) -> None:
    declared = field.extensions["strawberry-definition"].arguments
    scalars = schema.schema_converter.scalar_registry
    theirs = partial(convert_arguments, values, declared, scalar_registry=scalars, config=schema.config)
    assert outcome(partial(Conversion(schema).to_python, field, values)) == outcome(theirs)


@pytest.mark.parametrize("arguments", FIELDS)
@many
@given(strategies.data())
def test_the_arguments_of_a_published_field_are_what_strawberry_makes(arguments: str, data: DataObject) -> None:
    same_as_strawberry(PUBLISHED, FIELDS[arguments], coerced(FIELDS[arguments], data))


@pytest.mark.parametrize("name", ["asked", "left"])
@many
@given(strategies.data())
def test_so_are_those_of_any_field_that_a_schema_may_have(name: str, data: DataObject) -> None:
    same_as_strawberry(OTHER, ASKED.fields[name], coerced(ASKED.fields[name], data))


def left(schema: strawberry.Schema, field: GraphQLField) -> list[str]:
    """Give the arguments that are left to strawberry."""
    conversion = Conversion(schema)
    conversion.to_python(field, {})
    return [name for name, convert in conversion._arguments.values() if getattr(convert, "func", 0) is convert_argument]


def test_no_argument_of_a_published_field_is_left_to_strawberry() -> None:
    assert [left(PUBLISHED, field) for field in FIELDS.values()] == [[]] * len(FIELDS)


def test_what_strawberry_makes_in_a_way_of_its_own_is_left_to_it() -> None:
    assert left(OTHER, ASKED.fields["asked"]) == []
    assert left(OTHER, ASKED.fields["left"]) == ["endless", "maybe", "either", "identified", "own"]


def test_a_list_is_never_that_of_another_request() -> None:
    field = ASKED.fields["asked"]
    values = {"whole": coerce_input_value({"name": "x", "part": {}}, field.args["whole"].type)}
    first, second = (Conversion(OTHER).to_python(field, values)["whole"] for _ in range(2))
    assert first == second
    assert first.part.sizes is not second.part.sizes
