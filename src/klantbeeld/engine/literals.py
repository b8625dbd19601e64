"""Documents that differ in literals share one plan: a template has variables in the places of its literals.

What a literal means depends on the type of its place. It is lifted into a variable only where the variable gives the
same value; an enum's value, lists and objects are among them. Whatever does not fit is left alone: the document is then
parsed and validated by itself, so that graphql-core's words about it are those of the document that was sent.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    DefinitionNode,
    DocumentNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    ListValueNode,
    NameNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    is_specified_scalar_type,
    parse_type,
    parse_value,
    visit,
)

from klantbeeld.engine.lines import Lines, placed_like
from klantbeeld.engine.scanning import Found, Scan, Value

# Names of the variables that stand for literals begin so; a document that says this word anywhere is left alone.
PREFIX = "literal_"


class Unshared(Exception):
    """A document or a literal that has to be looked at by itself."""


@dataclass(frozen=True, slots=True)
class Template:
    """A document with variables for its literals: their names and types, in the order in which they stand."""

    tree: DocumentNode
    text: str
    found: tuple[Found, ...]
    places: tuple[tuple[str, GraphQLInputType], ...]

    def values(self, found: Sequence[Found]) -> dict[str, Any]:
        """Return the variables for the literals of another document of the shape; raises Unshared."""
        return {name: value_of(one.value, kind) for (name, kind), one in zip(self.places, found, strict=True)}


def make_template(schema: GraphQLSchema, tree: DocumentNode, text: str, scan: Scan) -> Template:
    """Put variables in the places of a valid document's literals; raises Unshared.

    The result is not validated: where one response key stands twice with literals, it is not valid.
    """
    if not scan.found or PREFIX in text:
        raise Unshared
    types = TypeInfo(schema)
    lifting = _Lifting(types, scan)
    lifted = visit(tree, TypeInfoVisitor(types, lifting))
    if len(lifting.places) != len(scan.found):
        raise Unshared
    places = tuple((name, kind) for name, kind, _ in lifting.places)
    return Template(_declared(lifted, lifting), text, scan.found, places)


class _Lifting(Visitor):
    """Replaces each literal of a scan by a variable, and notes its type and the definition in which it stands."""

    def __init__(self, types: TypeInfo, scan: Scan) -> None:
        super().__init__()
        self.types = types
        self.starts = {one.start for one in scan.found}
        self.places: list[tuple[str, GraphQLInputType, str]] = []
        self.definition = ""

    def enter(self, node: Any, *_: Any) -> Any:
        if isinstance(node, OperationDefinitionNode | FragmentDefinitionNode):
            self.definition = _key(node)
        if not node.kind.endswith("_value") or node.loc.start not in self.starts:
            return None
        # Within a list graphql-core tells the type of its items, and it stands on the list already.
        is_list = isinstance(node, ListValueNode)
        kind = self.types.get_parent_input_type() if is_list else self.types.get_input_type()
        if kind is None:
            raise Unshared
        name = f"{PREFIX}{len(self.places)}"
        self.places.append((name, kind, self.definition))
        return VariableNode(name=NameNode(value=name, loc=node.loc), loc=node.loc)


def _key(definition: OperationDefinitionNode | FragmentDefinitionNode) -> str:
    name = definition.name.value if definition.name else ""
    return f"fragment {name}" if isinstance(definition, FragmentDefinitionNode) else f"operation {name}"


def _declared(tree: DocumentNode, lifting: _Lifting) -> DocumentNode:
    """Declare the variables in each operation that reaches them."""
    fragments = {_key(one): one for one in tree.definitions if isinstance(one, FragmentDefinitionNode)}
    definitions: list[DefinitionNode] = []
    for definition in tree.definitions:
        if isinstance(definition, OperationDefinitionNode):
            reached = {_key(definition), *_reached(definition, fragments)}
            more = [_variable(definition, name, kind) for name, kind, where in lifting.places if where in reached]
            given = {name: getattr(definition, name) for name in definition.keys}
            given["variable_definitions"] = (*(definition.variable_definitions or ()), *more)
            definitions.append(OperationDefinitionNode(**given))
        else:
            definitions.append(definition)
    return DocumentNode(definitions=tuple(definitions), loc=tree.loc)


def _variable(definition: OperationDefinitionNode, name: str, kind: GraphQLInputType) -> VariableDefinitionNode:
    """Declare a variable that is never null, since no literal that is lifted is."""
    declared: Any = parse_type(str(kind), no_location=True)
    if not isinstance(declared, NonNullTypeNode):
        declared = NonNullTypeNode(type=declared)
    node = VariableNode(name=NameNode(value=name, loc=definition.loc), loc=definition.loc)
    return VariableDefinitionNode(variable=node, type=declared, directives=(), loc=definition.loc)


def _reached(definition: Any, fragments: dict[str, FragmentDefinitionNode]) -> set[str]:
    """Return the fragments that a definition spreads, at any remove."""
    reached: set[str] = set()
    waiting = [definition.selection_set]
    while waiting:
        for node in waiting.pop().selections:
            if isinstance(node, FragmentSpreadNode):
                key = f"fragment {node.name.value}"
                if key not in reached:
                    reached.add(key)
                    waiting.append(fragments[key].selection_set)
            elif node.selection_set:
                waiting.append(node.selection_set)
    return reached


def value_of(value: Value, kind: Any) -> Any:
    """Return what JSON would have to give a variable of a type so that it is what the literal is.

    Raises Unshared where no variable is, or where graphql-core has something to say about the literal.
    """
    if isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    elif value.kind == "name" and value.content == "null":
        return None
    if isinstance(kind, GraphQLList):
        items = value.content if value.kind == "list" else [value]
        return [value_of(item, kind.of_type) for item in items]
    if isinstance(kind, GraphQLInputObjectType):
        return _object_of(value, kind)
    if isinstance(kind, GraphQLEnumType):
        if value.kind != "name" or value.content not in kind.values:
            raise Unshared
        return value.content
    return _scalar_of(value, kind)


def _object_of(value: Value, kind: GraphQLInputObjectType) -> dict[str, Any]:
    if value.kind != "object" or value.content.keys() - kind.fields.keys():
        raise Unshared
    return {name: value_of(member, kind.fields[name].type) for name, member in value.content.items()}


def _scalar_of(value: Value, kind: GraphQLScalarType) -> Any:
    takes = TAKEN.get(kind.name, ("string", "block", "int", "float"))
    if value.kind not in takes or (kind.name not in TAKEN and is_specified_scalar_type(kind)):
        raise Unshared
    if value.kind == "int":
        return value.content if kind.name == "ID" else _whole_number(value.content)
    if value.kind == "float":
        return float(value.content)
    if value.kind == "name":
        if value.content not in {"true", "false"}:
            raise Unshared
        return value.content == "true"
    return _text_of(value.content)


# The literals that each of GraphQL's own scalars takes; one of ours takes what its variable takes.
TAKEN = {
    "Boolean": ("name",),
    "Float": ("int", "float"),
    "ID": ("string", "block", "int"),
    "Int": ("int",),
    "String": ("string", "block"),
}


def _whole_number(digits: str) -> int:
    try:
        return int(digits)
    except ValueError as error:  # more digits than Python converts
        raise Unshared from error


def _text_of(literal: str) -> str:
    """Return what a text between quotes says; raises Unshared for what is no Unicode, or no escape."""
    if "\\" in literal or literal.startswith('"""'):
        try:
            node: Any = parse_value(literal)
        except GraphQLError as error:
            raise Unshared from error
        text: str = node.value
        return text
    try:
        literal.encode()
    except UnicodeEncodeError as error:
        raise Unshared from error
    return literal[1:-1]


def is_of_literal(error: GraphQLError) -> bool:
    """Say whether an error about variables speaks of one that stands for a literal."""
    return error.message.startswith(f"Variable '${PREFIX}")


@dataclass(frozen=True, slots=True)
class Moved:
    """Where in the text of one document the things stand that an error shows in the template's."""

    template: Template
    text: str
    found: tuple[Found, ...]

    def placed(self, errors: Sequence[GraphQLError]) -> list[GraphQLError]:
        """Return the errors with their places in this document."""
        source = Lines(self.text)
        places: dict[tuple[int, ...], GraphQLError] = {}
        placed = []
        for error in errors:
            at = tuple(error.positions or ())
            if at not in places:
                places[at] = GraphQLError("", source=source, positions=[self._position(position) for position in at])
            more = {"path": error.path, "original_error": error.original_error, "extensions": error.extensions}
            placed.append(placed_like(places[at], error.message, **more))
        return placed

    def written(self) -> Iterator[tuple[str, str]]:
        """Yield the names of the variables, each with what the document has in its place."""
        for (name, _), one in zip(self.template.places, self.found, strict=True):
            yield name, self.text[one.start : one.end]

    def _position(self, position: int) -> int:
        """Move a position by what the literals before it are longer or shorter here."""
        passed = bisect_right([one.end for one in self.template.found], position)
        if not passed:
            return position
        return position + self.found[passed - 1].end - self.template.found[passed - 1].end
