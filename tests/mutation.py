"""Mutants: a function whose source has one piece changed, to see whether anybody notices."""

import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch


@contextmanager
def mutated(owner: Any, name: str, *changes: str) -> Iterator[None]:
    """Change pieces of a function of an owner (a class or a module) for as long as the context is open.

    `changes` are what stands there and what then does, by turns.
    """
    function = inspect.unwrap(getattr(owner, name))
    source = textwrap.dedent(inspect.getsource(function))
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in source, f"{name} has no {old!r} any more: bring this mutant up to date"
        source = source.replace(old, new)
    scope: dict[str, Any] = {}
    exec(compile(source, f"<{name}>", "exec"), function.__globals__, scope)
    with patch.object(owner, name, scope[name]):
        yield
