"""Metrics of one app."""

import pytest
from prometheus_client import generate_latest

from klantbeeld.telemetry.metrics import Metrics

BOUNDS = ("0.001", "0.0025", "30.0", "+Inf")


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


def test_a_time_is_counted_in_every_bucket_that_it_fits() -> None:
    metrics = Metrics(["crm"])
    for seconds in (0.001, 0.0011, 99.0):
        metrics.count_call("crm", "ok", seconds)
    told = {bound: _value(metrics, "klantbeeld_source_call_seconds_bucket", source="crm", le=bound) for bound in BOUNDS}
    assert told == {"0.001": 1, "0.0025": 2, "30.0": 2, "+Inf": 3}
    assert _value(metrics, "klantbeeld_source_call_seconds_count", source="crm") == 3


def test_a_level_is_read_when_prometheus_asks() -> None:
    metrics = Metrics()
    levels: dict[tuple[str, ...], float] = {("crm",): 1.0}
    metrics.watch("klantbeeld_some_level", "A level.", lambda: levels, ["source"])
    levels["crm",] = 2.5
    assert _value(metrics, "klantbeeld_some_level", source="crm") == 2.5


def test_a_tally_counts_by_values_that_were_named() -> None:
    metrics = Metrics()
    tally = metrics.tally("klantbeeld_some", "Some.", {"source": ["crm"], "way": ["in", "out"]})
    tally.add("crm", "in", number=3)
    assert _value(metrics, "klantbeeld_some_total", source="crm", way="in") == 3
    with pytest.raises(KeyError):
        tally.add("crm", "jan@example.nl")


def _value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)
