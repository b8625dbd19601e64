"""An owning system of the suite: keys protect what it changes, nothing protects the rest."""

from .connector import OwnerMarketing as Connector

__all__ = ["Connector"]
