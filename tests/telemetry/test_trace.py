"""W3C trace context and request ids."""

import pytest

from klantbeeld.telemetry.trace import accept_trace

CALLERS = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_callers_trace_goes_on_under_a_span_of_ours() -> None:
    trace = accept_trace(CALLERS)
    assert trace.traceparent() == f"00-4bf92f3577b34da6a3ce929d0e0e4736-{trace.span_id}-01"
    assert trace.span_id != "00f067aa0ba902b7"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "jan@example.nl",
        CALLERS.upper(),
        CALLERS + "-more",
        CALLERS.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        CALLERS.replace("00f067aa0ba902b7", "0" * 16),
        "ff" + CALLERS[2:],
        CALLERS[:-1],
    ],
)
def test_without_a_valid_traceparent_a_new_trace_begins(header: str | None) -> None:
    trace = accept_trace(header)
    assert trace.trace_id != "4bf92f3577b34da6a3ce929d0e0e4736"
    assert len(trace.trace_id) == 32
    assert not trace.sampled


def test_a_later_version_with_more_parts_is_understood() -> None:
    assert accept_trace("01" + CALLERS[2:] + "-more").trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"


def test_a_request_id_that_is_a_uuid_is_kept() -> None:
    request_id = "7b8e2f0e-7b8c-4f39-9d2c-6a1b0f3c2d1e"
    assert accept_trace(request_id=request_id).request_id == request_id


@pytest.mark.parametrize("request_id", ["0612345678", "jan@example.nl", "x" * 4096, ""])
def test_any_other_request_id_is_replaced(request_id: str) -> None:
    assert accept_trace(request_id=request_id).request_id != request_id


def test_two_requests_are_two_traces() -> None:
    one, other = accept_trace(), accept_trace()
    assert one.trace_id != other.trace_id
    assert one.request_id != other.request_id
