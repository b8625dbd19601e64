"""An owning system of the suite: nothing protects what it does, and all can be read."""

from .connector import OwnerComplaints as Connector

__all__ = ["Connector"]
