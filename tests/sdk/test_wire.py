"""Names on the wire are those of the struct, in its order."""

import msgspec

from klantbeeld.sdk.wire import wire_names


class Item(msgspec.Struct, rename="camel"):
    first_name: str
    etag: str = msgspec.field(name="@odata.etag")
    last_name: str


def test_all_names_come_in_the_structs_order() -> None:
    assert wire_names(Item) == ("firstName", "@odata.etag", "lastName")


def test_the_selected_ones_come_alone() -> None:
    assert wire_names(Item, {"last_name", "first_name", "unknown"}) == ("firstName", "lastName")


def test_nothing_selected_is_nothing() -> None:
    assert wire_names(Item, ()) == ()
