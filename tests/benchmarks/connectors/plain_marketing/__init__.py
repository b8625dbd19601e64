"""A system of the benchmark: consents and campaigns."""

from .connector import PlainMarketing as Connector

__all__ = ["Connector"]
