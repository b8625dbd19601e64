"""The worker: takes over what was left by a process that died, and finds out what became of what is not known.

Each replica has one. They need not know of each other: whoever takes an operation has its lease.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from klantbeeld.errors import Overloaded, StoreError
from klantbeeld.sources.context import CallContext, Priority
from klantbeeld.writes.journal import Journal
from klantbeeld.writes.rows import OperationView
from klantbeeld.writes.writer import Writer

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 16  # operations that one look takes up
MOST_REMOVED = 200  # expired operations that one look removes
TIDY_EVERY = timedelta(seconds=60)
COUNT_EVERY = timedelta(seconds=10)


class Noting(Protocol):
    """Keeps who changed what of whom: here, the gateway by itself."""

    def check(self) -> None:
        """Make sure, before anything is done, that it can be kept; raises Overloaded."""
        ...

    def settled(self, view: OperationView, /) -> None:
        """Take what was done; raises Overloaded when it cannot be kept."""
        ...


@dataclass(slots=True)
class Parked:
    """How many operations only a person can settle, as of the last count: for an alert."""

    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerParts:
    """What a worker needs. `every` is the time between two looks, `lease` the longest that one operation may take."""

    writer: Writer
    journal: Journal
    noting: Noting
    parked: Parked
    now: Callable[[], datetime]
    loop: Callable[[], float]
    every: float
    lease: float
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Worker:
    """Looks after operations; lives as long as the app."""

    def __init__(self, parts: WorkerParts) -> None:
        self._parts = parts
        self._is_failing = False
        self._tidied: datetime | None = None
        self._counted: datetime | None = None

    async def run(self) -> None:
        """Look, and look again, until cancelled; what goes wrong costs one look."""
        while True:
            try:
                await self.look()
                self._is_failing = False
            except (StoreError, Overloaded) as error:
                if not self._is_failing:
                    log.warning("store_failed", error=error)
                self._is_failing = True
            except Exception as error:
                log.exception("internal_error", error=error)
            await self._parts.sleep(self._parts.every)

    async def look(self) -> int:
        """Take up what is due; returns how many operations. Raises StoreError, Overloaded."""
        parts = self._parts
        parts.noting.check()
        now = parts.now()
        due = await parts.journal.due(now, most=MOST_AT_ONCE)
        await asyncio.gather(*(self._take_up(operation_id) for operation_id in due))
        if due or self._counted is None or now - self._counted >= COUNT_EVERY:
            self._counted = now
            parts.parked.count = await parts.journal.count_parked()
        if self._tidied is None or now - self._tidied >= TIDY_EVERY:
            self._tidied = now
            while await parts.journal.expire(now, most=MOST_REMOVED) == MOST_REMOVED:
                pass
        return len(due)

    async def _take_up(self, operation_id: str) -> None:
        parts = self._parts
        context = CallContext(parts.loop() + parts.lease, Priority.BACKGROUND, fresh=True)
        try:
            view = await parts.writer.go_on(operation_id, context)
        except StoreError as error:
            log.warning("journal_not_written", error=error)
            return
        except Exception as error:
            log.exception("internal_error", error=error)
            return
        if view is not None:
            parts.noting.settled(view)
            tell = _tell_finished if view.is_final else _tell_unknown
            tell(view.operation.state.lower())


def _tell_finished(outcome: str) -> None:
    log.info("write_finished", outcome=outcome)


def _tell_unknown(outcome: str) -> None:
    log.info("write_unknown", outcome=outcome)
