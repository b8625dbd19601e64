"""SAP Customer Data Cloud: consents, preferences, campaigns, and what customers like, said and did."""

from .connector import CustomerDataCloud as Connector

__all__ = ["Connector"]
