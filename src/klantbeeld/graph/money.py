"""Amounts in a currency."""

from klantbeeld.graph.published import published
from klantbeeld.sdk import records


@published(records.Money, None)
class Money:
    """An amount; personal or not by the field that holds it."""
