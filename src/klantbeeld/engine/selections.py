"""Selections: which fields an operation selects on a type, with fragments opened and conditions kept.

`@skip` and `@include` with a variable are decided for each request, so they stay in the plan as conditions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
)

# Each term: a variable, or a value, and what it has to be.
Term = tuple[str | bool, bool]
Condition = tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Selected:
    """A selection set, selected under a condition; all its terms have to hold."""

    selection_set: SelectionSetNode
    condition: Condition = ()


@dataclass(frozen=True, slots=True)
class SelectedField:
    """One occurrence of a field, with the condition under which it is selected.

    `place` is larger than that of the occurrences before it: a field stands in the answer where it is first selected,
    conditions decided (GraphQL, section 6.3.2).
    """

    node: FieldNode
    condition: Condition
    place: int = 0


class Selections:
    """Opens the selections of one document; the document is valid, so fragments exist and do not cycle."""

    def __init__(self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._fragments = fragments
        self._places = count()

    def fields_of(self, parent: GraphQLObjectType, selected: Iterable[Selected]) -> dict[str, list[SelectedField]]:
        """Return the selected fields of an object type by response key, in the order of the answer."""
        found: dict[str, list[SelectedField]] = {}
        for one in selected:
            self._open(parent, one.selection_set.selections, one.condition, found)
        return found

    def deciding(self, operation: OperationDefinitionNode) -> frozenset[str]:
        """Return the variables that decide a `@skip` or `@include` in an operation, or in a fragment that it spreads.

        A variable of the same name may be another one in another operation (GraphQL, section 5.8).
        """
        found: set[str] = set()
        spread: set[str] = set()
        pending: list[Any] = [operation]
        while pending:
            node = pending.pop()
            found.update(term for term, _ in terms_of(getattr(node, "directives", None)) if isinstance(term, str))
            if isinstance(node, FragmentSpreadNode) and node.name.value not in spread:
                spread.add(node.name.value)
                pending.append(self._fragments[node.name.value])
            elif selection_set := getattr(node, "selection_set", None):
                pending.extend(selection_set.selections)
        return frozenset(found)

    def _open(
        self,
        parent: GraphQLObjectType,
        nodes: Iterable[SelectionNode],
        condition: Condition,
        found: dict[str, list[SelectedField]],
    ) -> None:
        for node in nodes:
            here = condition + terms_of(node.directives)
            if (False, True) in here or (True, False) in here:
                continue
            if isinstance(node, FieldNode):
                key = (node.alias or node.name).value
                found.setdefault(key, []).append(SelectedField(node, here, next(self._places)))
            elif isinstance(node, InlineFragmentNode):
                condition_type = node.type_condition.name.value if node.type_condition else None
                if self._applies(parent, condition_type):
                    self._open(parent, node.selection_set.selections, here, found)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragments[node.name.value]
                if self._applies(parent, fragment.type_condition.name.value):
                    self._open(parent, fragment.selection_set.selections, here, found)

    def _applies(self, parent: GraphQLObjectType, name: str | None) -> bool:
        if name is None or name == parent.name:
            return True
        return any(kind.name == name for kind in parent.interfaces) or any(
            member.name == parent.name for member in getattr(self._schema.type_map[name], "types", ())
        )


def terms_of(directives: Iterable[DirectiveNode] | None) -> Condition:
    """Return what `@skip` and `@include` among the directives demand."""
    terms: list[Term] = []
    for directive in directives or ():
        if directive.name.value not in {"skip", "include"}:
            continue
        value: Any = (directive.arguments or ())[0].value
        decided: str | bool = value.name.value if isinstance(value, VariableNode) else value.value
        terms.append((decided, directive.name.value == "include"))
    return tuple(terms)


def holds(conditions: Iterable[Condition], variables: Mapping[str, Any]) -> bool:
    """Say whether a field is selected, given that one of its occurrences has to be."""
    return any(
        all((variables.get(term) if isinstance(term, str) else term) is wanted for term, wanted in condition)
        for condition in conditions
    )


def left_of(fields: Iterable[SelectedField], variables: Mapping[str, Any]) -> list[SelectedField]:
    """Return the occurrences that conditions leave, each node once: a fragment counts where it is first spread.

    A later spread of it for the same object adds nothing (GraphQL, section 6.3.2).
    """
    found: dict[int, SelectedField] = {}
    for one in fields:
        if holds([one.condition], variables):
            found.setdefault(id(one.node), one)
    return list(found.values())
