"""An owning system of the suite: a complaint has a reference that no other has."""

from .connector import OwnerComplaints as Connector

__all__ = ["Connector"]
