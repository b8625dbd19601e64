"""Generated cases: one operation in one world, answered in three ways, and what to do with a difference."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any
from unittest.mock import patch

from graphql import (
    REMOVE,
    FragmentDefinitionNode,
    GraphQLSchema,
    SelectionNode,
    VariableDefinitionNode,
    Visitor,
    parse,
    print_ast,
    validate,
    visit,
)
from tests.engine.house import SCHEMA, House
from tests.engine.naive import answer_naively
from tests.engine.operations import Operation, operation_of
from tests.engine.worlds import World, world_of

from klantbeeld.engine.engine import Engine

CORE: GraphQLSchema = SCHEMA._schema

Response = dict[str, Any]


@dataclass
class Case:
    """An operation in a world; `fallbacks` tells how often graphql-core had to assemble the engine's answer."""

    operation: Operation
    world: World
    fallbacks: int = 0

    async def compiled(self) -> tuple[Response, House]:
        """Answer as the engine does."""
        house = self.world.house()
        return await self._ask(house), house

    async def by_graphql_core(self) -> Response:
        """Answer with the engine's fetch, and graphql-core as the only assembler."""
        with patch.object(Engine, "_assembly", lambda *_: None):
            return await self._ask(self.world.house())

    def naive(self) -> Response:
        """Answer by asking for each field by itself."""
        given = (self.operation.text, self.operation.variables)
        return answer_naively(self.world.house(), self.world.house(), *given, without=self.world.without)

    async def difference(self) -> str | None:
        """Say how the engine's answer differs from the others, or None."""
        ours, house = await self.compiled()
        self.fallbacks = house.fallbacks
        # Roots are awaited there, so errors stand in the order in which they came up.
        core = differ(ours, await self.by_graphql_core(), "graphql-core", in_order=False)
        return core or differ(ours, self.naive(), "naive", in_order=not house.fallbacks)

    async def _ask(self, house: House) -> Response:
        return await house.ask(self.operation.text, self.operation.variables, without=self.world.without)


def case_of(seed: int, *, healthy: bool = False, mutations: float = 0.1) -> Case:
    """Make the case of a seed."""
    return Case(operation_of(seed, CORE, mutations=mutations), world_of(seed, healthy=healthy))


def differ(ours: Response, other: Response, name: str, *, in_order: bool = True) -> str | None:
    """Say where two responses differ first, in data, order of members, or errors; these `in_order` or not."""
    wrong, amiss = (response.get("errors", []) for response in (ours, other))
    if not in_order:
        wrong, amiss = (sorted(errors, key=repr) for errors in (wrong, amiss))
    places = chain(differences(ours.get("data"), other.get("data"), "data"), differences(wrong, amiss, "errors"))
    return next((f"{name}: {place}" for place in places), None)


def differences(ours: Any, other: Any, place: str) -> Iterator[str]:
    """Yield the places where two values differ."""
    if isinstance(ours, dict) and isinstance(other, dict):
        if list(ours) != list(other) and not place.startswith("errors"):
            yield f"{place}: members {list(ours)}, not {list(other)}"
        for name in {**ours, **other}:
            yield from differences(ours.get(name), other.get(name), f"{place}.{name}")
    elif isinstance(ours, list) and isinstance(other, list):
        for number, (one, another) in enumerate(zip(ours, other, strict=False)):
            yield from differences(one, another, f"{place}[{number}]")
        if len(ours) != len(other):
            yield f"{place}: {len(ours)} of them, not {len(other)}"
    elif ours != other or type(ours) is not type(other):
        yield f"{place}: {ours!r}, not {other!r}"


async def smallest(case: Case) -> Case:
    """Take away selections for as long as the answers go on to differ: what is left is easier to read."""
    for _ in range(10):
        for operation in _smaller(case.operation):
            less = Case(operation, case.world)
            if await less.difference():
                case = less
                break
        else:
            return case
    return case


def _smaller(operation: Operation) -> Iterator[Operation]:
    """Yield the operation without one of its selections each time; only what is valid still."""
    tree = parse(operation.text)
    counting = _Removing(-1)
    visit(tree, counting)
    for number in range(counting.seen):
        text = print_ast(visit(tree, _Removing(number)))
        while (used := print_ast(visit(parse(text), _RemovingUnused(text)))) != text:
            text = used
        if not re.search(r"\{\s*\}", text) and not validate(CORE, parse(text)):
            yield Operation(text, operation.variables)


class _Removing(Visitor):
    """Removes the selection of a number, counted in the order of the document."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number, self.seen = number, 0

    def enter(self, node: Any, *_: Any) -> Any:
        if not isinstance(node, SelectionNode):
            return None
        self.seen += 1
        return REMOVE if self.seen == self.number + 1 else None


class _RemovingUnused(Visitor):
    """Removes the fragments and variables that a text names only once."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words = Counter(re.findall(r"[$\w]+", text))

    def enter_fragment_definition(self, node: FragmentDefinitionNode, *_: Any) -> Any:
        return REMOVE if self.words[node.name.value] == 1 else None

    def enter_variable_definition(self, node: VariableDefinitionNode, *_: Any) -> Any:
        return REMOVE if self.words[f"${node.variable.name.value}"] == 1 else None
