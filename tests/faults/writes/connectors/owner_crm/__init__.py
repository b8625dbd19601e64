"""An owning system of the suite: changes expect a version, and nothing protects a note."""

from .connector import OwnerCrm as Connector

__all__ = ["Connector"]
