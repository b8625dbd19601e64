"""Stripe: billing accounts, invoices with their lines, subscriptions and purchases, credit notes."""

from .connector import Stripe as Connector

__all__ = ["Connector"]
