"""What clients give for the types of a schema's inputs: values that are right, and values that may be anything."""

from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    is_required_input_field,
)
from hypothesis import HealthCheck, settings, strategies
from hypothesis.strategies import DrawFn, SearchStrategy

many = settings(
    max_examples=30, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)

# Texts of which each is right for some member of some input, and some for none.
TEXTS = (
    *("", " ", "x", "Dorpsstraat", " 12 ", "12", "1234 AB", "NL", "nl-NL", "EUR", "a" * 201, "regel\nregel", "a b"),
    *("s.de.wit@example.nl", "+31612345678", "2001-02-03", "2001-02-03T04:05:06Z", "19.95", "-1", "nameOne", "É"),
)

SCALARS: dict[str, SearchStrategy[Any]] = {
    "ID": strategies.sampled_from(TEXTS),
    "String": strategies.sampled_from(TEXTS),
    "Boolean": strategies.booleans(),
    "Int": strategies.integers(-(2**31), 2**31 - 1),
    "Float": strategies.floats(allow_nan=False, allow_infinity=False),
    "Even": strategies.integers(0, 9).map(lambda half: 2 * half),
    "Date": strategies.dates().map(str),
    "DateTime": strategies.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
    "Decimal": strategies.decimals(-10, 10**5, places=2).map(str) | strategies.integers(1, 100),
}

ONE_OF_TWENTY = strategies.integers(1, 20).map(lambda chance: chance == 20)
ONE_OF_FOUR = strategies.integers(1, 4).map(lambda chance: chance == 4)

LEAVES = (
    strategies.none()
    | strategies.booleans()
    | strategies.sampled_from((0, 1, -1, 2**31, -(2**31) - 1, 1.0, 1.5, 1e300))
    | strategies.sampled_from((*TEXTS, "APP", "app"))
)
ANYTHING = strategies.recursive(
    LEAVES, lambda inner: strategies.lists(inner, max_size=2) | strategies.dictionaries(strategies.just("name"), inner)
)


def right(kind: GraphQLInputType) -> SearchStrategy[Any]:
    """Give values of a type, written in the one way that it asks for."""
    return _value(kind, may_be_wrong=False)


def perhaps(kind: GraphQLInputType) -> SearchStrategy[Any]:
    """Give values of which some are of a type, some are nearly, and some are not at all."""
    return _value(kind, may_be_wrong=True)


@strategies.composite
def _value(draw: DrawFn, kind: Any, *, may_be_wrong: bool) -> Any:
    if may_be_wrong and draw(ONE_OF_TWENTY):
        return draw(ANYTHING)
    if isinstance(kind, GraphQLNonNull):
        kind = kind.of_type
    elif draw(ONE_OF_FOUR):
        return None
    if isinstance(kind, GraphQLList):
        return draw(strategies.lists(_value(kind.of_type, may_be_wrong=may_be_wrong), max_size=2))
    if isinstance(kind, GraphQLEnumType):
        return draw(strategies.sampled_from(list(kind.values)))
    if not isinstance(kind, GraphQLInputObjectType):
        return draw(SCALARS[kind.name])
    found = {
        name: draw(_value(field.type, may_be_wrong=may_be_wrong))
        for name, field in kind.fields.items()
        if (is_required_input_field(field) and not (may_be_wrong and draw(ONE_OF_TWENTY)))
        or draw(strategies.booleans())
    }
    return {**found, "unknown": None} if may_be_wrong and draw(ONE_OF_TWENTY) else found


def exactly(value: Any) -> Any:
    """Return what tells a value from all others, of other types too; members of an object have no order."""
    if isinstance(value, dict):
        return {name: exactly(one) for name, one in value.items()}
    if isinstance(value, list):
        return [exactly(one) for one in value]
    if hasattr(value, "__dict__") and not hasattr(value, "value"):
        return type(value), exactly(vars(value))
    return type(value), value
