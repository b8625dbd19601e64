"""Evictions: which cached values are not to be served any more, told by numbers of the log of changes.

Nothing has to be found and deleted, in whatever cache it lies. Each value remembers how far this replica had read the
log when its call began, and is good only if that was not before the last eviction of what it is about. So a read that
began before a write, and ends after it, leaves nothing behind that would be served.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

# Subjects whose last eviction is known one by one; older ones are remembered as one number.
MOST_SUBJECTS = 50_000

Mark = tuple[bytes, int]
"""How far the log was read: its epoch and the number."""


@dataclass(slots=True)
class Evictions:
    """What one replica read in the log; lives as long as the app.

    `position` is the number up to which all was applied.
    """

    epoch: bytes = b""
    position: int = 0
    _floor: int = 0
    _sources: dict[str, int] = field(default_factory=dict)
    _subjects: OrderedDict[tuple[str, bytes], int] = field(default_factory=OrderedDict)

    @property
    def mark(self) -> Mark:
        """How far the log is read now: what a call that begins remembers."""
        return (self.epoch, self.position)

    def begin(self, epoch: bytes, number: int) -> None:
        """Begin to read a log behind a number; nothing that was kept before that is good."""
        self.epoch, self.position, self._floor = epoch, number, number
        self._sources.clear()
        self._subjects.clear()

    def evict(self, number: int, source: str, subjects: tuple[bytes, ...]) -> None:
        """Evict what a source said of some subjects, or all that it said."""
        if not subjects:
            self._sources[source] = max(number, self._sources.get(source, 0))
        for subject in subjects:
            key = (source, subject)
            self._subjects[key] = max(number, self._subjects.pop(key, 0))
        while len(self._subjects) > MOST_SUBJECTS:
            _, oldest = self._subjects.popitem(last=False)
            self._floor = max(self._floor, oldest)

    def allows(self, mark: Mark, source: str, subject: bytes) -> bool:
        """Say whether a value is good whose call began at a mark."""
        epoch, number = mark
        return epoch == self.epoch and number >= max(
            self._floor, self._sources.get(source, 0), self._subjects.get((source, subject), 0)
        )
