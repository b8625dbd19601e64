"""A simulated Microsoft Dataverse: contacts, accounts, orders with deliveries, and activities, over OData v4."""

from klantbeeld.sandbox.dataverse.app import create_app

__all__ = ["create_app"]
