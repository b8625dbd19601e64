"""Conversion of coerced arguments into what the function of a field takes: objects of its input classes.

There is one function for each argument, made once. What it makes is what strawberry's `convert_argument` makes, to
which an argument is left if its type has anything else than inputs, lists, enums and scalars.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING
from functools import partial
from typing import Any

from graphql import GraphQLField
from strawberry import Schema
from strawberry.relay import GlobalID
from strawberry.scalars import is_scalar
from strawberry.types.arguments import StrawberryArgument, convert_argument
from strawberry.types.base import (
    StrawberryList,
    StrawberryMaybe,
    StrawberryObjectDefinition,
    StrawberryOptional,
    has_object_definition,
)
from strawberry.types.enum import StrawberryEnumDefinition

Convert = Callable[[Any], Any]


def as_it_is(value: Any) -> Any:
    """Convert a scalar, or a member of an enum."""
    return value


class Conversion:
    """The functions of one schema's arguments; lives as long as the schema."""

    def __init__(self, schema: Schema) -> None:
        self._config = schema.config
        self._scalars = schema.schema_converter.scalar_registry
        self._arguments: dict[StrawberryArgument, tuple[str, Convert]] = {}
        self._inputs: dict[type, Convert | None] = {}

    def to_python(self, definition: GraphQLField, values: Mapping[str, Any]) -> dict[str, Any]:
        """Make Python values of a field's coerced arguments, by their Python names."""
        found = {}
        for argument in definition.extensions["strawberry-definition"].arguments:
            name, convert = self._arguments.get(argument) or self._met(argument)
            if name in values:
                found[argument.python_name] = convert(values[name])
        return found

    def _met(self, argument: StrawberryArgument) -> tuple[str, Convert]:
        name = self._config.name_converter.from_argument(argument)
        left = partial(
            convert_argument, type_=argument.type, scalar_registry=self._scalars, config=self._config, path=(name,)
        )
        self._arguments[argument] = name, self._of(argument.type) or left
        return self._arguments[argument]

    def _of(self, kind: Any) -> Convert | None:
        """Return the function of a type; None for one that is left to strawberry."""
        if isinstance(kind, StrawberryOptional) and not isinstance(kind, StrawberryMaybe):
            return self._of(kind.of_type)
        if isinstance(kind, StrawberryList):
            item = self._of(kind.of_type)
            return item and _list(item)
        if isinstance(kind, StrawberryEnumDefinition) or (is_scalar(kind, self._scalars) and kind is not GlobalID):
            return as_it_is
        if not has_object_definition(kind):
            return None
        if kind not in self._inputs:
            self._inputs[kind] = None  # a type that holds itself is left to strawberry
            self._inputs[kind] = self._input(kind, kind.__strawberry_definition__)
        return self._inputs[kind]

    def _input(self, kind: type, definition: StrawberryObjectDefinition) -> Convert | None:
        if definition.from_input is not None or not definition.is_input:
            return None
        fields = {self._config.name_converter.from_field(field): field for field in definition.fields}
        found = {name: self._of(field.resolve_type(type_definition=definition)) for name, field in fields.items()}
        if None in found.values():
            return None
        members = [(name, fields[name].python_name, convert) for name, convert in found.items() if convert]
        unset = {
            field.python_name: None
            for field in fields.values()
            if field.default_value is MISSING and field.default_factory is MISSING
        }

        def convert(given: Mapping[str, Any] | None) -> Any:
            if given is None:
                return None
            found = unset.copy()
            for name, python_name, change in members:
                if name in given:
                    found[python_name] = given[name] if change is as_it_is else change(given[name])
            return kind(**found)

        return convert


def _list(item: Convert) -> Convert:
    def convert(value: list[Any] | None) -> list[Any] | None:
        if value is None:
            return None
        # A list of scalars is copied too: graphql-core gives every request the same default.
        return list(value) if item is as_it_is else list(map(item, value))

    return convert
