"""Variables: what arrives as it should be is taken as it is, and anything else is coerced as graphql-core does."""

from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

import pytest
from graphql import OperationDefinitionNode, build_schema, parse

from klantbeeld.engine import variables
from klantbeeld.engine.variables import InvalidVariables, VariableReader

SCHEMA = build_schema("type Query { named(ids: [ID!]!, sizes: [[Int]], name: String): String }")


def reader(declared: str) -> VariableReader:
    tree = parse(f"query ({declared}) {{ named }}").definitions[0]
    assert isinstance(tree, OperationDefinitionNode)
    return VariableReader(SCHEMA, tree)


@pytest.mark.parametrize(
    ("declared", "given"),
    [
        ("$ids: [ID!]!", {"ids": ["a", "b"]}),
        ("$ids: [ID!]", {"ids": []}),
        ("$sizes: [[Int]]", {"sizes": [[1, 2], []]}),
        ("$name: String, $ids: [ID!]!", {"name": "x", "ids": ["a"]}),
    ],
)
def test_scalars_and_lists_of_them_are_taken_as_they_are(declared: str, given: Mapping[str, Any]) -> None:
    with patch.object(variables, "get_variable_values", side_effect=AssertionError):
        assert reader(declared).read(given).coerced == given


@pytest.mark.parametrize(
    ("declared", "given", "coerced"),
    [
        ("$ids: [ID!]!", {"ids": "a"}, {"ids": ["a"]}),
        ("$ids: [ID!]!", {"ids": ["a", 7]}, {"ids": ["a", "7"]}),
        ("$sizes: [[Int]]", {"sizes": [[1, None], None]}, {"sizes": [[1, None], None]}),
        ("$sizes: [[Int]]", {"sizes": 3}, {"sizes": [[3]]}),
        ("$ids: [ID!]", {}, {}),
        ("$ids: [ID!] = [1]", {}, {"ids": ["1"]}),
    ],
)
def test_anything_else_is_coerced(declared: str, given: Mapping[str, Any], coerced: Mapping[str, Any]) -> None:
    assert reader(declared).read(given).coerced == coerced


@pytest.mark.parametrize("given", [{"ids": ["a", None]}, {"ids": ["a", True]}, {"ids": [["a"]]}, {"ids": None}, {}])
def test_what_does_not_fit_is_refused(given: Mapping[str, Any]) -> None:
    with pytest.raises(InvalidVariables):
        reader("$ids: [ID!]!").read(given)
