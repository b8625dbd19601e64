"""What an operation puts off: its `@defer` and `@stream`, given the variables of one request.

It is found on response paths alone, whatever the types are: a path that some type selects at once counts as asked at
once. Too early is right, only not as soon for the rest; too late would hold an answer up.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    VariableNode,
    Visitor,
    visit,
)

from klantbeeld.engine.plan import Path
from klantbeeld.engine.selections import holds, terms_of
from klantbeeld.errors import RequestError

INCREMENTAL: Final = frozenset({"defer", "stream"})

AT_ONCE: Final = 0
"""Number of the group that is not put off; every `@defer` that holds opens one more."""

Groups = frozenset[int]
NOW: Final[Groups] = frozenset()


@dataclass(frozen=True, slots=True)
class Deferral:
    """What is put off, by response path without indices.

    `groups` are the numbers of the groups in which a path is selected, and `streams` how many items of a streamed list
    are answered at once. `places` are the paths at which a directive holds, once for each.
    """

    groups: Mapping[Path, set[int]]
    streams: Mapping[Path, int]
    places: Sequence[Path] = ()

    def __bool__(self) -> bool:
        """Say whether anything is put off."""
        return bool(self.streams) or any(AT_ONCE not in found for found in self.groups.values())

    def groups_of(self, path: Path) -> Groups:
        """Return the groups that a path waits for; none for what is answered at once."""
        found = self.groups.get(path, NOW)
        return NOW if AT_ONCE in found else frozenset(found)


def deferral_of(document: DocumentNode, name: str | None, variables: Mapping[str, Any], *, most: int) -> Deferral:
    """Find what an operation of a valid document puts off.

    Raises RequestError with TOO_MANY_DEFERRED for more than `most` directives that hold, fragments spread out.
    """
    fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
    operations = (one for one in document.definitions if isinstance(one, OperationDefinitionNode))
    operation = next(one for one in operations if name in {None, one.name.value if one.name else ""})
    walk = _Walk(fragments, variables, most)
    walk.selections(operation.selection_set.selections, (), AT_ONCE)
    return Deferral(walk.groups, walk.streams, walk.places)


def is_incremental(document: DocumentNode) -> bool:
    """Say whether a document has `@defer` or `@stream` anywhere; linear in the document."""
    pending: list[Any] = list(document.definitions)
    while pending:
        node = pending.pop()
        if any(directive.name.value in INCREMENTAL for directive in getattr(node, "directives", None) or ()):
            return True
        if selection_set := getattr(node, "selection_set", None):
            pending.extend(selection_set.selections)
    return False


def without_deferral(document: DocumentNode) -> DocumentNode:
    """Return the document as it is answered to whoever takes one answer alone."""
    found: DocumentNode = visit(document, _Dropping())
    return found


class _Dropping(Visitor):
    def enter_directive(self, node: DirectiveNode, *_: Any) -> Any:
        """Drop what puts off."""
        return self.REMOVE if node.name.value in INCREMENTAL else self.IDLE


@dataclass(slots=True)
class _Walk:
    """Spreads one operation out; the gateway has bounded how large that can be."""

    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]
    most: int
    places: list[Path] = field(default_factory=list)
    groups: dict[Path, set[int]] = field(default_factory=dict)
    streams: dict[Path, int] = field(default_factory=dict)

    def selections(self, nodes: Iterable[SelectionNode], path: Path, group: int) -> None:
        """Note the fields of a selection set."""
        for node in nodes:
            if not holds([terms_of(node.directives)], self.variables):
                continue
            if isinstance(node, FieldNode):
                self.field(node, (*path, (node.alias or node.name).value), group)
            elif isinstance(node, InlineFragmentNode):
                self.selections(node.selection_set.selections, path, self.group(node, path, group))
            elif isinstance(node, FragmentSpreadNode):
                fragment = self.fragments[node.name.value]
                self.selections(fragment.selection_set.selections, path, self.group(node, path, group))

    def field(self, node: FieldNode, path: Path, group: int) -> None:
        """Note one field, and what is selected below it."""
        self.groups.setdefault(path, set()).add(group)
        stream = self.active(node, "stream", path[:-1])
        if stream:
            count = int(self.argument(stream, "initialCount", 0))
            if count < 0:
                said = "a list has no negative number of items"
                raise RequestError(said, code="BAD_USER_INPUT", place="@stream(initialCount:)")
            self.streams[path] = max(self.streams.get(path, 0), count)
        if node.selection_set:
            self.selections(node.selection_set.selections, path, group)

    def group(self, node: FragmentSpreadNode | InlineFragmentNode, path: Path, group: int) -> int:
        """Return the group of what stands in a fragment."""
        return len(self.places) if self.active(node, "defer", path) else group

    def active(self, node: SelectionNode, name: str, path: Path) -> DirectiveNode | None:
        """Return a directive that holds, and note where."""
        found = next((one for one in node.directives or () if one.name.value == name), None)
        if found is None or self.argument(found, "if", True) is False:
            return None
        self.places.append(path)
        if len(self.places) > self.most:
            raise RequestError(f"more than {self.most} @defer and @stream", code="TOO_MANY_DEFERRED")
        return found

    def argument(self, directive: DirectiveNode, name: str, default: Any) -> Any:
        """Return the value of a directive's argument; a wrong one is told by graphql-core, where it executes."""
        node = next((one.value for one in directive.arguments or () if one.name.value == name), None)
        if isinstance(node, VariableNode):
            given = self.variables.get(node.name.value)
            return default if given is None else given
        return default if node is None else getattr(node, "value", default)
