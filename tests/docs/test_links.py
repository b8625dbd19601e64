"""A link to a heading finds it, and every page is reached from the README."""

import re
from pathlib import Path

import pytest

from .pages import ROOT, pages

LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
WRITTEN = re.compile(r"^(?:Generated|Written) by ", re.MULTILINE)
DROPPED = re.compile(r"[^\w\- ]")


def text_of(page: Path) -> str:
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def headings(page: Path) -> set[str]:
    """Return the names under which GitHub lets headings be linked to."""
    return {DROPPED.sub("", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text_of(page))}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_to_a_heading_finds_it(page: Path) -> None:
    wrong = []
    for target, heading in LINK.findall(text_of(page)):
        there = (page.parent / target).resolve() if target else page
        if heading and there.suffix == ".md" and heading not in headings(there):
            wrong.append(f"{target}#{heading}")
    assert wrong == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    """Those that a command writes may come later than what could link to them."""
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md" and page.is_file():
            reached.add(page)
            waiting += [(page.parent / target).resolve() for target, _ in LINK.findall(text_of(page)) if target]
    unreached = [page for page in pages() if page not in reached and not WRITTEN.search(text_of(page))]
    assert [str(page.relative_to(ROOT)) for page in unreached] == []
