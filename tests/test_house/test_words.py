"""Every code, event and setting that the code uses is one that people can look up."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from klantbeeld import settings
from klantbeeld.settings import Section
from klantbeeld.telemetry.logs import EVENTS
from klantbeeld.texts import codes, error_codes

NEGATIVE = re.compile(r"^(no|not|without|skip|disable|exclude|ignore|hide)(_|$)|_(disabled|off)$")
CODE = re.compile(r"[A-Z]{3,}(_[A-Z0-9]+)+")
LEVELS = {"debug", "info", "warning", "error", "critical"}


def test_every_error_code_that_is_raised_has_words_and_a_way_out(trees: Mapping[Path, ast.Module]) -> None:
    used = {code: place for path, tree in _product(trees) for code, place in _codes(path, tree)}
    assert {code: place for code, place in used.items() if code not in error_codes()} == {}


def test_every_code_that_is_said_has_words(trees: Mapping[Path, ast.Module]) -> None:
    wrong = [
        f"{path}:{node.lineno} {node.args[0].value!r}"
        for path, tree in _product(trees)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "say"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value not in codes()
    ]
    assert wrong == []


def test_every_event_that_is_logged_is_listed(trees: Mapping[Path, ast.Module]) -> None:
    wrong = [
        f"{path}:{node.lineno} {ast.unparse(node.args[0])}"
        for path, tree in _product(trees)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _is_log(node.func) and node.args
        if not (isinstance(node.args[0], ast.Constant) and node.args[0].value in EVENTS)
    ]
    assert wrong == []


def test_no_setting_says_no() -> None:
    assert [
        f"{kind.__name__}.{name}" for kind in _sections() for name in kind.model_fields if NEGATIVE.search(name)
    ] == []


def test_every_setting_is_described() -> None:
    wrong = [
        f"{kind.__name__}.{name}"
        for kind in _sections()
        for name, field in kind.model_fields.items()
        if not field.description
    ]
    assert wrong == []


def _sections() -> list[type[BaseModel]]:
    return [kind for kind in vars(settings).values() if isinstance(kind, type) and issubclass(kind, Section)]


def _product(trees: Mapping[Path, ast.Module]) -> list[tuple[Path, ast.Module]]:
    return [(path, tree) for path, tree in trees.items() if path.parts[0] == "src" and "sandbox" not in path.parts]


def _codes(path: Path, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Give every constant in a `raise` that has the form of a code, with its place."""
    for raised in ast.walk(tree):
        if isinstance(raised, ast.Raise) and raised.exc is not None:
            for node in ast.walk(raised.exc):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                    yield node.value, f"{path}:{node.lineno}"


def _is_log(called: ast.expr) -> bool:
    if not (isinstance(called, ast.Attribute) and called.attr in LEVELS):
        return False
    owner = called.value
    name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
    return name.lstrip("_") == "log"
