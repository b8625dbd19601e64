"""A log that leads to another one, which may change: the process's own, while its applications come and go."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from klantbeeld.telemetry.logs import Log


class LogRelay:
    """Hands everything to the log that was named last; says nothing before. Lives as long as the process."""

    def __init__(self) -> None:
        self._log: Log | None = None

    @contextmanager
    def through(self, log: Log) -> Iterator[None]:
        """Lead to this one from now on."""
        self._log = log
        yield

    def __getattr__(self, name: str) -> Any:
        return _nothing if self._log is None else getattr(self._log, name)


def _nothing(*_: object, **__: object) -> None:
    """Say nothing."""
