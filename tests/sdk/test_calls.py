"""A call says what goes over the line."""

import pytest

from klantbeeld.sdk.calls import Ask, Call, segment


def test_query_values_are_quoted() -> None:
    call = Call(path="/x", query=[("$filter", "name eq 'a b&c'"), ("q", "é/+")], record=object)
    assert call.target == "/x?%24filter=name%20eq%20%27a%20b%26c%27&q=%C3%A9%2F%2B"


def test_without_a_query_the_target_is_the_path() -> None:
    assert Call(path="/x", record=object).target == "/x"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("cus_1", "cus_1"),
        ("a/b", "a%2Fb"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("../x", "..%2Fx"),
        ("a b", "a%20b"),
        ("%2f", "%252f"),
        ("Zoë", "Zo%C3%AB"),
        ("a?b#c", "a%3Fb%23c"),
    ],
)
def test_a_segment_stays_one_segment(value: str, expected: str) -> None:
    assert segment(value) == expected


def test_a_form_is_encoded_and_named() -> None:
    body, media_type = Call(path="/x", form=[("a[b]", "1 & 2")], record=object).content()
    assert (body, media_type) == (b"a%5Bb%5D=1+%26+2", "application/x-www-form-urlencoded")


def test_json_is_encoded_and_named() -> None:
    assert Call(path="/x", json={"a": 1}, record=object).content() == (b'{"a":1}', "application/json")


def test_a_call_without_a_body_has_no_media_type() -> None:
    assert Call(path="/x", record=object).content() == (b"", None)


def test_more_headers_and_form_members_make_another_call() -> None:
    call = Call(path="/x", headers=(("a", "1"),), form=(("b", "2"),), record=object)
    more = call.with_headers(("c", "3")).with_form(("d", "4"))
    assert (more.headers, more.form) == ((("a", "1"), ("c", "3")), (("b", "2"), ("d", "4")))
    assert (call.headers, call.form) == ((("a", "1"),), (("b", "2"),))


def test_the_only_key_is_the_only_one() -> None:
    ask = Ask(keys=("a", "b"), select=frozenset(), arguments={})
    with pytest.raises(ValueError, match="too many"):
        _ = ask.key
