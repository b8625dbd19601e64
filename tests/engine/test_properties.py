"""The engine, graphql-core and an executor without a plan give the same answers to generated operations.

This test is the engine's licence to exist. Each seed is an operation over the whole schema in a world of its own:
sources that answer, fail, are absent or leave out what they should give, and a caller who may see more or less of it.

    KLANTBEELD_CASES=20000 pytest -n 2 tests/engine/test_properties.py     the nightly amount
    KLANTBEELD_SEED=331 KLANTBEELD_CASES=1 pytest tests/engine/test_properties.py -k block    one case again
"""

import asyncio
import os
from collections import Counter
from textwrap import indent
from typing import Any

import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType, TypeInfo, TypeInfoVisitor, Visitor, parse, visit
from hypothesis import HealthCheck, given, settings, strategies
from hypothesis_graphql import nodes, queries
from tests.engine.cases import CORE, Case, case_of, smallest
from tests.engine.house import SCHEMA
from tests.engine.operations import Operation
from tests.engine.worlds import world_of

CASES = int(os.environ.get("KLANTBEELD_CASES", "320"))
FIRST = int(os.environ.get("KLANTBEELD_SEED", "0"))
BLOCK = min(max(CASES // 4, 1), 500)

# Types that only events have, of which tests/engine/test_events.py speaks.
OF_EVENTS = {"Subscription", "CustomerChange", "RecordChange"}

# The largest share of generated operations that graphql-core may have to assemble.
MOST_FALLBACKS = 0.05


@pytest.mark.parametrize("first", range(FIRST, FIRST + CASES, BLOCK))
@pytest.mark.asyncio
async def test_three_executors_agree_on_a_block_of_cases(first: int) -> None:
    seeds = range(first, min(first + BLOCK, FIRST + CASES))
    fallbacks = 0
    for seed in seeds:
        case = case_of(seed)
        if found := await case.difference():
            pytest.fail(await _told(seed, case, found))
        fallbacks += case.fallbacks
    print(f"seeds {seeds.start} to {seeds.stop - 1}: {fallbacks} left to graphql-core")  # noqa: T201 - shown with -rP
    assert fallbacks <= max(1, MOST_FALLBACKS * len(seeds))


@pytest.mark.asyncio
async def test_where_all_sources_are_well_nothing_is_left_to_graphql_core() -> None:
    for seed in range(10_000, 10_040):
        case = case_of(seed, healthy=True)
        response, house = await case.compiled()
        assert house.fallbacks == 0, case.operation
        assert house.faults == []
        assert "data" in response or response["errors"]


def test_the_operations_reach_every_field_of_the_schema() -> None:
    met: set[str] = set()
    for seed in range(700):
        met |= _coordinates(case_of(seed, mutations=0.2).operation.text)
    every = {
        f"{name}.{one}"
        for name, kind in CORE.type_map.items()
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__") and name not in OF_EVENTS
        for one in kind.fields
    }
    missed = {one for one in every - met if not one.endswith(tuple(_inherited()))}
    assert len(missed) <= 0.1 * len(every), sorted(missed)
    assert {one.partition(".")[0] for one in every - met} <= {one.partition(".")[0] for one in met}


def test_the_operations_use_the_whole_language() -> None:
    used: Counter[str] = Counter()
    for seed in range(200):
        text = case_of(seed).operation.text
        found = {
            "alias": ": " in text.partition("{")[2],
            "named fragment": "fragment " in text,
            "inline fragment": "... on " in text,
            "fragment without a type": "... {" in text or "... @" in text,
            "skip": "@skip(if: $" in text,
            "include": "@include(if: $" in text,
            "constant condition": "(if: true)" in text or "(if: false)" in text,
            "default of a variable": " = " in text.partition("{")[0],
            "type name": "__typename" in text,
            "mutation": text.startswith("mutation"),
        }
        used.update(name for name, is_used in found.items() if is_used)
    assert min(used.values()) >= 5
    assert len(used) == 10


async def _told(seed: int, case: Case, found: str) -> str:
    less = await smallest(case)
    return "\n".join(
        (
            f"seed {seed}: {found}",
            f"smallest: {await less.difference()}",
            indent(less.operation.text, "    "),
            f"variables {less.operation.variables}",
            f"without {less.world.without}, problems {less.world.problems}, wrong {less.world.wrong}",
        )
    )


def _coordinates(text: str) -> set[str]:
    """Return the fields that a document selects, by their types."""
    types = TypeInfo(CORE)
    found: set[str] = set()

    class Noting(Visitor):
        def enter_field(self, node: Any, *_: Any) -> None:
            parent = types.get_parent_type()
            if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
                found.add(f"{parent.name}.{node.name.value}")

    visit(parse(text), TypeInfoVisitor(types, Noting()))
    return found


def _inherited() -> list[str]:
    """Return the fields that types have of interfaces, through which they are selected too."""
    return [
        f".{name}" for kind in CORE.type_map.values() if isinstance(kind, GraphQLInterfaceType) for name in kind.fields
    ]


# Scalars of ours, as another generator may write them.
SCALARS = {
    "Date": strategies.dates().map(lambda day: nodes.String(day.isoformat())),
    "DateTime": strategies.datetimes().map(lambda moment: nodes.String(f"{moment.isoformat()}Z")),
    "Decimal": strategies.decimals(allow_nan=False, allow_infinity=False, places=2).map(
        lambda one: nodes.String(str(one))
    ),
}


def other_queries() -> strategies.SearchStrategy[str]:
    """Make the other generator, which takes a while."""
    return queries(SCHEMA.as_str(), custom_scalars=SCALARS, allow_x00=False)


@settings(
    max_examples=max(CASES // 16, 1),
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(strategies.deferred(other_queries), strategies.integers(0, 10_000))
def test_three_executors_agree_on_operations_of_another_generator(text: str, seed: int) -> None:
    case = Case(Operation(text, {}), world_of(seed))
    assert asyncio.run(case.difference()) is None
