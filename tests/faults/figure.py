"""A figure: one promise held against what was measured; as a line of a table, on the screen and on the page."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- sources: begin -->", "<!-- sources: end -->"
TITLES = ("promise", "what was run", "aim", "measured", "")


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: what is promised, how it was tried, what is aimed at, what was measured.

    `holds_at_any_speed` is the part of it that a slow or busy machine cannot break; the tests ask for that alone.
    """

    promise: str
    test: str
    aim: str
    measured: str
    is_met: bool
    holds_at_any_speed: bool = True


def machine() -> str:
    """Say on what it is measured, and how busy that is with other things."""
    load = f"{os.getloadavg()[1]:.1f}"
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load} at the start"


def today() -> str:
    """Give the day, in UTC."""
    return datetime.now(UTC).date().isoformat()


def table(figures: Sequence[Figure]) -> str:
    """Write a table of Markdown, its columns aligned for a screen."""
    rows = [(one.promise, one.test, one.aim, one.measured, outcome(one)) for one in figures]
    widths = [max(map(len, column)) for column in zip(TITLES, *rows, strict=True)]
    lines = [TITLES, ["-" * width for width in widths], *rows]
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |" for line in lines
    )


def outcome(figure: Figure) -> str:
    """Say in a word what came of a promise."""
    return "reached" if figure.is_met else "**missed**"


def write_page(text: str) -> None:
    """Put a text between the marks of the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
