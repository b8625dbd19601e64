"""The documentation is whole: what exists is described, and what it points at exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)]*)?\)")


def test_the_generated_pages_are_up_to_date(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, root / "scripts" / "docs.py", "--check"], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_connector_is_in_the_table_of_connectors(root: Path) -> None:
    folders = {path.parent.name for path in (root / "connectors").glob("*/connector.toml")}
    table = (root / "connectors" / "README.md").read_text(encoding="utf-8")
    assert {name for name in folders if f"`{name}`" not in table} == set()


def test_every_link_within_the_repository_leads_somewhere(root: Path) -> None:
    pages = [*root.glob("*.md"), *(root / "docs").rglob("*.md"), *(root / "connectors").rglob("*.md")]
    wrong = [
        f"{page.relative_to(root)}: {link}"
        for page in pages
        for link, _ in LINK.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]
    assert wrong == []


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "NOTICE", "README.md"])
def test_a_page_that_everybody_looks_for_has_something_to_say(root: Path, page: str) -> None:
    assert len((root / page).read_text(encoding="utf-8")) > 200
