"""Form-encoded parameters with brackets."""

from typing import Any

import pytest

from klantbeeld.sandbox.stripe.errors import ApiError
from klantbeeld.sandbox.stripe.forms import read_form


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("email=a%40b.nl", {"email": "a@b.nl"}),
        ("email=", {"email": ""}),
        ("name=Van+den+Heuvel", {"name": "Van den Heuvel"}),
        ("address[city]=Utrecht&address[line1]=", {"address": {"city": "Utrecht", "line1": ""}}),
        ("metadata[customer_number]=K1", {"metadata": {"customer_number": "K1"}}),
        ("expand[]=customer&expand[]=lines", {"expand": ["customer", "lines"]}),
        ("expand[1]=b&expand[0]=a", {"expand": ["a", "b"]}),
        (
            "lines[0][type]=custom_line_item&lines[0][amount]=5&lines[1][amount]=6",
            {"lines": [{"type": "custom_line_item", "amount": "5"}, {"amount": "6"}]},
        ),
        ("created[gte]=1&created[lt]=2", {"created": {"gte": "1", "lt": "2"}}),
    ],
)
def test_brackets_nest(text: str, expected: dict[str, Any]) -> None:
    assert read_form(text) == expected


@pytest.mark.parametrize(
    "text",
    ["a[b=1", "a]=1", "[a]=1", "a=1&a[b]=2", "a[b]=1&a=2", "a" + "[b]" * 11 + "=1", "a[b]c=1"],
)
def test_brackets_that_do_not_fit_are_refused(text: str) -> None:
    with pytest.raises(ApiError):
        read_form(text)
