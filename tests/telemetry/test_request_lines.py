"""The line of each request."""

import io
import json
from datetime import UTC, datetime

import pytest

from klantbeeld.telemetry.logs import Vocabulary
from klantbeeld.telemetry.request_lines import RequestLines, Shape
from klantbeeld.telemetry.trace import Trace, accept_trace

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
TRACE = Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "0" * 32, sampled=False)
SOUND: Shape = ("POST", "/graphql", 200, "ok", "agent", "ab" * 32)


def written(*shapes: Shape, trace: Trace = TRACE, seconds: float = 0.25) -> list[dict[str, object]]:
    stream = io.BytesIO()
    vocabulary = Vocabulary(paths=frozenset({"/graphql"}), caller_classes=frozenset({"agent"}))
    lines = RequestLines(stream, vocabulary, clock=lambda: AT)
    for shape in shapes:
        lines.write(trace, shape, seconds=seconds, waited=0.2)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_all_that_the_list_lets_through() -> None:
    [line] = written(SOUND)
    assert line == {
        "time": "2026-11-23T12:00:00.000+00:00",
        "level": "info",
        "event": "request",
        "request_id": "0" * 32,
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "method": "POST",
        "path": "/graphql",
        "status": 200,
        "outcome": "ok",
        "caller_class": "agent",
        "document": "ab" * 32,
        "seconds": 0.25,
        "waited": 0.2,
    }


@pytest.mark.parametrize("place", [0, 1, 3, 4, 5])
def test_what_is_not_of_its_listed_shape_is_withheld_and_counted_every_time(place: int) -> None:
    shape = (*SOUND[:place], "jan@example.nl", *SOUND[place + 1 :])
    first, second = written(shape, shape)  # type: ignore[arg-type]  # that is the point
    assert first == second
    assert first["withheld"] == 1
    assert "jan@example.nl" not in json.dumps(first)


def test_what_a_caller_sends_as_its_trace_or_request_id_cannot_break_the_line() -> None:
    [line] = written(SOUND, trace=accept_trace('00-"}', '"jan@example.nl"\n'))
    assert "jan" not in json.dumps(line)


def test_lines_of_one_shape_differ_in_their_numbers() -> None:
    assert written(SOUND, seconds=1e9)[0]["seconds"] == 86_400
    assert written(SOUND, seconds=0.000001)[0]["seconds"] == 0.000001
