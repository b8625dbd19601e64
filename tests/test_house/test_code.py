"""House rules about code that a linter does not know."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path

SHORTEST_REASON = 4
LONGEST_FILE = 450
LONGEST_FUNCTION = 50
STATEMENTS_OF_A_TABLE = 6  # a function that fills many lines with so few statements writes down data
DECLARES = re.compile(
    r"strawberry\.enum\(|app\.add_typer\(|([a-z_]+\.)?[A-Z]\w+\("
)  # an enum, a group of commands, an index
DRAWERS = {"base", "common", "helper", "helpers", "misc", "util", "utils"}
BANNER = re.compile(r"#\s*([-=#*~_])\1{3,}|#.*([-=#*~])\2{5,}\s*$")
SILENCED = re.compile(
    r"#\s*(noqa|type:\s*ignore)(?P<codes>:\s*[A-Z]+[0-9]+(,\s*[A-Z]+[0-9]+)*|\[[a-z-]+(,\s*[a-z-]+)*\])?"
)


def test_every_module_says_what_it_is_for(trees: Mapping[Path, ast.Module]) -> None:
    assert [str(path) for path, tree in trees.items() if tree.body and not ast.get_docstring(tree)] == []


def test_no_file_outgrows_its_subject(sources: Mapping[Path, str], root: Path) -> None:
    lengths = {str(path.relative_to(root)): text.count("\n") for path, text in sources.items()}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_function_is_longer_than_a_screen(trees: Mapping[Path, ast.Module]) -> None:
    lengths = {
        f"{path}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _statements(node) > STATEMENTS_OF_A_TABLE
    }
    assert {place: length for place, length in lengths.items() if length > LONGEST_FUNCTION} == {}


def test_no_module_is_a_drawer(trees: Mapping[Path, ast.Module]) -> None:
    assert [str(path) for path in trees if DRAWERS & {path.stem, *path.parts[:-1]}] == []


def test_no_comment_is_a_banner(sources: Mapping[Path, str]) -> None:
    assert [f"{path}: {text}" for path, text in _comments(sources) if BANNER.search(text)] == []


def test_whatever_is_silenced_is_named_with_its_reason(sources: Mapping[Path, str]) -> None:
    wrong = []
    for path, text in _comments(sources):
        silenced = SILENCED.search(text)
        if silenced and (silenced["codes"] is None or len(text[silenced.end() :].strip(" #-:;,")) < SHORTEST_REASON):
            wrong.append(f"{path}: {text}")
    assert wrong == []


def test_nothing_is_registered_or_opened_by_importing(trees: Mapping[Path, ast.Module]) -> None:
    """A statement of a module defines, imports, or names a value; it does not call for an effect."""
    wrong = [
        f"{path}:{node.lineno}"
        for path, tree in trees.items()
        if "migrations" not in path.parts  # alembic runs these as scripts
        for node in tree.body
        if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
        if not DECLARES.match(ast.unparse(node))
    ]
    assert wrong == []


def _statements(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return sum(isinstance(node, ast.stmt) for node in ast.walk(function))


def _comments(sources: Mapping[Path, str]) -> Iterator[tuple[Path, str]]:
    for path, text in sources.items():
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield path, token.string
