"""A system of the benchmark: invoices."""

from .connector import PlainBilling as Connector

__all__ = ["Connector"]
