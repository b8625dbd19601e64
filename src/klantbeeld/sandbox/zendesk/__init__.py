"""Zendesk Support: users, tickets and their comments, search, and the incremental export."""

from klantbeeld.sandbox.zendesk.app import create_app

__all__ = ["create_app"]
