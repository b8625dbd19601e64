"""Positions are read as products give them."""

from types import SimpleNamespace

import pytest

from klantbeeld.sdk.paging import last_id_while_more, query_of_link


@pytest.mark.parametrize(
    ("has_more", "last", "expected"),
    [(True, SimpleNamespace(id="x"), "x"), (False, SimpleNamespace(id="x"), None), (True, None, None)],
)
def test_the_last_id_is_the_position_while_there_is_more(
    has_more: bool,  # noqa: FBT001 - a parameter of the test
    last: object,
    expected: str | None,
) -> None:
    assert last_id_while_more(SimpleNamespace(has_more=has_more), last) == expected


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://x.example/contacts?$top=1&$skiptoken=%3Ccookie%20a=%22b%22%20/%3E", '<cookie a="b" />'),
        ("https://x.example/contacts?$top=1", None),
        (None, None),
    ],
)
def test_a_parameter_is_read_off_a_link(link: str | None, expected: str | None) -> None:
    assert query_of_link(link, "$skiptoken") == expected
