"""Change feeds: what a source tells by webhook, or says when it is polled, evicts on every replica and is told there.

What arrives is not kept: it says which of the source's customers changed, and the map says who that is. A customer whom
the map does not know has nothing cached, and nobody who listens.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol

from klantbeeld.errors import HookRefused
from klantbeeld.sdk.hooks import Changed, Delivery, Hook
from klantbeeld.sources.changes import Changes

MOST_REMEMBERED = 10_000  # deliveries that are known again when they are told a second time


class Map(Protocol):
    """Knows whose records are."""

    async def by_references(self, references: Collection[tuple[str, str]]) -> Mapping[Any, str]:
        """Return the customers by reference, for those that have one; raises StoreError."""
        ...


@dataclass(frozen=True, slots=True)
class Feed:
    """How one source tells of changes: by its connector's hook, with the secrets of its settings.

    `window` is in seconds.
    """

    hook: Hook
    secrets: Mapping[str, str] = field(repr=False)
    window: float


class Looked(Mapping[str, str]):
    """Headers that remember which of them somebody asked for."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self._given[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)


class Feeds:
    """The feeds of all sources that have one; lives as long as the app. `now` is in UTC."""

    def __init__(
        self, feeds: Mapping[str, Feed], *, changes: Changes, identity: Map, now: Callable[[], datetime]
    ) -> None:
        self._feeds = feeds
        self._changes = changes
        self._identity = identity
        self._now = now
        self._told: OrderedDict[bytes, datetime] = OrderedDict()

    async def take(self, source: str, *, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> bool:
        """Take a delivery; False for one that was taken before. Raises HookRefused, LookupError or StoreError."""
        feed = self._feeds[source]
        looked = Looked(headers)
        delivery = Delivery(headers=looked, query=query, body=body, now=self._now(), window=feed.window)
        try:
            found = list(feed.hook.read(delivery, feed.secrets))
        except HookRefused:
            raise
        except Exception as error:  # a connector that breaks over a delivery does not believe it
            raise HookRefused(f"the connector failed: {type(error).__name__}") from error
        mark = self._mark(source, looked, body)
        if mark in self._told:
            return False
        await self.tell(source, found, how="WEBHOOK")
        self._remember(mark, feed.window)
        return True

    async def tell(self, source: str, found: Iterable[Changed], *, how: str) -> None:
        """Evict what is cached of those who changed, and tell who listens; raises StoreError."""
        by_kinds: dict[tuple[str, ...], set[str | None]] = {}
        for changed in found:
            by_kinds.setdefault(changed.kinds, set()).add(changed.customer)
        for kinds, customers in by_kinds.items():
            if None in customers:
                await self._changes.changed(source, (), kinds=kinds, how=how)
            named = {(source, customer) for customer in customers if customer is not None}
            known = sorted(set((await self._identity.by_references(named)).values())) if named else []
            if known:
                await self._changes.changed(source, known, kinds=kinds, how=how)

    def _mark(self, source: str, headers: "Looked", body: bytes) -> bytes:
        """Name a delivery by what proves it and what it says: the same, told again within the window, is a replay.

        What proves it are the headers that its connector looked at; any other may differ.
        """
        proof = "\0".join(f"{name}:{headers[name]}" for name in sorted(headers.names & {*headers}))
        return sha256(f"{source}\0{proof}\0".encode() + body).digest()

    def _remember(self, mark: bytes, window: float) -> None:
        now = self._now()
        self._told[mark] = now
        while self._told:
            oldest = next(iter(self._told))
            if len(self._told) <= MOST_REMEMBERED and (now - self._told[oldest]).total_seconds() <= 2 * window:
                break
            del self._told[oldest]
