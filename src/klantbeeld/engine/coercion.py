"""Coercion of input values that are exactly what their type asks for (GraphQL, "Input Coercion" of each type).

There is one function for each type, made once. What it takes, it gives as graphql-core would; what it does not take may
still be right, and it is for graphql-core to say so, or to say what is wrong.
"""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    Undefined,
    is_required_input_field,
)
from graphql.utilities.coerce_input_value import coerce_default_value

INT_32 = 2**31


class Unfit(Exception):
    """A value that is not exactly what its type asks for, and is left to graphql-core."""


# Returns the coerced value; raises Unfit.
Coerce = Callable[[Any], Any]


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    raise Unfit


def _boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise Unfit


def _integer(value: Any) -> int:
    if type(value) is int and -INT_32 <= value < INT_32:
        return value
    raise Unfit


# Scalars of which a value is taken as it is.
PLAIN: Mapping[str, Coerce] = {"ID": _text, "String": _text, "Boolean": _boolean, "Int": _integer}


class Coercion:
    """The functions of one schema's input types; lives as long as the schema."""

    def __init__(self) -> None:
        self._made: dict[GraphQLInputObjectType | GraphQLEnumType, Coerce | None] = {}

    def of(self, kind: GraphQLInputType) -> Coerce | None:
        """Return the function of a type; None for a type that is left to graphql-core altogether."""
        if isinstance(kind, GraphQLNonNull):
            return self._of_nullable(kind.of_type)
        coerce = self._of_nullable(kind)
        return coerce and (lambda value: None if value is None else coerce(value))

    def _of_nullable(self, kind: Any) -> Coerce | None:
        """Return the function of a type for values that are not null."""
        if isinstance(kind, GraphQLList):
            item = self.of(kind.of_type)
            return item and _list(item)
        if isinstance(kind, GraphQLScalarType):
            return PLAIN.get(kind.name) or _parsed(kind)
        if kind not in self._made:
            self._made[kind] = None  # a type that holds itself is left to graphql-core, which bounds how deeply
            self._made[kind] = _enum(kind) if isinstance(kind, GraphQLEnumType) else self._object(kind)
        return self._made[kind]

    def _object(self, kind: GraphQLInputObjectType) -> Coerce | None:
        if kind.is_one_of or kind.out_type is not GraphQLInputObjectType.out_type:
            return None
        fields = kind.fields
        found = {name: self.of(field.type) for name, field in fields.items()}
        if None in found.values():
            return None
        members = {name: (fields[name].out_name or name, coerce) for name, coerce in found.items() if coerce}
        required = {name for name, field in fields.items() if is_required_input_field(field)}
        defaults = {members[name][0]: coerce_default_value(field) for name, field in fields.items()}
        defaults = {name: value for name, value in defaults.items() if value is not Undefined}

        def coerce(given: Any) -> Any:
            if type(given) is not dict or not required <= given.keys():
                raise Unfit
            coerced = defaults.copy()
            for name, value in given.items():
                if name not in members:
                    raise Unfit
                out_name, take = members[name]
                coerced[out_name] = take(value)
            return coerced

        return coerce


def coercion_of(schema: GraphQLSchema) -> Coercion:
    """Return the functions of a schema's input types, which are kept with it."""
    kept: Coercion = schema.extensions.setdefault("klantbeeld-coercion", Coercion())
    return kept


def _list(item: Coerce) -> Coerce:
    def coerce(value: Any) -> Any:
        if type(value) is list:
            return list(map(item, value))
        raise Unfit

    return coerce


def _enum(kind: GraphQLEnumType) -> Coerce:
    values = {name: kind.coerce_input_value(name) for name in kind.values}

    def coerce(value: Any) -> Any:
        if type(value) is str and value in values:
            return values[value]
        raise Unfit

    return coerce


def _parsed(kind: GraphQLScalarType) -> Coerce:
    parse = kind.coerce_input_value

    def coerce(value: Any) -> Any:
        try:
            coerced = parse(value)
        except Exception as error:
            raise Unfit from error
        if coerced is Undefined:
            raise Unfit
        return coerced

    return coerce
