"""An owning system of the suite: keys protect all that it does."""

from .connector import OwnerBilling as Connector

__all__ = ["Connector"]
