"""Metrics of one app."""

import pytest
from prometheus_client import generate_latest

from klantbeeld.telemetry.metrics import Metrics


def test_requests_are_counted_by_outcome() -> None:
    metrics = Metrics()
    metrics.count_request("partial", 0.02)
    metrics.count_request("partial", 0.02)
    assert _value(metrics, "klantbeeld_requests_total", outcome="partial") == 2
    assert _value(metrics, "klantbeeld_requests_total", outcome="ok") == 0


def test_overhead_is_the_time_without_waiting_for_sources() -> None:
    metrics = Metrics()
    metrics.count_request("ok", 0.25, waited=0.2)
    assert _value(metrics, "klantbeeld_gateway_overhead_seconds_sum") == pytest.approx(0.05)
    assert _value(metrics, "klantbeeld_request_seconds_sum") == pytest.approx(0.25)


def test_calls_are_counted_by_source_and_outcome() -> None:
    metrics = Metrics(["crm", "billing"])
    metrics.count_call("crm", "timeout", 2.0)
    assert _value(metrics, "klantbeeld_source_calls_total", source="crm", outcome="timeout") == 1
    assert _value(metrics, "klantbeeld_source_call_seconds_sum", source="crm") == 2.0
    assert _value(metrics, "klantbeeld_source_calls_total", source="billing", outcome="timeout") == 0


def test_a_source_that_is_not_configured_cannot_become_a_label() -> None:
    with pytest.raises(KeyError):
        Metrics(["crm"]).count_call("jan@example.nl", "ok", 0.1)


def test_two_apps_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.count_fallback()
    assert _value(one, "klantbeeld_assembler_fallbacks_total") == 1
    assert _value(other, "klantbeeld_assembler_fallbacks_total") == 0


def test_the_page_is_what_prometheus_reads() -> None:
    assert b'klantbeeld_requests_total{outcome="ok"} 0.0' in generate_latest(Metrics().registry)


def _value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)
