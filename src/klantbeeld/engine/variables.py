"""Variables: what a request brought, coerced to the types that its operation declares (GraphQL, section 6.1.2).

Most variables are plain scalars that arrive as they should be; those are taken as they are. Anything else, and
everything that is wrong, is left to graphql-core, whose words about it the client gets.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    type_from_ast,
)
from graphql.execution.values import VariableValues, get_variable_values

# Most errors about variables that are reported.
MOST_ERRORS = 20

INT_32 = 2**31

Plain = Callable[[Any], bool]

PLAIN: Mapping[str, Plain] = {
    "ID": lambda value: type(value) is str,
    "String": lambda value: type(value) is str,
    "Boolean": lambda value: type(value) is bool,
    "Int": lambda value: type(value) is int and -INT_32 <= value < INT_32,
}


class InvalidVariables(Exception):
    """Variables that do not fit; `errors` say which and why."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = errors


@dataclass(frozen=True)
class Variables:
    """Coerced variables by name; `all` is what graphql-core's own functions take."""

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    given: Mapping[str, Any]
    coerced: Mapping[str, Any]

    @cached_property
    def all(self) -> VariableValues:
        """The same with where each came from."""
        values = _coerce(self.schema, self.operation, self.given)
        if isinstance(values, list):
            raise InvalidVariables(values)
        return values


class VariableReader:
    """Reads the variables of one operation; made once for it."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._schema = schema
        self._operation = operation
        self._plain = _plain_variables(schema, operation)

    def read(self, given: Mapping[str, Any]) -> Variables:
        """Return the coerced variables; raises InvalidVariables."""
        plain = self._plain
        if plain is not None and all(name in given and fits(given[name]) for name, fits in plain.items()):
            coerced = {name: given[name] for name in plain}
            return Variables(self._schema, self._operation, given, coerced)
        values = _coerce(self._schema, self._operation, given)
        if isinstance(values, list):
            raise InvalidVariables(values)
        return Variables(self._schema, self._operation, given, values.coerced)


def _plain_variables(schema: GraphQLSchema, operation: OperationDefinitionNode) -> dict[str, Plain] | None:
    """Return a check for each variable; None where one is not a plain scalar."""
    found = {}
    for definition in operation.variable_definitions or ():
        kind: Any = type_from_ast(schema, definition.type)
        named = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        if (fits := PLAIN.get(getattr(named, "name", ""))) is None:
            return None
        found[definition.variable.name.value] = fits
    return found


def _coerce(
    schema: GraphQLSchema, operation: OperationDefinitionNode, given: Mapping[str, Any]
) -> VariableValues | list[GraphQLError]:
    definitions = operation.variable_definitions or ()
    return get_variable_values(schema, definitions, dict(given), max_errors=MOST_ERRORS)
