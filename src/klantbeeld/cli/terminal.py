"""How the command line speaks: results on standard output, remarks on standard error.

Colours and drawings are for terminals. What is piped is plain, and as wide as it needs to be, so that a line stays a
line; a table has tabs between its cells there. NO_COLOR is honoured.
"""

import sys
from typing import TextIO

from rich.console import Console
from rich.table import Table

# Wider than anything that is printed: rich cuts and wraps at the width that it is told.
UNBOUNDED = 4_000


def results() -> Console:
    """Give the console for what was asked for; other programs read it."""
    return _console(sys.stdout)


def remarks() -> Console:
    """Give the console for progress, advice and errors."""
    return _console(sys.stderr)


def table_of(*headings: str) -> Table:
    """Give an empty table; `show` prints it."""
    table = Table(box=None, pad_edge=False, show_lines=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def show(table: Table) -> None:
    """Print a table as a result: aligned on a terminal, a line a row with tabs between the cells where it is piped."""
    console = results()
    if console.is_terminal:
        console.print(table)
        return
    columns = [[column.header, *column.cells] for column in table.columns]
    for row in zip(*columns, strict=True):
        console.file.write("\t".join(_plain(cell) for cell in row) + "\n")


def _plain(cell: object) -> str:
    """Give the words of a cell, in one line."""
    return " ".join(str(cell).split())


def _console(file: TextIO) -> Console:
    return Console(file=file, highlight=False, width=None if file.isatty() else UNBOUNDED)
