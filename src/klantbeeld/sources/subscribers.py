"""Subscribers: who is told of a customer's changes, each through a queue of its own that has a bound."""

from asyncio import Event
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from klantbeeld.store.change_log import Notice


@dataclass(frozen=True, slots=True)
class Change:
    """Something of a customer changed: in which source, and of which kinds, none where that is not known.

    `at` is when we learnt of it, in UTC, and `how`: by a WRITE of ours, a WEBHOOK, or a POLL.
    """

    source: str
    at: datetime
    kinds: tuple[str, ...] = ()
    channel: str | None = None
    how: str = "WRITE"


@dataclass(slots=True)
class Subscribers:
    """All subscribers of one replica; lives as long as the app."""

    max_waiting: int
    _by_subject: dict[bytes, set["Subscriber"]] = field(default_factory=dict)

    def listen(self, subject: bytes) -> AsyncIterator[Change]:
        """Add a subscriber, who hears of all that is told from now on."""
        subscriber = Subscriber(self, subject)
        self._by_subject.setdefault(subject, set()).add(subscriber)
        return subscriber

    def tell(self, notice: Notice) -> None:
        """Tell those whom a notice is about; one about nobody by name is about nobody's customers in particular."""
        for subject in notice.subjects:
            for subscriber in self._by_subject.get(subject, ()):
                subscriber.take(Change(notice.source, notice.at, notice.kinds, notice.channel, notice.how))

    def leave(self, subscriber: "Subscriber") -> None:
        """Take a subscriber out."""
        left = self._by_subject.get(subscriber.subject, set())
        left.discard(subscriber)
        if not left:
            self._by_subject.pop(subscriber.subject, None)


class Subscriber(AsyncIterator[Change]):
    """One who listens; lives until `aclose`."""

    def __init__(self, among: Subscribers, subject: bytes) -> None:
        self.subject = subject
        self._among = among
        self._waiting: deque[Change] = deque()
        self._something = Event()
        self._is_closed = False

    def take(self, change: Change) -> None:
        """Take a change; when too many wait, all of them become one that says only that something changed."""
        self._waiting.append(change)
        if len(self._waiting) > self._among.max_waiting:
            self._waiting.clear()
            self._waiting.append(replace(change, source="", kinds=(), channel=None))
        self._something.set()

    def __aiter__(self) -> Self:
        """Give itself."""
        return self

    async def __anext__(self) -> Change:
        """Wait for the next change."""
        while not self._waiting:
            if self._is_closed:
                raise StopAsyncIteration
            self._something.clear()
            await self._something.wait()
        return self._waiting.popleft()

    async def aclose(self) -> None:
        """Listen no more."""
        self._is_closed = True
        self._something.set()
        self._among.leave(self)
