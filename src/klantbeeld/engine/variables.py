"""Variables: what a request brought, coerced to the types that its operation declares (GraphQL, section 6.1.2).

Most arrive exactly as their types say, and are taken by functions made for those types. Anything else, and everything
that is wrong, is left to graphql-core, whose words about it the client gets.
"""

from collections.abc import Mapping
from typing import Any

from graphql import GraphQLError, GraphQLNonNull, GraphQLSchema, OperationDefinitionNode, Undefined
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values

from klantbeeld.engine.coercion import Coerce, Unfit, coercion_of

# Most errors about variables that are reported.
MOST_ERRORS = 20


class InvalidVariables(Exception):
    """Variables that do not fit; `errors` say which and why."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = errors


class Variables:
    """Variables as they were given, and coerced, by name; `all` is what graphql-core's own functions take."""

    __slots__ = ("_all", "_reader", "coerced", "given")

    def __init__(self, given: Mapping[str, Any], coerced: dict[str, Any], reader: "VariableReader") -> None:
        self.given = given
        self.coerced = coerced
        self._reader = reader
        self._all: VariableValues | None = None

    @property
    def all(self) -> VariableValues:
        """The same with where each came from."""
        if self._all is None:
            self._all = VariableValues(self._reader.sources(self.given), self.coerced)
        return self._all


class VariableReader:
    """Reads the variables of one operation; made once for it.

    `deciding` are those of `@skip` and `@include`. One of these with a default may be declared to be null, and given so
    (GraphQL, section 5.8.5): nobody knows then what is asked, so that is refused before anything is.
    """

    def __init__(
        self, schema: GraphQLSchema, operation: OperationDefinitionNode, deciding: frozenset[str] = frozenset()
    ) -> None:
        self._schema = schema
        self._deciding = deciding
        self._definitions = operation.variable_definitions or ()
        found = [get_variable_signature(schema, definition) for definition in self._definitions]
        self._signatures = [one for one in found if not isinstance(one, GraphQLError)]
        self._needed = frozenset(
            one.name for one in self._signatures if one.default or isinstance(one.type, GraphQLNonNull)
        )
        self._coerce = self._all_coerced()

    def read(self, given: Mapping[str, Any]) -> Variables:
        """Return the coerced variables; raises InvalidVariables."""
        variables = self._read(given)
        if self._deciding:
            self._refuse_undecided(variables)
        return variables

    def _read(self, given: Mapping[str, Any]) -> Variables:
        coerce = self._coerce
        if coerce is not None and self._needed <= given.keys():
            try:
                return Variables(given, {name: coerce[name](given[name]) for name in coerce if name in given}, self)
            except Unfit:
                pass
        return self._left(given)

    def sources(self, given: Mapping[str, Any]) -> dict[str, VariableValueSource]:
        """Return what each variable was declared to be, and given."""
        return {one.name: VariableValueSource(one, given.get(one.name, Undefined)) for one in self._signatures}

    def _left(self, given: Mapping[str, Any]) -> Variables:
        """Leave variables to graphql-core."""
        values = get_variable_values(self._schema, self._definitions, dict(given), max_errors=MOST_ERRORS)
        if isinstance(values, list):
            raise InvalidVariables(values)
        return Variables(given, values.coerced, self)

    def _refuse_undecided(self, variables: Variables) -> None:
        undecided = [name for name in sorted(self._deciding) if variables.coerced.get(name) is None]
        if undecided:
            raise InvalidVariables([self._null(name) for name in undecided])

    def _null(self, name: str) -> GraphQLError:
        """Say it as graphql-core does of a variable that may never be null."""
        nodes = [definition for definition in self._definitions if definition.variable.name.value == name]
        said = f"Variable '${name}' has invalid value: Expected value of non-null type 'Boolean!' not to be null."
        return GraphQLError(said, nodes)

    def _all_coerced(self) -> dict[str, Coerce] | None:
        """Return a function for each variable; None where one is left to graphql-core."""
        coercion = coercion_of(self._schema)
        found = {one.name: coercion.of(one.type) for one in self._signatures}
        return None if None in found.values() else {name: coerce for name, coerce in found.items() if coerce}
