"""Zendesk Support: complaints as tickets, and what was said about them."""

from .connector import Zendesk as Connector

__all__ = ["Connector"]
