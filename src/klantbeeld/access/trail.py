"""The audit trail: who saw or changed what of whom, when, and why; never a value.

Each process is a writer with a chain of its own, so that replicas do not wait for each other. An entry's code (MAC) is
over its bytes and the code of the entry before, under a key that the database does not hold: whoever changes, moves or
removes an entry breaks the chain, and `trail_check` finds the place. A chain begins with the heads of all the chains
that were there, so that a whole chain is missed too.

Entries are written in groups, by one task. What happens when they cannot be written is decided by `access.trail`'s
settings: nothing personal is answered (TRAIL_UNAVAILABLE), unless `required` is off.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec
import structlog

from klantbeeld.access.rights import Caller
from klantbeeld.access.trail_chain import Chain, Entry, Group, Noted, Waiting
from klantbeeld.access.trail_tables import Appender
from klantbeeld.engine.ports import Reading
from klantbeeld.errors import Overloaded, StoreError
from klantbeeld.identity.ids import CANONICAL
from klantbeeld.settings import TrailSettings

RETRY_AFTER = 1.0  # seconds between two attempts to write
MAX_GROUP = 256  # entries; what has waited for a broken store is not written at one go

Clock = Callable[[], float]

log = structlog.get_logger(__name__)


class Trail:
    """One process's writer; lives as long as the app, belongs to one event loop.

    Between `start` and `stop`, `record` takes entries without waiting; an entry is durable within `delay` seconds, or
    when `settled` returns.
    """

    def __init__(
        self, appender: Appender, *, key: bytes, clock: Clock, settings: TrailSettings, retry_after: float = RETRY_AFTER
    ) -> None:
        self.writer = str(uuid.uuid4())
        self.lost = 0
        self._appender = appender
        self._chain = Chain(key, self.writer)
        self._clock = clock
        self._settings = settings
        self._retry_after = retry_after
        self._waiting: deque[Waiting] = deque()
        self._group: Group | None = None  # under way; it stays the same until it is written
        self._recorded = 0
        self._written = 0
        self._attempts = 0
        self._is_failing = True  # until the chain is open
        self._is_stopping = False
        self._ready = asyncio.Event()
        self._progress = asyncio.Condition()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, heads: tuple[tuple[str, int, str], ...] = ()) -> None:
        """Open the chain, after the `heads` of those that are there (`trail_check.heads`).

        Raises Overloaded with TRAIL_UNAVAILABLE when the store does not take it.
        """
        self._task = asyncio.create_task(self._run())
        self.record(Entry(at=self.now(), act="OPENED", heads=heads))
        await self.settled()

    async def stop(self) -> None:
        """Write what waits and end; what the store does not take now is counted in `lost`, and logged."""
        self._is_stopping = True
        self._ready.set()
        if self._task is not None:
            await self._task
        left = self._unwritten
        if left:
            self.lost += left
            log.error("trail_entries_lost", entries=left)

    @property
    def waiting(self) -> int:
        """How many entries wait to be written."""
        return self._unwritten

    def now(self) -> datetime:
        """Give the moment that an entry of this request should bear."""
        return datetime.fromtimestamp(self._clock(), UTC)

    def check(self) -> None:
        """Make sure, before anything is fetched, that it can be recorded.

        Raises Overloaded with TRAIL_UNAVAILABLE while the trail cannot be written, or too much waits.
        """
        if self._settings.required and (self._is_failing or self._is_full):
            raise _unavailable()

    def record(self, entry: Entry) -> None:
        """Take an entry, encoded here so that what cannot be kept fails its own request and not the writer.

        Raises Overloaded with TRAIL_UNAVAILABLE when too much waits and the trail is required, ValueError for text that
        is no Unicode and for customers that are no ids.
        """
        if not _are_ids(entry.customers):
            raise ValueError("an entry names customers by their ids")
        self._take((entry, msgspec.json.encode(entry)))

    def note(self, caller: Caller, reading: Reading) -> None:
        """Take a reading, whose entry is made when its group is written: the cheap way, for what every request does.

        Raises as `record` does. The names of a caller are known to be text, since its token was accepted.
        """
        if not (_are_ids(reading.customers) and reading.operation.isascii() and reading.channel.isascii()):
            raise ValueError("a reading names customers by their ids, and its operation as GraphQL does")
        self._take(Noted(self._clock(), caller, reading))

    def _take(self, waiting: Waiting) -> None:
        if self._is_full:
            if self._settings.required:
                raise _unavailable()
            self.lost += 1
            return
        self._waiting.append(waiting)
        self._recorded += 1
        if len(self._waiting) >= self._settings.group:
            self._ready.set()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._settings.delay, self._ready.set)

    async def settled(self) -> None:
        """Wait until all that was recorded so far is on disk. Raises Overloaded with TRAIL_UNAVAILABLE if it fails."""
        target = self._recorded
        if self._written >= target:
            return
        async with self._progress:
            attempts = self._attempts
            self._ready.set()
            while self._is_running and self._written < target and not (self._is_failing and self._attempts > attempts):
                await self._progress.wait()
        if self._written < target:
            raise _unavailable()

    @property
    def _is_running(self) -> bool:
        return self._task is not None and not self._task.done()

    @property
    def _unwritten(self) -> int:
        return len(self._waiting) + (len(self._group) if self._group else 0)

    @property
    def _is_full(self) -> bool:
        return len(self._waiting) >= self._settings.max_waiting

    async def _run(self) -> None:
        try:
            while not self._is_stopping:
                await self._wait_for_work()
                await self._write(self._unwritten)
            await self._write(self._unwritten)
        finally:  # nobody writes any more, for whatever reason
            self._is_failing = True
            async with self._progress:
                self._progress.notify_all()

    async def _wait_for_work(self) -> None:
        # While the store fails it is tried again by the clock; otherwise entries wake the writer.
        try:
            async with asyncio.timeout(self._retry_after if self._is_failing else None):
                await self._ready.wait()
        except TimeoutError:
            pass
        self._ready.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _write(self, entries: int) -> None:
        # What comes meanwhile makes a group of its own, later. A commit for each one or two would cost ten times as
        # much, and as often empty the page cache of the look-ups, which read the same file.
        until = self._written + entries
        while self._written < until and await self._write_group():
            pass

    async def _write_group(self) -> bool:
        group = self._group = self._group or self._next_group()
        try:
            await self._appender.append(group)
        except StoreError:
            if not self._is_failing:
                log.warning("trail_not_written", entries=self._unwritten)
            self._is_failing = True
        else:
            self._is_failing = False
            self._written += len(group)
            self._group = None
        self._attempts += 1
        async with self._progress:
            self._progress.notify_all()
        return not self._is_failing

    def _next_group(self) -> Group:
        return Group(self._chain, [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_GROUP))])


def _are_ids(customers: Sequence[str]) -> bool:
    return all(map(CANONICAL.fullmatch, customers))


def _unavailable() -> Overloaded:
    return Overloaded("the trail cannot be written", retry_after=1, code="TRAIL_UNAVAILABLE")
