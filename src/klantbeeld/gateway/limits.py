"""Limits on a parsed document, checked before it is validated: validation is where a small document gets costly.

Each definition is walked once, and what a fragment amounts to is remembered, so the check is linear in the document
however often its fragments are spread.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSyntaxError,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
)

from klantbeeld.gateway.errors import Refusal
from klantbeeld.settings import GatewaySettings

INTROSPECTION: Final = frozenset({"__schema", "__type"})
# graphql-core has no types of its own for what is too much; a test holds that these are still its words.
TOO_DEEP: Final = re.compile("nested too deeply")
TOO_MANY_TOKENS: Final = re.compile("more than [0-9]+ tokens")


@dataclass(slots=True)
class Extent:
    """What a selection set amounts to when its fragments are spread out.

    Depths count from this selection set, which is 1; `introspection` is the depth below `__schema` or `__type`.
    """

    depth: int = 0
    introspection: int = 0
    fields: int = 0
    aliases: int = 0
    repeats: int = 0
    names: Counter[str] = field(default_factory=Counter)

    def add_nested(self, nested: "Extent", *, is_introspection: bool) -> None:
        """Add what stands below a field of this selection set."""
        if is_introspection:
            self.introspection = max(self.introspection, nested.depth, nested.introspection)
        else:
            self.depth = max(self.depth, nested.depth + 1)
            self.introspection = max(self.introspection, nested.introspection)
        self._add_size(nested)

    def add_spread(self, spread: "Extent") -> None:
        """Add a fragment, which stands at the depth of this selection set."""
        self.depth = max(self.depth, spread.depth)
        self.introspection = max(self.introspection, spread.introspection)
        self.names.update(spread.names)
        self._add_size(spread)

    def _add_size(self, other: "Extent") -> None:
        self.fields += other.fields
        self.aliases += other.aliases
        self.repeats += other.repeats


def parse_document(text: str, limits: GatewaySettings) -> DocumentNode:
    """Parse a document of at most `max_tokens`.

    Raises Refusal (DOCUMENT_TOO_LARGE, DOCUMENT_TOO_DEEP), and GraphQLSyntaxError for what is not GraphQL.
    """
    if len(text) > limits.max_document_characters:
        raise Refusal("DOCUMENT_TOO_LARGE", place="query", limit=limits.max_document_characters)
    if text.count("\n") + text.count("\r") - text.count("\r\n") >= limits.max_lines:
        raise Refusal("DOCUMENT_TOO_LARGE", place="query", limit=limits.max_lines)
    try:
        return parse(text, max_tokens=limits.max_tokens)
    except GraphQLSyntaxError as error:
        if TOO_DEEP.search(error.message):
            raise Refusal("DOCUMENT_TOO_DEEP", locations=_locations(error), limit=limits.max_depth) from error
        if TOO_MANY_TOKENS.search(error.message):
            raise Refusal("DOCUMENT_TOO_LARGE", locations=_locations(error), limit=limits.max_tokens) from error
        raise


def parser(limits: GatewaySettings) -> Callable[[str], DocumentNode]:
    """Give what the engine parses with: it raises what `parse_document` and `check_limits` raise.

    A valid document never costs more than it may, since whatever is too much is refused before it is validated.
    """

    def parse_within_limits(text: str) -> DocumentNode:
        document = parse_document(text, limits)
        check_limits(document, limits)
        return document

    return parse_within_limits


def check_limits(document: DocumentNode, limits: GatewaySettings) -> None:
    """Refuse a document that is cyclic, too deep, too wide or too repetitive.

    Raises Refusal with code FRAGMENT_CYCLE, DOCUMENT_TOO_DEEP, TOO_MANY_ALIASES, TOO_MANY_DIRECTIVES,
    TOO_MANY_ROOT_FIELDS or TOO_COMPLEX, and with the place in the document. Aliases and fields are counted with every
    fragment spread out, as they would be answered. Repeats are the squares of how often one response name stands in one
    selection set: what validation pays for comparing them.
    """
    try:
        _check(document, limits)
    except RecursionError as error:
        raise Refusal("DOCUMENT_TOO_DEEP", limit=limits.max_depth) from error


def _check(document: DocumentNode, limits: GatewaySettings) -> None:
    _refuse_directives(document, limits)
    walk = _Walk(
        limits=limits,
        fragments={one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)},
    )
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            extent = walk.selections(definition.selection_set)
            walk.refuse_depth(extent, definition)
            if extent.names.total() > limits.max_root_fields:
                raise _refusal("TOO_MANY_ROOT_FIELDS", definition, limits.max_root_fields)
        elif isinstance(definition, FragmentDefinitionNode):
            walk.fragment(definition.name.value)


@dataclass(slots=True)
class _Walk:
    """One walk over a document; `extents` remembers the fragments that were seen, `open` those being walked."""

    limits: GatewaySettings
    fragments: dict[str, FragmentDefinitionNode]
    extents: dict[str, Extent] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)

    def fragment(self, name: str) -> Extent:
        """Give the extent of a fragment; one that does not exist is validation's matter."""
        known = self.extents.get(name)
        if known is not None:
            return known
        definition = self.fragments.get(name)
        if definition is None:
            return Extent()
        if name in self.open:
            raise Refusal("FRAGMENT_CYCLE", locations=_locations(GraphQLError("", definition)), fragment=name)
        self.open.add(name)
        extent = self.selections(definition.selection_set)
        self.open.remove(name)
        self.extents[name] = extent
        return extent

    def selections(self, selection_set: SelectionSetNode) -> Extent:
        """Give the extent of a selection set."""
        extent = Extent(depth=1)
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode):
                self._field(extent, selection)
            elif isinstance(selection, FragmentSpreadNode):
                extent.add_spread(self.fragment(selection.name.value))
            elif isinstance(selection, InlineFragmentNode):
                extent.add_spread(self.selections(selection.selection_set))
            # Sums grow geometrically through nested fragments: stop while the numbers are small.
            if extent.fields > self.limits.max_fields or extent.aliases > self.limits.max_aliases:
                self.refuse_size(extent, selection)
        extent.repeats += sum(times * times for times in extent.names.values() if times > 1)
        self.refuse_size(extent, selection_set)
        return extent

    def refuse_depth(self, extent: Extent, operation: Node) -> None:
        """Refuse an operation that is too deep; a fragment alone does not tell at which depth it will stand."""
        if extent.depth > self.limits.max_depth:
            raise _refusal("DOCUMENT_TOO_DEEP", operation, self.limits.max_depth)
        if extent.introspection > self.limits.max_introspection_depth:
            raise _refusal("DOCUMENT_TOO_DEEP", operation, self.limits.max_introspection_depth)

    def refuse_size(self, extent: Extent, node: Node) -> None:
        """Refuse a selection set that is too large."""
        if extent.aliases > self.limits.max_aliases:
            raise _refusal("TOO_MANY_ALIASES", node, self.limits.max_aliases)
        if max(extent.fields, extent.repeats) > self.limits.max_fields:
            raise _refusal("TOO_COMPLEX", node, self.limits.max_fields)

    def _field(self, extent: Extent, node: FieldNode) -> None:
        extent.fields += 1
        extent.aliases += node.alias is not None
        extent.names[(node.alias or node.name).value] += 1
        if node.selection_set is not None:
            extent.add_nested(self.selections(node.selection_set), is_introspection=node.name.value in INTROSPECTION)


def _refuse_directives(document: DocumentNode, limits: GatewaySettings) -> None:
    for count, directive in enumerate(_directives(document), start=1):
        if count > limits.max_directives:
            raise _refusal("TOO_MANY_DIRECTIVES", directive, limits.max_directives)


def _directives(document: DocumentNode) -> Iterator[Node]:
    """Give every directive as it is written, once, without recursion."""
    waiting: list[Node] = list(document.definitions)
    while waiting:
        node = waiting.pop()
        yield from getattr(node, "directives", None) or ()
        waiting.extend(getattr(node, "variable_definitions", None) or ())
        selection_set = getattr(node, "selection_set", None)
        if selection_set is not None:
            waiting.extend(selection_set.selections)


def _refusal(code: str, node: Node, limit: int) -> Refusal:
    return Refusal(code, locations=_locations(GraphQLError("", node)), limit=limit)


def _locations(error: GraphQLError) -> list[dict[str, int]]:
    return [{"line": at.line, "column": at.column} for at in error.locations or ()]
