"""Logs as JSON lines, by allow-list: a fact that is not listed here, or not of its listed shape, does not get out.

Personal data cannot pass, since no fact is free text. Words come from closed sets, numbers have an upper bound below
that of a telephone number, and of an exception only its type and its place are told, never its message.
"""

import logging
import math
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, cast, get_args

import msgspec
import structlog

from klantbeeld.telemetry.metrics import CallOutcome, RequestOutcome
from klantbeeld.telemetry.trace import REQUEST_ID
from klantbeeld.texts import codes

Log = structlog.typing.FilteringBoundLogger
Show = Callable[[Any], object]  # gives what may be written of a value; None: nothing

MOST = 9_999_999  # of any count: seven digits hold no telephone number and no national number
HEX = re.compile(r"[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{64}")

EVENTS: Mapping[str, str] = {
    "breaker_closed": "A source answers again.",
    "breaker_opened": "A source failed so often that it is not called for a while.",
    "cache_failed": "The cache's server could not be reached; the sources are asked.",
    "change_not_told": "Other replicas could not be told of a write; they see it when what they cached is over.",
    "configuration_changed": "The settings and connectors were read again, and are in force.",
    "configuration_refused": "The settings were read again and are wrong; those before them stay in force.",
    "connector_refused": "A folder is not a connector and was set aside.",
    "credentials_changed": "A file with credentials of a source changed, and they are used from now on.",
    "credentials_not_read": "A file with credentials changed and cannot be read; those before it are used on.",
    "event_not_delivered": "An event was not taken where the settings send it; it waits and is sent again.",
    "health_changed": "A part of the gateway became ready, or is so no longer.",
    "import_finished": "An import of cross references is through.",
    "import_line_refused": "A line of an import was left out.",
    "internal_error": "A fault of ours was caught; `error` and `at` say which and where.",
    "issuer_keys_not_read": "The keys of an authorization server cannot be read.",
    "journal_not_written": "What came of a write could not be noted down; it is found out later.",
    "library_message": "A library had something to say; its words are withheld.",
    "migrated": "The tables were brought up to date.",
    "request": "A request was answered; one line for each.",
    "source_failed": "A call to a source failed.",
    "spans_not_sent": "The collector of traces did not take a batch of spans; it is dropped.",
    "started": "The gateway listens.",
    "stopped": "The gateway has ended.",
    "stopping": "The gateway takes no more requests and finishes those that it has.",
    "store_failed": "The store could not be read or written.",
    "token_refused": "A token was not accepted.",
    "trail_entries_lost": "Entries of the audit trail could not be written before the end.",
    "trail_not_written": "The audit trail cannot be written now; its entries wait.",
    "unlisted_event": "Somebody logs an event that is not in this table.",
    "write_finished": "A write ended, `outcome` says how.",
    "write_unknown": "A write's answer was lost; whether it was made is not known.",
}
METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
OUTCOMES = frozenset(get_args(RequestOutcome) + get_args(CallOutcome)) | {"applied", "not_applied", "unknown"}
LIBRARIES = frozenset(
    {"aiosqlite", "alembic", "asyncio", "asyncpg", "concurrent", "httpx", "httpcore", "py", "redis", "sqlalchemy"}
    | {"strawberry", "uvicorn"}
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of this deployment that logs may use: all named by the operator or by code, none by a caller."""

    sources: frozenset[str] = field(default_factory=frozenset)
    connectors: frozenset[str] = field(default_factory=frozenset)
    caller_classes: frozenset[str] = field(default_factory=frozenset)
    issuers: frozenset[str] = field(default_factory=frozenset)
    calls: frozenset[str] = field(default_factory=frozenset)  # capabilities of the roles
    states: frozenset[str] = field(default_factory=frozenset)  # in which a source can be
    paths: frozenset[str] = field(default_factory=frozenset)  # that the gateway serves


def make_log(
    stream: BinaryIO,
    vocabulary: Vocabulary,
    *,
    level: int = logging.INFO,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Log:
    """Make the app's log: `log.info("request", status=200, …)`; `log.bind(request_id=…)` for one request's.

    Each line goes to `stream` at once. It should live as long as the app.
    """
    logger = structlog.wrap_logger(structlog.BytesLogger(stream), **_rules(vocabulary, level, clock))
    return cast("Log", logger)


def _rules(vocabulary: Vocabulary, level: int, clock: Callable[[], datetime]) -> dict[str, Any]:
    return {
        "processors": [structlog.processors.add_log_level, Allow(vocabulary, clock=clock), _encode],
        "wrapper_class": structlog.make_filtering_bound_logger(level),
        "cache_logger_on_first_use": True,
    }


class Allow:
    """The processor that lets through what is listed; what it holds back is counted in `withheld`."""

    def __init__(self, vocabulary: Vocabulary, *, clock: Callable[[], datetime]) -> None:
        self._shows = shows(vocabulary)
        self._clock = clock

    def __call__(self, _logger: object, _name: str, facts: MutableMapping[str, Any]) -> Mapping[str, Any]:
        """Make the line of one event."""
        event = facts.pop("event", None)
        line: dict[str, object] = {
            "time": self._clock().isoformat(timespec="milliseconds"),
            "level": facts.pop("level", "info"),
            "event": event if isinstance(event, str) and event in EVENTS else "unlisted_event",
        }
        withheld = 0
        for name, value in facts.items():
            show = self._shows.get(name)
            shown = None if show is None else show(value)
            if shown is not None:
                line[name] = shown
            elif value is not None:
                withheld += 1
        error = facts.get("error")
        if isinstance(error, BaseException) and error.__traceback__ is not None:
            line["at"] = place_of(error.__traceback__)
        if withheld:
            line["withheld"] = withheld
        return line


def shows(vocabulary: Vocabulary) -> Mapping[str, Show]:
    """Give every fact that a line may carry, and what of it is shown."""
    return {
        "attempt": _whole,
        "bytes": _whole,
        "call": _one_of(vocabulary.calls),
        "caller_class": _one_of(vocabulary.caller_classes),
        "code": _one_of(codes()),
        "connector": _one_of(vocabulary.connectors),
        "count": _whole,
        "document": _matching(HEX),  # the SHA-256 of the document, in part or whole
        "entries": _whole,
        "error": _type_of,
        "issuer": _one_of(vocabulary.issuers),
        "library": _one_of(LIBRARIES),
        "line": _whole,
        "method": _one_of(METHODS),
        "outcome": _one_of(OUTCOMES),
        "path": _one_of(vocabulary.paths),
        "port": _whole,
        "refused": _whole,
        "request_id": _matching(REQUEST_ID),
        "seconds": _seconds,
        "source": _one_of(vocabulary.sources),
        "status": _whole,
        "trace_id": _matching(HEX),
        "waited": _seconds,  # for sources
    }


@contextmanager
def through_log(log: Log, *, level: int = logging.WARNING) -> Iterator[None]:
    """Send through `log` what libraries say by `logging`, and what loggers made by structlog itself say.

    The words of libraries are withheld. Restores what was before on leaving.
    """
    root = logging.getLogger()
    handlers, before, configured = root.handlers[:], root.level, structlog.get_config()
    root.handlers[:] = [_LibraryHandler(log)]
    root.setLevel(level)
    structlog.configure(
        processors=[_hand_over],
        logger_factory=lambda *_: log,
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(before)
        structlog.configure(**configured)


class _LibraryHandler(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        library = record.name.partition(".")[0]
        self._log.log(record.levelno, "library_message", library=library, line=record.lineno, error=error)


def _hand_over(_logger: object, _name: str, facts: MutableMapping[str, Any]) -> tuple[tuple[Any], Mapping[str, Any]]:
    return (facts.pop("event", None),), facts


def _encode(_logger: object, _name: str, line: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(line)


def _one_of(words: frozenset[str]) -> Show:
    return lambda value: value if isinstance(value, str) and value in words else None


def _matching(pattern: re.Pattern[str]) -> Show:
    return lambda value: value if isinstance(value, str) and pattern.fullmatch(value) else None


def _whole(value: Any) -> object:
    return min(max(value, 0), MOST) if isinstance(value, int) else None


def _seconds(value: Any) -> object:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return round(min(max(value, 0.0), 86_400.0), 6)


def _type_of(value: Any) -> object:
    return type(value).__name__ if isinstance(value, BaseException) else None


def place_of(traceback: TracebackType) -> str:
    """Give file and line where the exception was raised; the folders above say where somebody installed us."""
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    path = Path(traceback.tb_frame.f_code.co_filename)
    return f"{path.parent.name}/{path.name}:{traceback.tb_lineno}"
