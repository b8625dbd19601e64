"""A document answers the same whether it shares its plan or not."""

import random
from typing import Any

import pytest
from graphql import build_schema, parse, print_ast, validate
from graphql.execution.values import get_argument_values, get_variable_values
from tests.engine.cases import case_of, differ
from tests.engine.house import CUSTOMER, SCHEMA, House

from klantbeeld.engine.literals import Unshared, make_template
from klantbeeld.engine.scanning import scan

SHARED = 'query A { customer(id: "%s") { id complaints(first: %s) { nodes { subject } } } }'

PLACES = build_schema(
    """
    scalar Date
    enum State { OPEN PAID }
    input Place { city: String!, number: Int, more: [Place!], state: State = OPEN }
    type Query {
      f(id: ID, text: String, whole: Int, part: Float, yes: Boolean, state: State, day: Date, ids: [ID!],
        rows: [[Int]], place: Place): String
    }
    """
)

LITERALS = {
    "id": ['"a"', "5", "-0", '"""a\n  b"""', "1.0", "OPEN"],
    "text": ['"a"', '""', '"\\u00e9\\n\\u{1F600}"', '"""x"""', "5", "OPEN", '"\\q"', '"\ud800"'],
    "whole": ["5", "-0", "2147483648", "1.0", '"5"', "9" * 5_000, "true"],
    "part": ["5", "1.5", "-1e2", "1e999", '"1.5"'],
    "yes": ["true", "false", '"true"', "1"],
    "state": ["OPEN", '"OPEN"', "CLOSED", "true"],
    "day": ['"2026-01-01"', "20260101", "1.5", "OPEN", "{}"],
    "ids": ['["a", 5]', '"a"', "[]", '["a", null]', "[[1]]"],
    "rows": ["[[1, 2], [], null]", "[1, 2]", "1", "[[1.5]]"],
    "place": [
        '{city: "Delft", number: 1, more: [{city: "x"}]}',
        '{city: "Delft", more: {city: "x"}, state: PAID}',
        '{city: "Delft", number: null}',
        "{number: 1}",
        '{city: "Delft", street: "x"}',
        '"Delft"',
    ],
}


@pytest.mark.parametrize(("name", "literal"), [(name, one) for name, every in LITERALS.items() for one in every])
def test_a_variable_gives_what_its_literal_gives_or_the_literal_is_not_lifted(name: str, literal: str) -> None:
    text = f"{{ f({name}: {literal}) }}"
    first = f"{{ f({name}: {LITERALS[name][0]}) }}"
    template = make_template(PLACES, parse(first), first, scan(first, most_tokens=99))
    assert validate(PLACES, template.tree) == []
    found = scan(text, most_tokens=99).found
    try:
        given = template.values(found)
    except (Unshared, ValueError):
        given = None
    declared = template.tree.definitions[0].variable_definitions  # type: ignore[attr-defined]
    coerced = None if given is None else get_variable_values(PLACES, declared, given)
    if coerced is None or isinstance(coerced, list):
        return
    assert _argument(template.tree, coerced) == _argument(parse(text), None)
    assert validate(PLACES, parse(text)) == []


def _argument(tree: Any, values: Any) -> Any:
    definition = PLACES.query_type.fields["f"]  # type: ignore[union-attr]
    return get_argument_values(definition, tree.definitions[0].selection_set.selections[0], values)


@pytest.mark.parametrize("name", LITERALS)
def test_what_every_type_takes_is_lifted(name: str) -> None:
    text = f"{{ f({name}: {LITERALS[name][0]}) }}"
    template = make_template(PLACES, parse(text), text, scan(text, most_tokens=99))
    assert f"f({name}: $literal_0)" in print_ast(template.tree)
    template.values(template.found)


def test_a_literal_in_a_fragment_is_declared_by_the_operations_that_reach_it() -> None:
    text = "query A { ...F } query B { g: f(whole: 1) } fragment F on Query { f(whole: 2) }"
    template = make_template(PLACES, parse(text), text, scan(text, most_tokens=99))
    assert validate(PLACES, template.tree) == []
    heads = [line for line in print_ast(template.tree).splitlines() if line.startswith("query")]
    assert heads == ["query A($literal_1: Int!) {", "query B($literal_0: Int!) {"]


@pytest.mark.parametrize("text", ["{ f(text: $literal_0) }", "{ f }", "# literal_\n{ f(whole: 1) }"])
def test_a_document_without_literals_or_with_names_like_ours_is_left_alone(text: str) -> None:
    with pytest.raises(Unshared):
        make_template(PLACES, parse(text), text, scan(text, most_tokens=99))


@pytest.mark.asyncio
async def test_a_shared_plan_answers_each_with_its_own_literals() -> None:
    house = House()
    answers = [await house.ask(SHARED % (CUSTOMER, first)) for first in (1, 3, 2)]
    assert [len(answer["data"]["customer"]["complaints"]["nodes"]) for answer in answers] == [1, 3, 2]
    assert house.fallbacks == 0


@pytest.mark.asyncio
async def test_an_error_stands_where_it_stands_in_the_document_that_was_sent() -> None:
    house = House()
    house.sources["complaints"].problem = "timeout"
    for first in ("1", "22", "3"):
        text = SHARED % (CUSTOMER + " " * len(first), first)
        shared, alone = await house.ask(text), await _alone("complaints", text)
        assert shared == alone
    await house.ask(SHARED % (CUSTOMER, 1))
    text = SHARED % (CUSTOMER, "\n\n 3")
    shared = await house.ask(text)
    assert shared == await _alone("complaints", text)
    assert shared["errors"][0]["locations"] == [{"line": 1, "column": 69}]


async def _alone(source: str, text: str) -> Any:
    house = House()
    house.sources[source].problem = "timeout"
    return await house.ask(text)


@pytest.mark.asyncio
async def test_a_wrong_variable_of_a_shared_document_costs_no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "query Q($id: ID!) {\n customer(id: $id) { complaints(first: %d) { nodes { id } } } }"
    house = House()
    alone = await house.ask(text % 10, {"id": None})
    for first in (1, 2, 10):
        await house.ask(text % first, {"id": CUSTOMER})

    def read(*_: object) -> None:
        raise AssertionError("it is read again")

    monkeypatch.setattr(house.engine._documents, "_parse", read)
    assert await house.ask(text % 10, {"id": None}) == alone
    like_ours = await house.ask(text % 10, {"id": ["'$literal_0"]})
    assert like_ours["errors"][0]["extensions"]["place"] == "$id"
    assert alone["errors"][0]["extensions"]["place"] == "$id"


@pytest.mark.asyncio
async def test_a_variable_of_a_literals_name_changes_nothing() -> None:
    house = House()
    for first in (1, 2):
        await house.ask(SHARED % (CUSTOMER, first))
    answer = await house.ask(SHARED % (CUSTOMER, 3), {"literal_1": 1})
    assert len(answer["data"]["customer"]["complaints"]["nodes"]) == 3


@pytest.mark.asyncio
async def test_generated_operations_answer_alike_with_a_shared_plan_and_by_themselves() -> None:
    shared = 0
    for seed in range(20_000, 20_030):
        case = case_of(seed, mutations=0)
        text, variables = case.operation.text, case.operation.variables
        chance = random.Random(seed)
        house = case.world.house()
        for other in (_varied(text, chance), _varied(text, chance)):
            await house.ask(other, variables, without=case.world.without)
        ours = await house.ask(text, variables, without=case.world.without)
        asked = house.engine._documents.known(text)
        shared += bool(asked and asked.literals)
        alone = await case.world.house().ask(text, variables, without=case.world.without)
        assert differ(ours, alone, "by itself") is None, text
    assert shared >= 10


def _varied(text: str, chance: random.Random) -> str:
    """Write other literals of the same kind, if the document stays valid with them."""
    varied = text
    for one in reversed(scan(text, most_tokens=1_000).found):
        other = {"int": str(chance.randint(1, 50)), "string": f'"{chance.randint(0, 9)}"'}.get(one.value.kind)
        if other:
            varied = varied[: one.start] + other + varied[one.end :]
    return text if validate(SCHEMA._schema, parse(varied)) else varied
