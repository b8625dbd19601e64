"""How the command line speaks: results on standard output, remarks on standard error.

Colours and drawings are for terminals. What is piped is plain, and as wide as it needs to be, so that a line stays a
line; NO_COLOR is honoured.
"""

import sys
from typing import TextIO

from rich.console import Console

# Wider than anything that is printed: rich cuts and wraps at the width that it is told.
UNBOUNDED = 4_000


def results() -> Console:
    """Give the console for what was asked for; other programs read it."""
    return _console(sys.stdout)


def remarks() -> Console:
    """Give the console for progress, advice and errors."""
    return _console(sys.stderr)


def _console(file: TextIO) -> Console:
    return Console(file=file, highlight=False, width=None if file.isatty() else UNBOUNDED)
