"""Arrows that import-linter does not draw: connectors, which are loaded by name, and who starts the sandbox.

That a connector imports the sdk alone is held by its conformance suite, for connectors of others too.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

OURS = "klantbeeld"


def test_a_connectors_modules_import_each_other_relatively(trees: Mapping[Path, ast.Module]) -> None:
    connectors = {path.parts[1] for path in trees if path.parts[0] == "connectors"}
    wrong = [
        f"{path}: {module}"
        for path, tree in trees.items()
        if path.parts[0] == "connectors"
        for module in imported(tree)
        if module.split(".")[0] in {"connectors", "mapping", "records", "connector", *connectors - {"stripe"}}
    ]
    assert wrong == []


def test_only_the_command_line_imports_the_sandbox(trees: Mapping[Path, ast.Module]) -> None:
    wrong = [
        f"{path}: {module}"
        for path, tree in trees.items()
        if path.parts[2:3] not in {("sandbox",), ("cli",)}
        for module in imported(tree)
        if module.startswith("klantbeeld.sandbox")
    ]
    assert wrong == []


def test_the_sandbox_imports_nothing_of_ours(trees: Mapping[Path, ast.Module]) -> None:
    wrong = [
        f"{path}: {module}"
        for path, tree in trees.items()
        if path.parts[2:3] == ("sandbox",)
        for module in imported(tree)
        if _is_ours(module) and not module.startswith("klantbeeld.sandbox")
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("code", "modules"),
    [
        ("import klantbeeld.engine", ["klantbeeld.engine"]),
        ("from klantbeeld import engine", ["klantbeeld.engine"]),
        ("def f():\n    from klantbeeld.sdk.calls import Call", ["klantbeeld.sdk.calls.Call"]),
        ("from . import records", []),
    ],
)
def test_imports_are_seen_wherever_they_stand(code: str, modules: list[str]) -> None:
    assert list(imported(ast.parse(code))) == modules


def imported(tree: ast.Module) -> Iterator[str]:
    """Give every name that is imported absolutely, with its module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_ours(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] == OURS
