"""Documents: parsed, checked and validated once, and kept for as long as they are asked.

Validation is quadratic in the size of a document, so the limits are checked first: `app.py` hands in a parser that
refuses what is too large.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    validate,
)

from klantbeeld.engine.selections import Selections, condition_variables
from klantbeeld.errors import RequestError

# Most errors of a document that are reported.
MOST_ERRORS = 20

Parse = Callable[[str], DocumentNode]


@dataclass(frozen=True, slots=True)
class Document:
    """A document that may be executed: its syntax tree, operations by name, and how its selections open.

    `deciding` are the variables of `@skip` and `@include`, `digest` is the SHA-256 of its text, in hexadecimal digits.
    """

    digest: str

    tree: DocumentNode
    operations: dict[str, OperationDefinitionNode]
    selections: Selections
    deciding: frozenset[str]

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """Return the operation to execute (GraphQL, section 6.1); raises RequestError with OPERATION_NOT_FOUND."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        if name is None or name not in self.operations:
            raise RequestError("no such operation in the document", code="OPERATION_NOT_FOUND")
        return self.operations[name]


class Invalid(Exception):
    """A document that does not parse or validate; `errors` say where and why."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = errors


class Documents:
    """The documents of one schema, the least recently asked dropped first; lives as long as the schema."""

    def __init__(self, schema: GraphQLSchema, parse: Parse, *, size: int = 1000) -> None:
        self._schema = schema
        self._parse = parse
        self._size = size
        self._kept: OrderedDict[str, Document] = OrderedDict()

    def get(self, text: str) -> Document:
        """Return a document; raises Invalid, or RequestError from the parser."""
        found = self._kept.get(text)
        if found is not None:
            self._kept.move_to_end(text)
            return found
        made = self._make(text)
        self._kept[text] = made
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return made

    def _make(self, text: str) -> Document:
        try:
            tree = self._parse(text)
        except GraphQLError as error:
            raise Invalid([error]) from error
        if errors := validate(self._schema, tree, max_errors=MOST_ERRORS):
            raise Invalid(errors)
        operations, fragments = {}, {}
        for definition in tree.definitions:
            if isinstance(definition, OperationDefinitionNode):
                operations[definition.name.value if definition.name else ""] = definition
            elif isinstance(definition, FragmentDefinitionNode):
                fragments[definition.name.value] = definition
        return Document(
            digest=hashlib.sha256(text.encode()).hexdigest(),
            tree=tree,
            operations=operations,
            selections=Selections(self._schema, fragments),
            deciding=condition_variables(tree),
        )
