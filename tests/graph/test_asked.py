"""What a mutation was asked: its model is what strawberry makes of the input, or it is refused as there."""

from typing import Any

import pytest
from graphql import GraphQLInputObjectType
from graphql.utilities import coerce_input_value
from hypothesis import given, settings, strategies
from hypothesis.strategies import DataObject
from pydantic import ValidationError
from strawberry.types.arguments import convert_argument
from tests.engine.given import exactly, many, right
from tests.engine.house import SCHEMA

from klantbeeld.errors import RequestError
from klantbeeld.graph.asked import checked
from klantbeeld.graph.saga_inputs import (
    AddressInput,
    ChangeAddressInput,
    ChangeAddressModel,
    RunSagaInput,
    RunSagaModel,
    SagaValueInput,
)
from klantbeeld.sdk.words import Channel

KINDS: dict[str, Any] = {
    name: kind
    for name, kind in SCHEMA._schema.type_map.items()
    if isinstance(kind, GraphQLInputObjectType)
    and hasattr(kind.extensions["strawberry-definition"].origin, "to_pydantic")
}


# What fits where not any text does.
FITTING = {
    "houseNumber": "12",
    "country": "NL",
    "email": "s.de.wit@example.nl",
    "phone": "+31612345678",
    "currency": "EUR",
    "amount": "19.95",
    "language": "nl-NL",
    "saga": "moveOut",
    "event": "signed",
    "name": "nickname",
    "idempotencyKey": "k",
}


def fitting(value: Any) -> Any:
    """Give the same with texts that fit."""
    if isinstance(value, list):
        return [fitting(one) for one in value]
    if not isinstance(value, dict):
        return value.strip() or "x" if isinstance(value, str) else value
    return {name: FITTING[name] if name in FITTING and one else fitting(one) for name, one in value.items()}


def outcome(make: Any, *given: Any) -> Any:
    """Give the model, and which of its members were set; None where it is refused."""
    try:
        model = make(*given)
    except (RequestError, ValidationError):
        return None
    return exactly(model), model.model_fields_set, model.model_dump()


@pytest.mark.parametrize("name", KINDS)
@settings(many, max_examples=60)
@given(strategies.data())
def test_the_model_of_an_input_is_what_strawberry_makes(name: str, data: DataObject) -> None:
    kind = KINDS[name]
    drawn = data.draw(right(kind).filter(bool))
    values = coerce_input_value(fitting(drawn) if data.draw(strategies.booleans()) else drawn, kind)
    scalars, origin = SCHEMA.schema_converter.scalar_registry, kind.extensions["strawberry-definition"].origin
    given: Any = convert_argument(values, origin, scalars, SCHEMA.config)
    assert outcome(checked, given, origin._pydantic_type) == outcome(given.to_pydantic)


def test_a_member_that_is_wrong_is_named_with_the_whole_way_to_it() -> None:
    fields = {"street": "", "house_number": "1", "postcode": "1234 AB", "city": "Ede"}
    address: Any = AddressInput(**fields)
    moved: Any = ChangeAddressInput(customer_id="c", channel=Channel.APP, address=address)
    with pytest.raises(RequestError) as refused:
        checked(moved, ChangeAddressModel)
    assert (refused.value.reason, refused.value.place) == ("BAD_USER_INPUT", "input.address.street")


def test_a_member_within_a_list_is_named_with_its_number() -> None:
    values: Any = [SagaValueInput(name="to", value="Ede"), SagaValueInput(name="", value="x")]
    begun: Any = RunSagaInput(customer_id="c", channel=Channel.APP, saga="moveOut", values=values)
    with pytest.raises(RequestError) as refused:
        checked(begun, RunSagaModel)
    assert refused.value.place == "input.values[1].name"
