"""Every acceptance test says which capability it proves, and docs/features.md lists exactly them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROW = re.compile(
    r"^\| (?P<number>[^|]+) \| (?P<capability>.+) \| `(?P<test>[^`]+)` \| (?P<result>[a-z ]+) \|$", re.MULTILINE
)


def test_every_acceptance_test_names_its_capability(root: Path) -> None:
    assert [test for test, features in _tests(root, "acceptance") if not features] == []


def test_the_page_lists_exactly_the_tests_that_there_are(root: Path) -> None:
    page = root / "docs" / "features.md"
    listed = {row["test"] for row in ROW.finditer(page.read_text(encoding="utf-8"))} if page.is_file() else set()
    there = {test for test, _ in _tests(root, "acceptance")}
    there |= {f"tests/real/{test}" for test, features in _tests(root, "real") if features}
    assert listed == there, "run make features"


def test_no_listed_capability_failed(root: Path) -> None:
    page = root / "docs" / "features.md"
    if not page.is_file():
        pytest.skip("no page has been written yet")
    assert [row["test"] for row in ROW.finditer(page.read_text(encoding="utf-8")) if row["result"] == "failed"] == []


def _tests(root: Path, group: str) -> Iterator[tuple[str, int]]:
    """Give each test of a group, by file and name, with the number of its features."""
    folder = root / "tests" / group
    for path in sorted(folder.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        whole = sum(_is_feature(node) for statement in tree.body if _is_mark(statement) for node in ast.walk(statement))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                own = sum(_is_feature(decorator) for decorator in node.decorator_list)
                yield f"{path.relative_to(folder).as_posix()}::{node.name}", own + whole


def _is_mark(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "pytestmark"


def _is_feature(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.feature"
