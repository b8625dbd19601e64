"""Whatever goes wrong at one field or one source costs that field, and the rest is delivered."""

import pytest
from tests.engine.house import CUSTOMER, House

pytestmark = pytest.mark.asyncio


async def test_a_null_where_an_argument_has_a_default_costs_its_field_alone() -> None:
    house = House()
    query = (
        "query Q($id: ID!, $n: Int) { customer(id: $id) { invoices(first: $n) { nodes { id } } party { fullName } } }"
    )
    answer = await house.ask(query, {"id": CUSTOMER, "n": None})
    assert answer["data"]["customer"] == {"invoices": None, "party": {"fullName": "Ada"}}
    (error,) = answer["errors"]
    assert error["path"] == ["customer", "invoices"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
