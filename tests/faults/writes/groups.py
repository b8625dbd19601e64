"""The groups of runs: each ends within an hour on two cores, starts alone, and goes on where it was broken off."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tests.faults.writes import trials
from tests.faults.writes.stage import Trial


@dataclass(frozen=True, slots=True)
class Group:
    """Some runs: by which trial, from which seed, how many, over which store, and how many pairs at a time."""

    what: str
    trial: Trial
    first: int
    runs: int
    store: Literal["sqlite", "postgresql"]
    pairs: int

    @property
    def seeds(self) -> range:
        """The seeds of the group."""
        return range(self.first, self.first + self.runs)


KILLS = "killed at an exact point"
RANDOM = "killed at a random moment"
STOPPED = "stopped for 1.5 to 10 leases, and woken"
JOURNAL = "without a journal"
READS = "read back through the other replica, a hundred times a run"

GROUPS: Mapping[str, Group] = {
    "kills-1": Group(KILLS, trials.killed, 0, 650, "sqlite", 8),
    "kills-2": Group(KILLS, trials.killed, 650, 650, "postgresql", 4),
    "kills-3": Group(KILLS, trials.killed, 1_300, 650, "sqlite", 8),
    "kills-4": Group(KILLS, trials.killed, 1_950, 650, "postgresql", 4),
    "random-1": Group(RANDOM, trials.killed_at_random, 10_000, 500, "sqlite", 8),
    "random-2": Group(RANDOM, trials.killed_at_random, 10_500, 500, "postgresql", 4),
    "stopped-1": Group(STOPPED, trials.stopped, 20_000, 125, "sqlite", 10),
    "stopped-2": Group(STOPPED, trials.stopped, 20_125, 125, "postgresql", 4),
    "journal-1": Group(JOURNAL, trials.without_journal, 30_000, 100, "sqlite", 8),
    "journal-2": Group(JOURNAL, trials.without_journal, 30_100, 100, "postgresql", 4),
    "reads-1": Group(READS, trials.read_back, 40_000, 50, "sqlite", 2),
    "reads-2": Group(READS, trials.read_back, 40_050, 50, "postgresql", 4),
}
