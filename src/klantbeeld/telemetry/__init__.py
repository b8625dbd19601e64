"""What the operator sees of the running gateway: logs, metrics and traces, by allow-list."""

from klantbeeld.telemetry.logs import EVENTS, Log, Vocabulary, make_log, through_log
from klantbeeld.telemetry.metrics import Metrics
from klantbeeld.telemetry.observe import Observation, ObserveRequests
from klantbeeld.telemetry.request_lines import RequestLines
from klantbeeld.telemetry.trace import Trace, accept_trace

__all__ = [
    "EVENTS",
    "Log",
    "Metrics",
    "Observation",
    "ObserveRequests",
    "RequestLines",
    "Trace",
    "Vocabulary",
    "accept_trace",
    "make_log",
    "through_log",
]
