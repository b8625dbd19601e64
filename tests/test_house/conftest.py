"""The repository as its own checks see it."""

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MADE = {"__pycache__", "node_modules", "vendor"}


@pytest.fixture(scope="session")
def root() -> Path:
    """Give the checkout's folder."""
    return ROOT


@pytest.fixture(scope="session")
def sources() -> Mapping[Path, str]:
    """Give the text of every Python file of the product, by path."""
    return {path: path.read_text(encoding="utf-8") for folder in ("src", "connectors") for path in _python(folder)}


@pytest.fixture(scope="session")
def trees(sources: Mapping[Path, str]) -> Mapping[Path, ast.Module]:
    """Give the syntax tree of every Python file of the product, by path from the checkout."""
    return {path.relative_to(ROOT): ast.parse(text) for path, text in sources.items()}


def _python(folder: str) -> list[Path]:
    return [path for path in sorted((ROOT / folder).rglob("*.py")) if not MADE & set(path.parts)]
