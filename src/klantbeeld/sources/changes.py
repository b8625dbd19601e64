"""Changes: what one replica writes, or hears from a source, all replicas evict and their subscribers are told.

What leaves this process of a customer is a keyed hash. The consistency token names a number of the log, so that a later
read, on whatever replica, can make sure that it is not answered from before the write.
"""

import asyncio
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from klantbeeld.errors import RequestError, StoreError
from klantbeeld.sources.evictions import Evictions
from klantbeeld.sources.subscribers import Change, Subscribers
from klantbeeld.store.change_log import ChangeLog, Notice
from klantbeeld.store.transactions import Unit

HASH: Final = 16  # bytes of a subject's hash
MAC: Final = 16  # bytes of a token's code
NUMBER: Final = 8  # bytes of a number in a token
KEY_ID: Final = 4  # bytes that name a key
RETRY_AFTER: Final = 1.0  # seconds after which a log that could not be read is read again

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Keys:
    """What hashes subjects and proves tokens: made of a secret that all replicas have."""

    subjects: bytes
    tokens: bytes
    name: bytes

    @classmethod
    def of(cls, secret: bytes) -> "Keys":
        """Derive them; the name tells replicas with another secret that they cannot read the hashes."""
        made = [hmac.digest(secret, b"klantbeeld changes " + what, "sha256") for what in (b"hash", b"token", b"name")]
        return cls(made[0], made[1], made[2][:KEY_ID])


class Changes:
    """One replica's part; lives as long as the app, between `start` and `stop`.

    `forget_calls` is told of each source of which something was evicted, so that nobody joins a call that began before.
    """

    def __init__(
        self,
        shared: ChangeLog,
        *,
        secret: bytes,
        now: Callable[[], datetime],
        max_waiting: int = 100,
        forget_calls: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.evictions = Evictions()
        self._log = shared
        self._keys = Keys.of(secret)
        self._now = now
        self._subscribers = Subscribers(max_waiting)
        self.forget_calls = forget_calls
        self._reading = asyncio.Lock()
        self._looking: asyncio.Task[bool] | None = None
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the log, so that what others cached before may be good here, and follow it; raises StoreError."""
        await self.catch_up()
        self._following = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Follow no more."""
        if self._following is not None:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following
        await self._log.aclose()

    async def changed(
        self,
        source: str,
        customer_ids: Sequence[str],
        *,
        kinds: Sequence[str] = (),
        channel: str | None = None,
        how: str = "WRITE",
    ) -> str:
        """Evict on every replica what is cached of some customers from a source, and tell subscribers.

        Without customers, all that the source said. Returns the consistency token. Raises StoreError if the log cannot
        be written; this replica has evicted all the same.
        """
        return await self.announce(source, customer_ids, kinds=kinds, channel=channel, how=how).told()

    def announce(
        self,
        source: str,
        customer_ids: Sequence[str],
        *,
        kinds: Sequence[str] = (),
        channel: str | None = None,
        how: str = "WRITE",
    ) -> "Announcement":
        """Evict here what `changed` evicts everywhere, and give what tells the others, for the caller to write."""
        notice = Notice(
            source=source,
            key=self._keys.name,
            at=self._now(),
            how=how,
            subjects=tuple(self.subject(customer) for customer in customer_ids),
            kinds=tuple(kinds),
            channel=channel,
        )
        self.forget_calls(source)
        self.evictions.evict(self.evictions.position + 1, source, notice.subjects)
        return Announcement(notice, self._log, self._told)

    async def seen(self, token: str, deadline: float) -> bool:
        """Wait until everything up to a token was applied here; False if it is not by the deadline, in loop time.

        False too for the token of a log that is no more. Raises RequestError with CONSISTENCY_TOKEN_INVALID.
        """
        epoch, number = self._opened(token)
        if epoch == self.evictions.epoch and number <= self.evictions.position:
            return True
        try:
            async with asyncio.timeout_at(deadline):
                await self.catch_up()
        except (TimeoutError, StoreError):
            return False
        return epoch == self.evictions.epoch and number <= self.evictions.position

    def of(self, customer_id: str, /) -> AsyncIterator[Change]:
        """Follow the changes of one customer from now on, whichever replica hears of them; ends with `aclose`."""
        return self._subscribers.listen(self.subject(customer_id))

    def subject(self, customer_id: str) -> bytes:
        """Hash a customer's id, as notices and cached values name it."""
        return hmac.digest(self._keys.subjects, customer_id.encode(), "sha256")[:HASH]

    async def is_current(self) -> bool:
        """Make sure that all changes of before this moment are applied; False where the log cannot say.

        Many who ask at once share one look, which begins after each of them asked.
        """
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(self._looking)

    async def catch_up(self) -> None:
        """Apply what is new in the log; raises StoreError."""
        async with self._reading:
            head = await self._log.head()
            if head.epoch != self.evictions.epoch:
                self.evictions.begin(head.epoch, 0)
            while self.evictions.position < head.newest:
                group = await self._log.after(self.evictions.position)
                if not group:  # all of it was thrown away
                    self.evictions.begin(head.epoch, head.newest)
                self._apply(group)

    async def _told(self, number: int, notice: Notice) -> str:
        """Apply a notice that got its number."""
        self.forget_calls(notice.source)
        self.evictions.evict(number, notice.source, notice.subjects)
        async with self._reading:
            if number == self.evictions.position + 1:  # nobody else told of anything meanwhile
                self._apply([(number, notice)])
        if number > self.evictions.position:
            await self.catch_up()
        return self._token(number)

    async def _look(self) -> bool:
        self._looking = None  # whoever asks from here on needs another look
        try:
            await self.catch_up()
        except StoreError:
            return False
        return True

    def _apply(self, group: Sequence[tuple[int, Notice]]) -> None:
        for number, notice in group:
            if number != self.evictions.position + 1:  # some were thrown away before they were read here
                self.evictions.begin(self.evictions.epoch, number)
            self._evict(number, notice)
            self.evictions.position = number
            self._subscribers.tell(notice)

    def _evict(self, number: int, notice: Notice) -> None:
        subjects = notice.subjects if notice.key == self._keys.name else ()
        self.forget_calls(notice.source)
        self.evictions.evict(number, notice.source, subjects)

    async def _follow(self) -> None:
        while True:
            try:
                await self._log.wait(self.evictions.position)
                await self.catch_up()
            except StoreError as error:
                log.warning("store_failed", error=error)
                await asyncio.sleep(RETRY_AFTER)

    def _token(self, number: int) -> str:
        plain = self.evictions.epoch + number.to_bytes(NUMBER, "big")
        return urlsafe_b64encode(self._code(plain) + plain).decode().rstrip("=")

    def _opened(self, token: str) -> tuple[bytes, int]:
        try:
            raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            raw = b""
        code, plain = raw[:MAC], raw[MAC:]
        if len(plain) < NUMBER or not hmac.compare_digest(code, self._code(plain)):
            place = "header Klantbeeld-Consistency-Token"
            raise RequestError("not a token of ours", code="CONSISTENCY_TOKEN_INVALID", place=place)
        return plain[:-NUMBER], int.from_bytes(plain[-NUMBER:], "big")

    def _code(self, plain: bytes) -> bytes:
        return hmac.digest(self._keys.tokens, plain, "sha256")[:MAC]


@dataclass(frozen=True, slots=True)
class Announcement:
    """A change that was evicted here and is still to be told to all; lives until it is."""

    notice: Notice
    log: ChangeLog
    apply: Callable[[int, Notice], Awaitable[str]]

    def writing(self) -> Unit[int] | None:
        """Give what writes it, for the end of the caller's own transaction; None where the log is not in the store."""
        return self.log.appending(self.notice)

    async def told(self, number: int | None = None) -> str:
        """Make it known, and return the consistency token; `number` is what `writing` gave, where that was used.

        Raises StoreError if the log cannot be written.
        """
        if number is None:
            number = await self.log.append(self.notice)
        return await self.apply(number, self.notice)
