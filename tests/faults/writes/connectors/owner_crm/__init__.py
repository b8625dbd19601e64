"""An owning system of the suite: changes expect a version, contacts have a reference."""

from .connector import OwnerCrm as Connector

__all__ = ["Connector"]
