"""Which values of which column a condition can only hold for, so that rows are looked up instead of scanned."""

import pytest

from klantbeeld.sandbox.dataverse.columns import Kind
from klantbeeld.sandbox.dataverse.conditions import values_sought
from klantbeeld.sandbox.dataverse.filters import parse_filter


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a eq 'X'", ("a", {"x"})),
        ("a eq 'x' or a eq 'y'", ("a", {"x", "y"})),
        ("(a eq 'x' or a eq 'y') and b ne 'z'", ("a", {"x", "y"})),
        ("b ne 'z' and a eq 'x'", ("a", {"x"})),
        ("Microsoft.Dynamics.CRM.In(PropertyName='a',PropertyValues=['x','y'])", ("a", {"x", "y"})),
        ("a eq 'x' or b eq 'y'", None),
        ("a eq 'x' or a ne 'y'", None),
        ("a ne 'x'", None),
        ("a eq null", None),
        ("not (a eq 'x')", None),
        ("contains(a,'x')", None),
        ("Microsoft.Dynamics.CRM.NotIn(PropertyName='a',PropertyValues=['x'])", None),
    ],
)
def test_values_sought(text: str, expected: tuple[str, set[str]] | None) -> None:
    condition = parse_filter(text, lambda _: Kind.TEXT, aliases={})
    found = values_sought(condition)
    assert found == (None if expected is None else (expected[0], frozenset(expected[1])))
