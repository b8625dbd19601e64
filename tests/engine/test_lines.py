"""Places in a document are those that graphql-core finds, and are found once."""

import pytest
from graphql import GraphQLError, Source, parse
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.house import CUSTOMER, House

from klantbeeld.engine.lines import Lines, placed_like


@given(st.text(alphabet="\r\n a\u2028\x0b", max_size=30))
def test_every_place_is_where_graphql_core_has_it(text: str) -> None:
    lines, source = Lines(text), Source(text)
    for position in range(len(text) + 1):
        assert lines.get_location(position) == source.get_location(position)


def test_an_error_at_the_places_of_another_one_is_like_it() -> None:
    tree = parse("{\n a\n b }")
    nodes = list(tree.definitions[0].selection_set.selections)  # type: ignore[attr-defined]  # it is an operation
    at = GraphQLError("", nodes)
    made, expected = placed_like(at, "no", path=["a"]), GraphQLError("no", nodes, path=["a"])
    assert made.formatted == expected.formatted
    assert (made.nodes, made.source, made.positions) == (expected.nodes, expected.source, expected.positions)


@pytest.mark.asyncio
async def test_nor_is_it_shown_for_each_value_that_is_null(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    query = "query ($f: Int = 3) { me { complaints(first: $f) { nodes { id } } } }"
    first = await house.ask(query, {"f": None})
    assert first["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"

    def shown(_: object) -> str:
        raise AssertionError("the document is shown")

    monkeypatch.setattr(GraphQLError, "__str__", shown)
    assert await house.ask(query, {"f": None}) == first


@pytest.mark.asyncio
async def test_a_known_document_is_not_searched_for_the_places_of_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    fields = " ".join(f"a{number}: complaints(first: 0) {{ nodes {{ id }} }}" for number in range(10))
    query = f"query ($ids: [ID!]!) {{\n customers(ids: $ids) {{ {fields} {fields} }} }}"
    first = await house.ask(query, {"ids": [CUSTOMER] * 20})
    assert len(first["errors"]) == 200
    assert first["errors"][0]["locations"] == [{"line": 2, "column": 25}, {"line": 2, "column": 445}]

    def searched(*_: object) -> None:
        raise AssertionError("the document is read again")

    monkeypatch.setattr("graphql.language.location.get_locations", searched)
    monkeypatch.setattr(Source, "get_location", searched)
    monkeypatch.setattr(GraphQLError, "__str__", searched)  # it shows the lines around
    assert await house.ask(query, {"ids": [CUSTOMER] * 20}) == first
