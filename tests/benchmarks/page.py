"""The figures as tables: on the screen, and in docs/performance.md between its two marks."""

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks.aims import Verdict
from tests.benchmarks.compare import Figures, ratios, spread
from tests.benchmarks.rows import Comparison

BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"


def machine() -> str:
    """Say where and when it was measured, and what stands in a cell."""
    day = datetime.now(UTC).date().isoformat()
    busy = f"{os.getloadavg()[2]:.1f}"
    return (
        f"Measured on {day}: {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; load of "
        f"the machine {busy} when it began. A cell is least / median / most of the rounds."
    )


def compared(comparison: Comparison, figures: Figures) -> str:
    """Make the table of a comparison."""
    reference = next(iter(figures))
    titles = ["", "CPU ms a request", f"of {reference}'s", "requests/s", "p50 ms", "p99 ms", "MiB idle", "MiB most"]
    rows = []
    for name, rounds in figures.items():
        failures = sum(one.failures for one in rounds)
        rows.append(
            [
                name + (f" ({failures} failed)" if failures else ""),
                spread([one.cpu_ms for one in rounds]),
                spread(ratios(figures, name, reference)),
                spread([one.per_second for one in rounds]),
                spread([one.p50_ms for one in rounds]),
                spread([one.p99_ms for one in rounds]),
                f"{rounds[0].idle_mib:.0f}",
                f"{max(one.peak_mib for one in rounds):.0f}",
            ]
        )
    return f"### {comparison.title}\n\n{_table(titles, rows)}"


def replayed(title: str, found: Mapping[str, Sequence[float]]) -> str:
    """Make the table of what was measured in one process, in microseconds of CPU."""
    rows = [[name, f"{min(values):.0f}", f"{statistics.median(values):.0f}"] for name, values in found.items()]
    return f"### {title}\n\n{_table(['', 'us, least', 'us, median'], rows)}"


def aims(found: Sequence[Verdict]) -> str:
    """Make the table of the aims."""
    rows = [
        [one.text, f"{one.found:.3g}", f"{one.most:g}", "reached" if one.is_reached else "**missed**"] for one in found
    ]
    return f"### Aims\n\n{_table(['', 'measured', 'at most', ''], rows)}"


def write(file: Path, parts: Sequence[str]) -> None:
    """Put the tables between the marks of a page."""
    before, _, rest = file.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    body = "\n\n".join(parts)
    file.write_text(f"{before}{BEGIN}\n\n{body}\n\n{END}{after}", encoding="utf-8")


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table of Markdown, its columns aligned for a screen."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    lines = [titles, ["-" * width for width in widths], *rows]
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |" for line in lines
    )
