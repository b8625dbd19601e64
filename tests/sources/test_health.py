"""What is known of a source from its recent calls."""

from datetime import UTC, datetime, timedelta

import pytest

from klantbeeld.errors import SourceRejected, SourceTimeout
from klantbeeld.sources.health import RECENT, Health

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_nothing_is_known_before_any_call() -> None:
    health = Health()

    assert (health.last_success_at, health.last_problem_code, health.error_rate) == (None, None, None)
    assert health.percentile(0.5) is None


def test_the_last_success_and_the_last_problem_are_remembered() -> None:
    health = Health()
    health.note(0.1, None, NOW)
    health.note(0.2, SourceTimeout("slow"), NOW + timedelta(seconds=1))

    assert health.last_success_at == NOW
    assert health.last_problem_code == "SOURCE_TIMEOUT"
    assert health.error_rate == 0.5


def test_a_refusal_of_the_input_is_not_the_sources_failure() -> None:
    health = Health()
    health.note(0.1, SourceRejected("no"), NOW)

    assert (health.error_rate, health.last_problem_code, health.last_success_at) == (0, None, NOW)


@pytest.mark.parametrize(("share", "seconds"), [(0.01, 1), (0.5, 50), (0.95, 95), (1, 100)])
def test_a_share_of_the_calls_came_back_within_a_time(share: float, seconds: float) -> None:
    health = Health()
    for second in range(100, 0, -1):
        health.note(second, None, NOW)

    assert health.percentile(share) == seconds


def test_only_recent_calls_count() -> None:
    health = Health()
    health.note(1_000, SourceTimeout("slow"), NOW)
    for _ in range(RECENT):
        health.note(1, None, NOW)

    assert health.error_rate == 0
    assert health.percentile(1) == 1
