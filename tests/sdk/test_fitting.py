"""Mappings are held against their records when a connector is loaded, by declared types alone."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, NewType

import msgspec
import pytest

from klantbeeld.sdk import always, records, take
from klantbeeld.sdk.fitting import fits, misfits
from klantbeeld.sdk.mapping import Mapping, Member

Number = NewType("Number", str)


class Line(msgspec.Struct):
    """An item on the wire."""

    text: str
    cents: int


class Bill(msgspec.Struct):
    """A bill on the wire."""

    id: str
    number: int
    due: date | None = None
    issued: str | None = None
    lines: list[Line] = []


def day(value: str | None) -> date | None:
    """Read a day."""
    return date.fromisoformat(value) if value else None


def shout(value: str) -> bytes:
    """Make what no record holds."""
    return value.encode()


def silent(value):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Say nothing of what comes out."""
    return value


@pytest.mark.parametrize(
    ("given", "wanted", "expected"),
    [
        (str, str, True),
        (str, str | None, True),
        (str | None, str, False),
        (int, float, True),
        (float, int, False),
        (bool, int, True),
        (str, Decimal, False),
        (datetime, date, True),
        (Number, str, True),
        (Annotated[str, "a text"], str, True),
        (Literal["a", "b"], str, True),
        (Literal["a", 1], str, False),
        (list[str], list[str] | None, True),
        (list[int], list[str], False),
        (list[str], tuple[str, ...], False),
        (Any, str, True),
        (str, Any, True),
        (None, str, False),
    ],
)
def test_a_type_fits_where_each_of_its_values_may_stand(given: Any, wanted: Any, expected: bool) -> None:  # noqa: FBT001
    assert fits(given, wanted) is expected


@pytest.mark.parametrize(
    ("member", "made", "found"),
    [
        ("number", take("id"), []),
        ("number", take("number"), ["number: int is no str | None"]),
        ("number", take("number", via=str), []),
        ("number", take("id", via=shout), ["number: bytes is no str | None"]),
        ("number", take("id", via=silent), []),
        ("issued_on", take("issued"), ["issued_on: str | None is no datetime.date | None"]),
        ("issued_on", take("issued", via=day), []),
        ("due_on", take("due"), []),
        ("number", take("id", via={"a": "one"}), []),
        ("number", take("id", via={"a": "one", "b": 2}), ["number: None | str | int is no str | None"]),
        ("record_id", take("id", via={"a": "one"}), ["record_id: None | str is no str"]),
        ("number", take("id", via={}), []),
        ("number", always("one"), []),
        ("number", always(1), ["number: int is no str | None"]),
        ("colour", take("id"), ["colour: is no member of Invoice"]),
        ("number", take("nr"), ["number: nr is no member of Bill"]),
        ("number", take("id", "nr", via=str), ["number: nr is no member of Bill"]),
    ],
)
def test_a_member_is_named_that_does_not_fit(member: str, made: Member, found: list[str]) -> None:
    assert misfits(Mapping(records.Invoice, Bill, {member: made})) == found


def test_the_items_of_a_nested_list_are_looked_at_as_what_they_are() -> None:
    inner = {"record_id": take("text"), "number": take("cents")}
    mapping = Mapping(records.Invoice, Bill, inner, each=take("lines"), outer={"due_on": take("number")})
    assert misfits(mapping) == ["number: int is no str | None", "due_on: int is no datetime.date | None"]


def test_where_the_items_are_not_known_their_members_are_not_either() -> None:
    unnamed: Callable[[Any], Any] = silent
    mapping = Mapping(records.Invoice, Bill, {"number": take("cents")}, each=take("lines", via=unnamed))
    assert misfits(mapping) == []
