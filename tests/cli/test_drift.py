"""How an answer differs from the recorded one."""

from typing import Any

import msgspec
import pytest

from klantbeeld.cli.drift import Change, changes, shape_of
from klantbeeld.sdk.calls import Call
from klantbeeld.sdk.examples import Answer, Exchange, Request
from klantbeeld.sdk.replies import Reply


class Price(msgspec.Struct):
    amount: int


class Bill(msgspec.Struct):
    id: str
    price: Price | None = None
    note: str | None = None


CALL: Call[Bill] = Call(path="/bills", items=("data",), record=Bill)
RECORDED = {"data": [{"id": "1", "price": {"amount": 5, "vat": 1}, "note": "x", "color": "red"}], "more": False}


def compared(body: Any, *, status: int = 200, is_same: bool = True) -> list[Change]:
    exchange = Exchange(request=Request(method="GET", path="/bills"), reply=Answer(status=200, body=RECORDED))
    return changes([exchange], [(CALL, Reply(status, (), msgspec.json.encode(body)))], is_same=is_same)


def bill(**members: Any) -> dict[str, Any]:
    item = {**RECORDED["data"][0], **members}  # type: ignore[index]  # it is one of a list
    return {**RECORDED, "data": [{name: value for name, value in item.items() if value is not ...}]}


def test_a_shape_has_members_and_types_and_no_value() -> None:
    assert shape_of({"a": [{"b": 1}, {"b": None}], "c": "x"}) == {
        "": frozenset({"object"}),
        "a": frozenset({"list"}),
        "a[]": frozenset({"object"}),
        "a[].b": frozenset({"number", "null"}),
        "c": frozenset({"string"}),
    }


def test_the_same_shape_with_other_values_is_no_change() -> None:
    assert compared(bill(id="2", note="other", price={"amount": 7, "vat": 2})) == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            bill(price={"amount": "5", "vat": 1}),
            Change("type", "data[].price.amount", "number", "string", matters=True),
        ),
        (bill(price={"amount": 5, "vat": "1"}), Change("type", "data[].price.vat", "number", "string")),
        (bill(note=...), Change("gone", "data[].note", "string", matters=True)),
        (bill(color=...), Change("gone", "data[].color", "string")),
        (bill(price=...), Change("gone", "data[].price", "object", matters=True)),
        (bill(due="2026-01-01"), Change("added", "data[].due", now="string")),
        (bill(due={"on": "2026-01-01"}), Change("added", "data[].due", now="object")),
    ],
)
def test_a_change_is_told_and_matters_where_the_connector_reads(body: Any, expected: Change) -> None:
    assert compared(body) == [expected]


def test_null_may_stand_for_every_member() -> None:
    assert compared(bill(note=None)) == []


def test_of_somebody_else_a_member_may_be_missing() -> None:
    assert compared(bill(note=...), is_same=False) == [Change("not seen", "data[].note", "string")]


def test_another_status_is_a_change_and_nothing_more_is_compared() -> None:
    assert compared({}, status=202) == [Change("status", "GET", "200", "202", matters=True)]


def test_somebody_else_who_is_there_where_the_recorded_one_is_not_is_no_change() -> None:
    assert compared({}, status=404, is_same=False) == []


def test_an_answer_without_items_says_nothing_of_their_members() -> None:
    assert compared({**RECORDED, "data": []}) == [Change("not seen", "data[]", "object")]
