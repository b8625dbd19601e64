"""Percent-encoding says what `urllib.parse` says, of any text."""

from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as some

from klantbeeld.sdk.percent import form_encoded, quoted

TEXTS = some.text(some.characters(exclude_categories=["Cs"]), max_size=40)


@given(TEXTS)
def test_a_text_is_quoted_as_by_the_standard_library(text: str) -> None:
    assert quoted(text) == quote(text, safe="")


@given(some.lists(some.tuples(TEXTS, TEXTS), max_size=5))
def test_a_form_is_written_as_by_the_standard_library(pairs: list[tuple[str, str]]) -> None:
    assert form_encoded(pairs) == urlencode(pairs).encode()


def test_half_of_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        quoted("\ud800")
    with pytest.raises(UnicodeEncodeError):
        form_encoded([("name", "\ud800")])
