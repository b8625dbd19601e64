"""Logs by allow-list."""

import io
import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from klantbeeld.telemetry.logs import EVENTS, Log, Vocabulary, make_log, shows, through_log

VOCABULARY = Vocabulary(
    sources=frozenset({"crm"}),
    connectors=frozenset({"dataverse"}),
    caller_classes=frozenset({"agent"}),
    calls=frozenset({"invoices"}),
    paths=frozenset({"/graphql"}),
)
CANARIES: tuple[Any, ...] = (
    "Van den Heuvel",
    "canary@example.nl",
    "+31612345678",
    "1980-01-31",
    "NL91ABNA0417164300",
    "bearer eyJhbGciOi",
    "canary",
    612345678,
    123456782,
    ValueError("canary@example.nl"),
    ["canary"],
    {"name": "canary"},
    b"canary",
)
FORBIDDEN = ("canary", "Heuvel", "612345678", "1980", "NL91", "123456782", "eyJ")


def test_a_line_is_json_with_time_level_and_event() -> None:
    stream = io.BytesIO()
    _log(stream).info("request", status=200, source="crm", seconds=0.0123456789)
    assert json.loads(stream.getvalue()) == {
        "time": "2026-11-23T12:00:00.000+00:00",
        "level": "info",
        "event": "request",
        "status": 200,
        "source": "crm",
        "seconds": 0.012346,
    }


@pytest.mark.parametrize("canary", CANARIES, ids=repr)
def test_no_canary_passes_in_any_fact(canary: Any) -> None:
    stream = io.BytesIO()
    log = _log(stream)
    facts = {*shows(VOCABULARY), "anything", "message", "exc_info_", "stack", "time", "level", "at", "withheld"}
    for fact in facts - {"level"}:
        log.warning("request", **{fact: canary})
        log.bind(**{fact: canary}).warning("request")
    log.warning(canary)
    written = stream.getvalue().decode()
    assert [word for word in FORBIDDEN if word in written] == []
    assert written.count("\n") == 2 * (len(facts) - 1) + 1


@pytest.mark.parametrize("canary", CANARIES, ids=repr)
def test_no_canary_passes_as_the_name_of_a_fact_or_the_level(canary: Any) -> None:
    stream = io.BytesIO()
    _log(stream).info("request", **{str(canary): 1, "level": canary})
    assert [word for word in FORBIDDEN if word in stream.getvalue().decode()] == []


def test_what_is_held_back_is_counted() -> None:
    stream = io.BytesIO()
    _log(stream).info("request", name="Jan", source="somebody's", status=None)
    assert json.loads(stream.getvalue())["withheld"] == 2


def test_an_exception_is_told_by_type_and_place_only() -> None:
    stream = io.BytesIO()
    try:
        int("canary")
    except ValueError as error:
        _log(stream).error("internal_error", error=error)
    line = json.loads(stream.getvalue())
    assert line["error"] == "ValueError"
    assert line["at"].startswith("telemetry/test_logs.py:")


def test_an_event_that_is_not_listed_loses_its_name() -> None:
    stream = io.BytesIO()
    _log(stream).info("jan_called")
    assert json.loads(stream.getvalue())["event"] == "unlisted_event"


def test_lines_below_the_level_are_not_written() -> None:
    stream = io.BytesIO()
    _log(stream, level=logging.WARNING).info("request")
    assert stream.getvalue() == b""


def test_what_libraries_say_is_withheld() -> None:
    stream = io.BytesIO()
    library = logging.getLogger("httpx")
    with through_log(_log(stream)):
        library.warning("GET https://crm.example/?email=%s", "canary@example.nl")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["library"]) == ("library_message", "httpx")
    assert "canary" not in stream.getvalue().decode()


def test_loggers_of_structlogs_own_making_go_through_the_same_list() -> None:
    stream = io.BytesIO()
    logger = structlog.get_logger("klantbeeld.somewhere")
    with through_log(_log(stream)):
        logger.warning("source_failed", source="crm", name="canary")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["source"], line["withheld"]) == ("source_failed", "warning", "crm", 1)


def test_the_way_of_libraries_is_restored() -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    configured = structlog.get_config()
    with through_log(_log(io.BytesIO())):
        assert root.handlers != before[0]
    assert (root.handlers[:], root.level) == before
    assert structlog.get_config() == configured


def test_events_are_sorted_and_say_what_they_mean() -> None:
    assert list(EVENTS) == sorted(EVENTS)
    assert all(EVENTS.values())


def _log(stream: io.BytesIO, *, level: int = logging.INFO) -> Log:
    return make_log(stream, VOCABULARY, level=level, clock=lambda: datetime(2026, 11, 23, 12, tzinfo=UTC))
