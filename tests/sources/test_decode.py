"""Decoding: only what is asked, types checked, and places instead of values."""

from enum import Enum
from typing import Any

import msgspec
import pytest

from klantbeeld.errors import SourceInvalid, SourceRejected
from klantbeeld.sdk.calls import Call
from klantbeeld.sources.decode import decode, narrow


class Item(msgspec.Struct, rename="camel"):
    item_id: str
    full_name: str | None = None
    tags: list[str] = msgspec.field(default_factory=list)
    kind: str = "plain"


class Envelope(msgspec.Struct):
    more: bool = False
    error: str | None = None


def ids(call: Call[Any], body: bytes, *select: str) -> list[str]:
    return [item.item_id for item in decode(call, body, frozenset({"item_id", *select})).items]


def test_a_body_is_one_item_or_a_list_of_them_at_some_depth() -> None:
    assert ids(Call(path="/", record=Item), b'{"itemId": "1"}') == ["1"]
    assert ids(Call(path="/", record=Item, items=()), b'[{"itemId": "1"}, {"itemId": "2"}]') == ["1", "2"]
    deep: Call[Item] = Call(path="/", record=Item, items=("d", "results"))
    assert ids(deep, b'{"d": {"results": [{"itemId": "1"}], "x": 1}}') == ["1"]


def test_members_that_nobody_asked_for_are_not_looked_at() -> None:
    assert ids(Call(path="/", record=Item), b'{"itemId": "1", "fullName": 7}') == ["1"]
    with pytest.raises(SourceInvalid):
        ids(Call(path="/", record=Item), b'{"itemId": "1", "fullName": 7}', "full_name")


def test_members_keep_their_names_on_the_wire_and_their_defaults() -> None:
    narrowed = narrow(Item, frozenset({"item_id", "tags", "kind"}))
    item = msgspec.json.decode(b'{"itemId": "1"}', type=narrowed)

    assert (item.tags, item.kind) == ([], "plain")
    assert not hasattr(item, "full_name")


def test_a_struct_of_which_all_is_asked_is_the_records_own() -> None:
    assert narrow(Item, frozenset({"item_id", "full_name", "tags", "kind"})) is Item


def test_what_the_next_page_needs_is_decoded_unasked() -> None:
    call: Call[Item] = Call(
        path="/",
        record=Item,
        items=("data",),
        envelope=Envelope,
        needs=frozenset({"full_name"}),
        next_page=lambda page, last: last.full_name if page.more else None,
    )
    body = b'{"data": [{"itemId": "1", "fullName": "a"}, {"itemId": "2", "fullName": "b"}], "more": true}'

    assert decode(call, body, frozenset({"item_id"})).next_page == "b"
    assert decode(call, body.replace(b"true", b"false"), frozenset({"item_id"})).next_page is None


def test_a_page_without_items_has_no_last_one() -> None:
    seen = []

    def next_page(page: Envelope, last: Any) -> str | None:
        seen.append(last)
        return None

    call: Call[Item] = Call(path="/", record=Item, items=("data",), envelope=Envelope, next_page=next_page)
    assert decode(call, b'{"data": []}', frozenset({"item_id"})).items == []
    assert seen == [None]


REFUSABLE: Call[Item] = Call(
    path="/",
    record=Item,
    items=("data",),
    envelope=Envelope,
    refusal=lambda page: SourceRejected("no", reason=page.error) if page.error else None,
)


def test_an_answer_may_refuse_though_its_status_says_that_all_is_well() -> None:
    with pytest.raises(SourceRejected) as raised:
        decode(REFUSABLE, b'{"error": "closed"}', frozenset({"item_id"}))
    assert raised.value.reason == "closed"


@pytest.mark.parametrize(
    "refusing", [b'{"error": "closed", "data": null}', b'{"error": "closed", "data": [{"itemId": 7}]}']
)
def test_a_refusal_goes_before_items_that_do_not_fit(refusing: bytes) -> None:
    with pytest.raises(SourceRejected):
        decode(REFUSABLE, refusing, frozenset({"item_id"}))
    with pytest.raises(SourceInvalid, match=r"\$\.data\[0\]\.itemId"):
        decode(REFUSABLE, b'{"data": [{"itemId": 7}]}', frozenset({"item_id"}))


def test_an_envelope_may_read_what_the_items_stand_in() -> None:
    class Counted(msgspec.Struct):
        data: list[Any]

    call: Call[Item] = Call(
        path="/",
        record=Item,
        items=("data",),
        envelope=Counted,
        next_page=lambda page, _last: str(len(page.data)),
    )
    decoded = decode(call, b'{"data": [{"itemId": "1"}, {"itemId": "2"}]}', frozenset({"item_id"}))

    assert [item.item_id for item in decoded.items] == ["1", "2"]
    assert decoded.next_page == "2"


def test_items_may_stand_deep_beside_an_envelope() -> None:
    call: Call[Item] = Call(
        path="/",
        record=Item,
        items=("found", "data"),
        envelope=Envelope,
        next_page=lambda page, last: last.item_id if page.more else None,
    )
    decoded = decode(call, b'{"more": true, "found": {"data": [{"itemId": "1"}]}}', frozenset({"item_id"}))

    assert (len(decoded.items), decoded.next_page) == (1, "1")


def test_an_item_may_be_completed_from_what_stands_around_it() -> None:
    class Owned(msgspec.Struct):
        id: str
        owner: str = ""

    def own(page: Any, item: Owned) -> None:
        item.owner = page.error or "nobody"

    call: Call[Owned] = Call(path="/", record=Owned, items=("data",), envelope=Envelope, complete=own)
    decoded = decode(call, b'{"data": [{"id": "1"}], "error": "me"}', frozenset({"id", "owner"}))

    assert decoded.items[0].owner == "me"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"d": [{"itemId": 7}]}', "$.d[0].itemId"),
        (b'{"d": [{"fullName": "a"}]}', "$.d[0]"),
        (b'{"d": 7}', "$.d"),
        (b'{"d": [', "malformed"),
        (b"", "malformed"),
        (b'{"d": [{"itemId": "\xff"}]}', "malformed"),
    ],
)
def test_an_answer_that_does_not_fit_tells_its_place(body: bytes, place: str) -> None:
    call: Call[Item] = Call(path="/", record=Item, items=("d",))
    with pytest.raises(SourceInvalid) as raised:
        ids(call, body)
    assert place in str(raised.value)


class Kind(Enum):
    A = "a"


class Sorted(msgspec.Struct):
    kind: Kind


def test_an_answer_that_does_not_fit_never_tells_its_value() -> None:
    with pytest.raises(SourceInvalid) as raised:
        decode(Call(path="/", record=Sorted), b'{"kind": "06-12345678"}', frozenset({"kind"}))
    assert "12345678" not in str(raised.value)
