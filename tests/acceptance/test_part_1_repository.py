"""Part 1. The repository: its layout, its rules, and what holds them."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from klantbeeld.registry import load_connectors
from klantbeeld.sdk.examples import load_examples

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "gateway",
    "access",
    "engine",
    "graph",
    "writes",
    "identity",
    "sources",
    "store",
    "sdk",
    "telemetry",
    "sandbox",
)


@pytest.mark.feature("2.1", "The layout: the rooms that a request walks through")
def test_the_rooms_are_as_drawn() -> None:
    rooms = ROOT / "src" / "klantbeeld"
    assert [name for name in ROOMS if not (rooms / name / "__init__.py").is_file()] == []
    assert [
        name for name in ("app.py", "registry.py", "settings.py", "errors.py") if not (rooms / name).is_file()
    ] == []


@pytest.mark.feature("2.1", "Python 3.11, hatchling, and a lock file with hashes")
def test_the_project_is_declared_and_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["requires-python"] == ">=3.11"
    assert project["build-system"]["build-backend"] == "hatchling.build"
    assert "--hash=sha256:" in (ROOT / "deploy" / "requirements.lock").read_text(encoding="utf-8")


@pytest.mark.feature(
    "2.1", "ruff, mypy strict over src, connectors and tests, and the direction of imports are checked"
)
def test_style_types_and_imports_are_checked_by_make_test() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert project["mypy"]["strict"] is True
    assert {"src", "connectors", "tests"} <= set(project["mypy"]["files"])
    assert project["ruff"]["lint"]["select"] == ["ALL"]
    (contract,) = project["importlinter"]["contracts"]
    assert (contract["type"], contract["exhaustive"]) == ("layers", True)
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(f"$(BIN)/{tool}" in recipe for tool in ("ruff", "mypy", "lint-imports", "pytest"))


@pytest.mark.feature("2.1", ".ci/run calls the README's test command")
def test_continuous_integration_calls_the_readmes_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(r"^make test\b", readme, re.MULTILINE)
    assert re.search(r"^make test\b", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.feature("2.1", "Changelog, contributing, security, and the Apache-2.0 licence")
def test_the_pages_of_a_repository_are_there() -> None:
    for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"):
        assert len((ROOT / name).read_text(encoding="utf-8")) > 200, name
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.feature("2.1", "Every connector's examples are replayed")
def test_every_connector_has_examples_that_are_replayed() -> None:
    connectors = load_connectors()
    assert len(connectors.manifests) >= 4
    for manifest in connectors.manifests.values():
        assert len(load_examples(manifest)) >= 10, manifest.name
    conformance = (ROOT / "tests" / "connectors" / "test_conformance.py").read_text(encoding="utf-8")
    assert "klantbeeld.sdk.testing" in conformance


@pytest.mark.feature("2.1", "The sandbox imports nothing of ours, and only the command line imports it")
def test_the_sandbox_stands_apart() -> None:
    for file in (ROOT / "src" / "klantbeeld").rglob("*.py"):
        names = {
            node.module or ""
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom)
        }
        room = file.relative_to(ROOT / "src" / "klantbeeld").parts[0]
        ours = {name for name in names if name.startswith("klantbeeld.")}
        if room == "sandbox":
            assert {name for name in ours if not name.startswith("klantbeeld.sandbox")} == set(), file
        elif room != "cli":
            assert {name for name in ours if name.startswith("klantbeeld.sandbox")} == set(), file
