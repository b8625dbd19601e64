"""Measures what the gateway costs to start, to leave alone and to ask, and writes docs/footprint.md.

python scripts/footprint.py
"""

import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "footprint.md"


def main() -> int:
    """Measure, and write the page."""
    sys.path.insert(0, str(ROOT))
    from tests.acceptance.measuring import figures  # noqa: PLC0415 - found only now that the checkout is on the path

    with tempfile.TemporaryDirectory() as folder:
        found = figures(Path(folder))
    PAGE.write_text("\n".join(_page(found)) + "\n", encoding="utf-8")
    sys.stdout.write(PAGE.read_text(encoding="utf-8"))
    return 0


def _page(found: Mapping[str, str]) -> Iterator[str]:
    yield "# Footprint"
    yield ""
    yield "Written by `python scripts/footprint.py`, which starts the demo's configuration with `klantbeeld serve`"
    yield f"beside the simulated systems: Python {platform.python_version()}, {os.cpu_count()} cores."
    yield f"Load of the machine meanwhile: {os.getloadavg()[0]:.1f}; above its cores, times on the clock are its own."
    yield ""
    yield "| what | measured |"
    yield "|---|---|"
    yield from (f"| {what} | {value} |" for what, value in found.items())


if __name__ == "__main__":
    sys.exit(main())
