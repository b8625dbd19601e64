"""What is documented, shown in the demo, or measured is assembled by the plan's own functions."""

from itertools import product
from typing import Any

import pytest
from graphql import FragmentDefinitionNode, GraphQLSchema, OperationDefinitionNode, OperationType, parse
from tests.docs.pages import ROOT, fences
from tests.engine.house import SCHEMA, MemoryRights

from klantbeeld.engine.assembly import compile_assembly
from klantbeeld.engine.plan import compile_plan
from klantbeeld.engine.selections import Selections

CORE: GraphQLSchema = SCHEMA._schema

# The views are what the demo asks.
FILES = (
    *sorted((ROOT / "docs/views").glob("*.graphql")),
    *sorted((ROOT / "tests/benchmarks/queries").glob("*.graphql")),
)
TEXTS = {str(fence): fence.text for fence in fences("graphql")} | {
    str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in FILES
}


def operations() -> list[Any]:
    """Give each operation that is answered at once; parts and events are made by graphql-core (docs/running.md)."""
    found = []
    for place, text in TEXTS.items():
        tree = parse(text)
        for definition in tree.definitions:
            if not isinstance(definition, OperationDefinitionNode) or "@defer" in text or "@stream" in text:
                continue
            if definition.operation is not OperationType.SUBSCRIPTION:
                name = definition.name.value if definition.name else "anonymous"
                found.append(pytest.param(tree, definition, id=f"{place} {name}"))
    return found


@pytest.mark.parametrize(("tree", "operation"), operations())
def test_it_is_assembled_by_its_plan_however_its_conditions_fall(tree: Any, operation: Any) -> None:
    fragments = {one.name.value: one for one in tree.definitions if isinstance(one, FragmentDefinitionNode)}
    selections = Selections(CORE, fragments)
    plan = compile_plan(CORE, operation, selections, MemoryRights(), lambda _, values: values)
    deciding = sorted(plan.deciding)
    for chosen in product((True, False), repeat=len(deciding)):
        assert compile_assembly(CORE, plan, selections, dict(zip(deciding, chosen, strict=True)))


def test_there_are_operations_of_each_kind() -> None:
    places = " ".join(TEXTS)
    assert all(kind in places for kind in ("README.md", "docs/views", "docs/schema.md", "benchmarks/queries"))
    assert len(operations()) > 15
