"""Mutants: a function whose source has one piece changed, to see whether anybody notices."""

import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch


@contextmanager
def mutated(owner: Any, name: str, old: str, new: str) -> Iterator[None]:
    """Change one piece of a function of an owner (a class or a module) for as long as the context is open."""
    function = inspect.unwrap(getattr(owner, name))
    source = textwrap.dedent(inspect.getsource(function))
    assert old in source, f"{name} has no {old!r} any more: bring this mutant up to date"
    scope: dict[str, Any] = {}
    exec(compile(source.replace(old, new), f"<{name}>", "exec"), function.__globals__, scope)
    with patch.object(owner, name, scope[name]):
        yield
