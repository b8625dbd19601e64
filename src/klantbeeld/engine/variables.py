"""Variables: what a request brought, coerced to the types that its operation declares (GraphQL, section 6.1.2).

Most variables are plain scalars, or lists of them, that arrive as they should be; those are taken as they are. Anything
else, and everything that is wrong, is left to graphql-core, whose words about it the client gets.
"""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLList,
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


class Variables:
    """Variables as they were given, and coerced, by name; `all` is what graphql-core's own functions take."""

    __slots__ = ("_all", "_coerce", "coerced", "given")

    def __init__(
        self,
        given: Mapping[str, Any],
        coerced: Mapping[str, Any],
        coerce: Callable[[Mapping[str, Any]], VariableValues],
        values: VariableValues | None = None,
    ) -> None:
        self.given = given
        self.coerced = coerced
        self._coerce = coerce
        self._all = values

    @property
    def all(self) -> VariableValues:
        """The same with where each came from. Raises InvalidVariables."""
        if self._all is None:
            self._all = self._coerce(self.given)
        return self._all


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
            return Variables(given, coerced, self._coerce)
        values = self._coerce(given)
        return Variables(given, values.coerced, self._coerce, values)

    def _coerce(self, given: Mapping[str, Any]) -> VariableValues:
        definitions = self._operation.variable_definitions or ()
        values = get_variable_values(self._schema, definitions, dict(given), max_errors=MOST_ERRORS)
        if isinstance(values, list):
            raise InvalidVariables(values)
        return values


def _plain_variables(schema: GraphQLSchema, operation: OperationDefinitionNode) -> dict[str, Plain] | None:
    """Return a check for each variable; None where one is neither a plain scalar nor a list of them."""
    found = {}
    for definition in operation.variable_definitions or ():
        if (fits := _plain(type_from_ast(schema, definition.type))) is None:
            return None
        found[definition.variable.name.value] = fits
    return found


def _plain(kind: Any) -> Plain | None:
    """Return what tells a value that can be taken as it is; one that is null is left to graphql-core."""
    kind = getattr(kind, "of_type", kind) if isinstance(kind, GraphQLNonNull) else kind
    if not isinstance(kind, GraphQLList):
        return PLAIN.get(getattr(kind, "name", ""))
    item = _plain(kind.of_type)
    return None if item is None else lambda value: type(value) is list and all(map(item, value))
