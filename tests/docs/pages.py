"""The pages that people read, and the examples fenced in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^(?P<marks>`{3,})(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=marks)$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"<!-- ((?:(?!-->).)+?) -->\s*\Z", re.DOTALL)
FILE = re.compile(r"`([\w./-]+)`:?\s*\Z")


@dataclass(frozen=True, slots=True)
class Fence:
    """One fenced example. `note` is the comment right before it, `file` the file name that the line before ends in."""

    page: str
    line: int
    language: str
    text: str
    note: str | None
    file: str | None

    def __str__(self) -> str:
        """Name its place."""
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Return every page, but those that name files of their own beside them."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "connectors" / "README.md"]


def fences(*languages: str) -> list[Fence]:
    """Return the examples in these languages, page by page."""
    return [fence for page in pages() for fence in fences_of(page) if fence.language in languages]


def fences_of(page: Path) -> Iterator[Fence]:
    """Give the examples of a page, from top to bottom."""
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        before = text[: found.start()]
        note, file = COMMENT.search(before), FILE.search(before)
        yield Fence(
            page=str(page.relative_to(ROOT)),
            line=before.count("\n") + 1,
            language=found["language"],
            text=found["text"],
            note=" ".join(note[1].split()) if note else None,
            file=file[1] if file else None,
        )
