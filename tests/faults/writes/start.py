"""What the driver tells the launcher of one gateway."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Start:
    """One gateway to start: its settings, where it listens, what it shares with the driver, and whose writer it has.

    `database` is the file of a SQLite store, whose disk the driver has power over.
    """

    config: str
    port: int
    armed: str
    log: str
    database: str | None = None
    writer: str = "ours"
    mutant: str | None = None


@dataclass(frozen=True, slots=True)
class Writer:
    """Whose writer the gateways have: ours, ours with a fault of that name, or a control's."""

    name: str = "ours"
    mutant: str | None = None


OURS = Writer()
