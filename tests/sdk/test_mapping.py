"""A mapping becomes one function for the members that are selected, and says what it needs on the wire."""

from datetime import date
from typing import Any

import msgspec
import pytest

from klantbeeld.sdk.mapping import Mapping, always, take
from klantbeeld.sdk.records import ContactMedium, Invoice, Party
from klantbeeld.sdk.words import ContactKind


class Line(msgspec.Struct, kw_only=True):
    id: str
    text: str | None = None


class Item(msgspec.Struct, kw_only=True):
    id: str = "1"
    owner: str | None = "c"
    name: str | None = None
    first: str | None = None
    due: int | None = None
    lines: list[Line] = []


NAMED = Mapping(
    Party,
    Item,
    {
        "record_id": take("id"),
        "owner": take("owner"),
        "given_name": take("first"),
        "full_name": take("first", "name", via=lambda first, name: f"{first} {name}"),
    },
)


def test_only_the_selected_members_are_needed_and_made() -> None:
    translator = NAMED.translator(frozenset({"given_name"}))
    assert translator.wire == {"id", "owner", "first"}
    (party,) = translator.translate([Item(first="Ada", name="Lovelace")], None)
    assert (party.given_name, party.full_name) == ("Ada", None)


def test_id_and_owner_come_along_unselected() -> None:
    translator = NAMED.translator(frozenset())
    (party,) = translator.translate([Item()], None)
    assert (party.record_id, party.owner) == ("1", "c")


def test_a_function_takes_its_wire_members_in_the_order_given() -> None:
    (party,) = NAMED.translator(frozenset({"full_name"})).translate([Item(first="Ada", name="Lovelace")], None)
    assert party.full_name == "Ada Lovelace"


def test_the_same_members_give_the_same_translator() -> None:
    assert NAMED.translator(frozenset({"given_name"})) is NAMED.translator(frozenset({"given_name"}))


@pytest.mark.parametrize(("name", "expected"), [(None, []), ("a@example.nl", ["a@example.nl"])])
def test_when_decides_whether_there_is_a_record(name: str | None, expected: list[str]) -> None:
    medium = Mapping(
        ContactMedium,
        Item,
        {"record_id": take("id"), "value": take("name"), "kind": always(ContactKind.EMAIL)},
        when=take("name"),
    )
    translator = medium.translator(frozenset({"value", "kind"}))
    assert [record.value for record in translator.translate([Item(name=name)], None)] == expected
    assert "name" in medium.translator(frozenset()).wire


def test_each_makes_a_record_of_every_nested_item_with_members_from_around_it() -> None:
    lines = Mapping(
        Invoice,
        Item,
        {"record_id": take("id"), "number": take("text")},
        outer={"owner": take("owner"), "due_on": take("due", via=lambda year: date(year, 1, 1))},
        each=take("lines"),
        when=take("text"),
    )
    translator = lines.translator(frozenset({"number", "due_on"}))
    assert translator.wire == {"lines", "owner", "due"}
    item = Item(due=2026, lines=[Line(id="a", text="x"), Line(id="b"), Line(id="c", text="z")])
    made = [
        (record.record_id, record.number, record.owner, record.due_on) for record in translator.translate([item], None)
    ]
    assert made == [("a", "x", "c", date(2026, 1, 1)), ("c", "z", "c", date(2026, 1, 1))]


def test_several_wire_members_need_a_function() -> None:
    with pytest.raises(TypeError, match="need a function"):
        take("first", "name")


def test_a_table_needs_one_wire_member() -> None:
    with pytest.raises(TypeError, match="need a function"):
        take("first", "name", via={"a": 1})


def test_what_is_not_in_a_table_is_none() -> None:
    named = Mapping(Party, Item, {"record_id": take("id"), "full_name": take("name", via={"a": "Ada"})})
    made = named.translator(frozenset({"full_name"})).translate([Item(name="a"), Item(name="b"), Item()], None)
    assert [party.full_name for party in made] == ["Ada", None, None]


def test_what_is_always_the_same_needs_nothing_on_the_wire() -> None:
    titled = Mapping(Party, Item, {"record_id": take("id"), "full_name": always("Ada")})
    translator = titled.translator(frozenset({"full_name"}))
    assert translator.wire == {"id"}
    assert [party.full_name for party in translator.translate([Item(name="b")], None)] == ["Ada"]


def test_members_that_the_mapping_lacks_are_left_empty() -> None:
    (party,) = NAMED.translator(frozenset({"birth_date"})).translate([Item()], None)
    assert party.birth_date is None


def test_functions_keep_their_places_beside_members_without_one() -> None:
    def shout(value: Any) -> str:
        return str(value).upper()

    mapping = Mapping(
        Party,
        Item,
        {"record_id": take("id", via=shout), "given_name": take("first"), "family_name": take("name", via=shout)},
    )
    (party,) = mapping.translator(frozenset({"given_name", "family_name"})).translate(
        [Item(id="x", first="a", name="b")], None
    )
    assert (party.record_id, party.given_name, party.family_name) == ("X", "a", "B")
