"""What was used last, within a bound in number and in bytes."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class LRU(Generic[K, V]):
    """Keeps at most `entries` values of at most `size` bytes together, and drops the least recently used first.

    Sizes are estimates of whoever puts a value in. A value that is larger than all of the room is not kept.
    """

    def __init__(self, *, entries: int, size: int) -> None:
        self._entries = entries
        self._room = size
        self._kept: OrderedDict[K, V] = OrderedDict()
        self._sizes: dict[K, int] = {}
        self.size = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: K) -> bool:
        return key in self._kept

    def get(self, key: K) -> V | None:
        """Return a value and count it as used; None for what is not kept."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: K, value: V, *, size: int) -> None:
        """Keep a value."""
        self.pop(key)
        if size > self._room:
            return
        self._kept[key] = value
        self._sizes[key] = size
        self.size += size
        self._drop()

    def grow(self, key: K, by: int) -> None:
        """Count bytes that a kept value has become larger by; nothing for one that is gone."""
        if key in self._sizes:
            self._sizes[key] += by
            self.size += by
            self._drop()

    def pop(self, key: K) -> V | None:
        """Return a value and keep it no more."""
        self.size -= self._sizes.pop(key, 0)
        return self._kept.pop(key, None)

    def _drop(self) -> None:
        while len(self._kept) > self._entries or self.size > self._room:
            self.pop(next(iter(self._kept)))
