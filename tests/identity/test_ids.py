"""Customer ids."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest

from klantbeeld.errors import RequestError
from klantbeeld.identity.ids import CustomerIds, parse_customer_id

NOW = datetime(2026, 11, 23, 9, 0, 0, 250_000, tzinfo=UTC)


def _random(seed: int = 7) -> Callable[[int], int]:
    return Random(seed).getrandbits


def test_an_id_is_a_uuid_of_version_7_that_begins_with_its_time_in_milliseconds() -> None:
    made = UUID(CustomerIds(lambda: NOW, _random()).new())
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == int(NOW.timestamp() * 1000)


def test_an_id_is_written_in_its_canonical_form() -> None:
    made = CustomerIds(lambda: NOW, _random()).new()
    assert made == str(UUID(made)) == parse_customer_id(made)


def test_ids_of_one_millisecond_grow_even_when_its_counter_runs_over() -> None:
    ids = CustomerIds(lambda: NOW, _random())
    made = [ids.new() for _ in range(10_000)]
    assert made == sorted(set(made))


def test_ids_grow_when_the_clock_is_set_back() -> None:
    times = iter([NOW, NOW - timedelta(hours=1), NOW - timedelta(days=1), NOW + timedelta(seconds=1)])
    ids = CustomerIds(lambda: next(times), _random())
    made = [ids.new() for _ in range(4)]
    assert made == sorted(set(made))


def test_two_replicas_make_different_ids_at_the_same_moment() -> None:
    one, other = CustomerIds(lambda: NOW), CustomerIds(lambda: NOW)
    assert not {one.new() for _ in range(1000)} & {other.new() for _ in range(1000)}


def test_the_counter_begins_in_its_lower_half_so_that_it_has_room() -> None:
    ids = CustomerIds(lambda: NOW, lambda bits: (1 << bits) - 1)
    assert UUID(ids.new()).int >> 64 & 0xFFF == 0x7FF


def test_upper_case_is_read_and_not_kept() -> None:
    assert parse_customer_id("019AB000-0000-7000-8000-00000000000F") == "019ab000-0000-7000-8000-00000000000f"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "019ab000000070008000000000000001",
        "{019ab000-0000-7000-8000-000000000001}",
        "urn:uuid:019ab000-0000-7000-8000-000000000001",
        "019ab000-0000-7000-8000-00000000000g",
        " 019ab000-0000-7000-8000-000000000001",
        "019ab000-0000-7000-8000-000000000001\n",
        "019ab000-0000-7000-8000-00000000000\u0661",
    ],
)
def test_what_is_not_an_id_is_refused_with_a_code_and_not_repeated(text: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_customer_id(text)
    assert caught.value.reason == "ID_INVALID"
    assert len(text) < 2 or text not in str(caught.value)
