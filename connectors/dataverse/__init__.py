"""Microsoft Dataverse, the store of Dynamics 365: customers, orders with deliveries, and contacts with customers."""

from .connector import Dataverse as Connector

__all__ = ["Connector"]
