"""The tables of the crash driver, for the terminal and for docs/reliability.md."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.faults.writes.pair import Verdict

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reliability.md"
BEGIN, END = "<!-- writes: begin -->", "<!-- writes: end -->"
STATUSES = ("APPLIED", "NOT_APPLIED", "COMPENSATED", "UNKNOWN", "NO ANSWER")
HEADINGS = ("where", "store", "runs", "came to it", *STATUSES, "longest to rest", "violations")


def table(verdicts: Sequence[Verdict]) -> str:
    """Write a table with a line for each point and store."""
    rows = [HEADINGS, *_rows(verdicts)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADINGS))]
    lines = [f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |" for row in rows]
    return "\n".join([lines[0], f"|{'|'.join('-' * (width + 2) for width in widths)}|", *lines[1:]])


def write_page(groups: Mapping[str, Sequence[Verdict]]) -> None:
    """Write the table of all groups between the marks of the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    every = [verdict for verdicts in groups.values() for verdict in verdicts]
    PAGE.write_text(f"{before}{BEGIN}\n\n{table(every)}\n\n{END}{after}", encoding="utf-8")


def _rows(verdicts: Iterable[Verdict]) -> list[tuple[str, ...]]:
    kinds: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        kinds.setdefault((verdict.point, verdict.store), []).append(verdict)
    return [_row(point, store, of) for (point, store), of in sorted(kinds.items())]


def _row(point: str, store: str, verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    ended = Counter[str]()
    for verdict in verdicts:
        ended.update(verdict.ended)
    return (
        point,
        store,
        str(len(verdicts)),
        str(sum(verdict.was_hit for verdict in verdicts)),
        *(str(ended[status]) for status in STATUSES),
        f"{max(verdict.settled_in for verdict in verdicts):.1f} s",
        str(sum(len(verdict.violations) for verdict in verdicts)),
    )
