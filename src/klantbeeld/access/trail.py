"""The audit trail: who saw or changed what of whom, when, and why; never a value.

Each process is a writer with a chain of its own, so that replicas do not wait for each other. An entry's code (MAC) is
over its bytes and the code of the entry before, under a key that the database does not hold: whoever changes, moves or
removes an entry breaks the chain, and `trail_check` finds the place. A chain begins with the heads of all the chains
that were there, so that a whole chain is missed too.

Entries are written in groups, by one task. What happens when they cannot be written is decided by `access.trail`'s
settings: nothing personal is answered (TRAIL_UNAVAILABLE), unless `required` is off.
"""

import asyncio
import hmac
import uuid
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

import msgspec
import structlog

from klantbeeld.access.trail_tables import Appender, Sealed
from klantbeeld.errors import ConfigurationError, Overloaded, StoreError
from klantbeeld.identity.ids import CANONICAL
from klantbeeld.settings import TrailSettings

KEY_BYTES = 32
RETRY_AFTER = 1.0  # seconds between two attempts to write
MAX_GROUP = 256  # entries; what has waited for a broken store is not written at one go

Clock = Callable[[], float]

log = structlog.get_logger(__name__)


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept of one request that touched personal data.

    `customers` are ids, `fields` coordinates such as `Customer.invoices`, `outcome` a code; `document` is the SHA-256
    of the operation, `operation` its name.
    """

    at: datetime
    act: Literal["OPENED", "READ", "WRITE"]
    issuer: str = ""
    subject: str = ""
    client_id: str = ""
    caller_class: str = ""
    purpose: str = ""
    customers: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    outcome: str = ""
    operation: str = ""
    document: str = ""
    channel: str = ""
    request_id: str = ""
    heads: tuple[tuple[str, int, str], ...] = ()  # OPENED: writer, place and code of each chain that was there


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
        self._key = trail_key(key)
        self._clock = clock
        self._settings = settings
        self._retry_after = retry_after
        self._waiting: deque[tuple[Entry, bytes]] = deque()
        self._sealed: list[Sealed] = []  # a group under way; it stays the same until it is written
        self._seq = 0
        self._mac = first_link(self._key, self.writer)
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
        left = len(self._waiting) + len(self._sealed)
        if left:
            self.lost += left
            log.error("trail_entries_lost", entries=left)

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
        if not all(CANONICAL.fullmatch(customer) for customer in entry.customers):
            raise ValueError("an entry names customers by their ids")
        encoded = msgspec.json.encode(entry)
        if self._is_full:
            if self._settings.required:
                raise _unavailable()
            self.lost += 1
            return
        self._waiting.append((entry, encoded))
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
    def _is_full(self) -> bool:
        return len(self._waiting) >= self._settings.max_waiting

    async def _run(self) -> None:
        try:
            while not self._is_stopping:
                await self._wait_for_work()
                while (self._sealed or self._waiting) and await self._write_group():
                    pass
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

    async def _write_group(self) -> bool:
        if not self._sealed:
            self._seal_group()
        seal = seal_of(self._key, self._sealed[-1].mac)
        try:
            await self._appender.append(self.writer, self._sealed, seal=seal)
        except StoreError:
            if not self._is_failing:
                log.warning("trail_not_written", entries=len(self._sealed) + len(self._waiting))
            self._is_failing = True
        else:
            self._is_failing = False
            self._written += len(self._sealed)
            self._sealed = []
        self._attempts += 1
        async with self._progress:
            self._progress.notify_all()
        return not self._is_failing

    def _seal_group(self) -> None:
        for _ in range(min(len(self._waiting), MAX_GROUP)):
            entry, encoded = self._waiting.popleft()
            self._mac = link(self._key, self._mac, encoded)
            self._sealed.append(Sealed(self._seq, entry.at, encoded, self._mac, tuple(dict.fromkeys(entry.customers))))
            self._seq += 1


def trail_key(key: bytes) -> bytes:
    """Give the key back if it is long enough; raises ConfigurationError otherwise."""
    if len(key) < KEY_BYTES:
        mend = f"Make one with: openssl rand -base64 {KEY_BYTES}"
        raise ConfigurationError("access.trail.key", f"has fewer than {KEY_BYTES} bytes", mend)
    return key


def first_link(key: bytes, writer: str) -> bytes:
    """Give what the first entry of a writer's chain is bound to."""
    return hmac.digest(key, b"klantbeeld trail chain " + writer.encode(), "sha256")


def link(key: bytes, former: bytes, encoded: bytes) -> bytes:
    """Give the code of an entry: over the code of the former, of fixed length, and its bytes."""
    return hmac.digest(key, b"klantbeeld trail entry " + former + encoded, "sha256")


def seal_of(key: bytes, mac: bytes) -> bytes:
    """Give the code that says that a chain ends here, which nobody can make for an earlier entry without the key."""
    return hmac.digest(key, b"klantbeeld trail head " + mac, "sha256")


def _unavailable() -> Overloaded:
    return Overloaded("the trail cannot be written", retry_after=1, code="TRAIL_UNAVAILABLE")
