"""A system of the benchmark: complaints."""

from .connector import PlainComplaints as Connector

__all__ = ["Connector"]
