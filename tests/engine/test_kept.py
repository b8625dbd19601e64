"""What a drawn plan says of the cache."""

from pathlib import Path

import pytest

from klantbeeld.engine.kept import kept
from klantbeeld.sdk.connector import Reading
from klantbeeld.sdk.mapping import Mapping
from klantbeeld.sdk.records import Consent, Invoice, Party, Record
from klantbeeld.settings_sharing import Ages, CacheSettings

CACHE = CacheSettings(max_age=60, stale_if_error=300, kinds={"party": Ages(max_age=30, stale_while_revalidate=90)})


def reading(record: type[Record]) -> Reading:
    return Reading("any", (Mapping(record, object, {}),), "any")


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ((Invoice,), "; cached 60 s, stale if it fails 300 s"),
        ((Party,), "; cached 30 s, stale while asked again 90 s"),
        ((Invoice, Party), "; cached 30 s"),
        ((Consent,), "; asked anew each time"),
        ((Invoice, Consent), "; asked anew each time"),
    ],
)
def test_a_call_is_kept_as_long_as_the_strictest_of_its_kinds(records: tuple[type[Record], ...], said: str) -> None:
    assert kept(CACHE, map(reading, records), is_fresh=False) == said


def test_a_sum_is_asked_anew() -> None:
    assert kept(CACHE, [reading(Invoice)], is_fresh=True) == "; asked anew each time"


def test_where_nothing_is_cached_nothing_is_said() -> None:
    assert kept(CacheSettings(), [reading(Invoice)], is_fresh=True) == ""


def test_no_field_is_of_a_kind_that_may_never_be_cached() -> None:
    """Special categories and national numbers are never cached; whoever adds one leaves its member out of the cache."""
    schema = (Path(__file__).parents[2] / "schema.graphql").read_text(encoding="utf-8")

    assert "sensitivity: ORDINARY" in schema
    assert not any(f"sensitivity: {kind}" in schema for kind in ("SPECIAL", "NATIONAL_NUMBER"))
