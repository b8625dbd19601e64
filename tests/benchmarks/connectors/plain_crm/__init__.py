"""A system of the benchmark: the customer, how to reach them, and two facts without a place of their own."""

from .connector import PlainCrm as Connector

__all__ = ["Connector"]
