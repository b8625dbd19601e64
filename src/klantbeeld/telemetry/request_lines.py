"""The line of log that every request leaves, written by the same allow-list as all others, but made once a shape.

What differs from request to request is numbers, the time, and two ids that `accept_trace` checked. Everything else
(path, method, status, outcome, class, document) comes in few combinations: each is held against the list once, and its
text is kept.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import BinaryIO

import msgspec

from klantbeeld.telemetry.logs import Vocabulary, shows
from klantbeeld.telemetry.trace import Trace

SHAPES = 4_096  # combinations whose text is kept
LONGEST_PATH = 200
MOST_SECONDS = 86_400.0
FACTS = ("method", "path", "status", "outcome", "caller_class", "document")

Shape = tuple[str | None, str | None, int, str, str | None, str | None]


class RequestLines:
    """Writes one line for each request, at once; lives as long as the app."""

    def __init__(
        self, stream: BinaryIO, vocabulary: Vocabulary, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._write = stream.write
        self._flush = stream.flush
        self._clock = clock
        self._shows = shows(vocabulary)
        self._text = lru_cache(SHAPES)(self._shown)

    def write(self, trace: Trace, shape: Shape, *, seconds: float, waited: float) -> None:
        """Write one; `shape` is method, path, status, outcome, class of caller and SHA-256 of the document."""
        if shape[1] is not None and len(shape[1]) > LONGEST_PATH:  # none of ours, and its text would be kept
            shape = (shape[0], "", *shape[2:])
        line = (
            f'{{"time":"{self._clock().isoformat(timespec="milliseconds")}","level":"info","event":"request",'
            f'"request_id":"{trace.request_id}","trace_id":"{trace.trace_id}",{self._text(shape)},'
            f'"seconds":{min(seconds, MOST_SECONDS):.6f},"waited":{min(waited, MOST_SECONDS):.6f}}}\n'
        )
        self._write(line.encode("ascii"))
        self._flush()

    def _shown(self, shape: Shape) -> str:
        facts = dict(zip(FACTS, shape, strict=True))
        told = {name: shown for name, value in facts.items() if (shown := self._shows[name](value)) is not None}
        withheld = sum(value is not None for value in shape) - len(told)
        text = msgspec.json.encode(told | {"withheld": withheld} if withheld else told).decode()
        return text[1:-1]
