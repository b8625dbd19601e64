"""Telling: reads must see what a write changed, or may have, on whatever replica they are made.

Where the log of changes is in the store, what is told is written in the transaction that keeps what came of the step.
"""

from collections.abc import Callable
from typing import Protocol

import structlog

from klantbeeld.errors import StoreError
from klantbeeld.store.transactions import Unit
from klantbeeld.writes.rows import OperationRow, StepRow

log = structlog.get_logger(__name__)


class News(Protocol):
    """What is to be told of one step; this replica has evicted already what it had cached of it."""

    def writing(self) -> Unit[int] | None:
        """Give what writes it, for the end of a transaction over the store; None where it is kept elsewhere."""
        ...

    async def told(self, number: int | None = None) -> str:
        """Make it known, with the number that `writing` gave where that was used; returns a token for later reads.

        Raises StoreError.
        """
        ...


# Gives the news of a step that may have changed something; None where nobody has cached anything of it.
Changed = Callable[[OperationRow, StepRow], News | None]


def tell_nobody(_operation: OperationRow, _step: StepRow) -> None:
    """Tell nobody that something changed: nothing is cached."""


async def told(news: News | None, number: int | None = None) -> str | None:
    """Tell news, if any; what was written stays written also where that fails, and caches forget at their time."""
    if news is None:
        return None
    try:
        return await news.told(number)
    except StoreError as error:
        log.warning("change_not_told", error=error)
        return None
