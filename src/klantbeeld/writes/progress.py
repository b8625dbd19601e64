"""Progress: whoever watches an operation hears when it moved; at once in this replica, by looking in another."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from klantbeeld.writes.rows import OperationView

Find = Callable[[str], Awaitable[OperationView | None]]


class ProgressFeed:
    """Lives as long as the app. `every` is the time between two looks for what other replicas do, in seconds."""

    def __init__(self, find: Find, *, every: float) -> None:
        self._find = find
        self._every = every
        self._watched: dict[str, set[asyncio.Event]] = {}

    def moved(self, operation_id: str) -> None:
        """Tell whoever watches an operation in this replica; costs a look into a table where nobody does."""
        for event in self._watched.get(operation_id, ()):
            event.set()

    async def of(self, operation_id: str, /) -> AsyncIterator[None]:
        """Yield whenever the operation moved; ends with the operation, or when nobody knows it."""
        event = asyncio.Event()
        self._watched.setdefault(operation_id, set()).add(event)
        try:
            seen: object = None
            while True:
                event.clear()
                view = await self._find(operation_id)
                if view is None:
                    return
                stands = (view.operation.updated_at, view.operation.state, [step.state for step in view.steps])
                if stands != seen:
                    seen = stands
                    yield
                if view.is_final:
                    return
                await self._wait(event)
        finally:
            watching = self._watched[operation_id]
            watching.discard(event)
            if not watching:
                del self._watched[operation_id]

    async def _wait(self, event: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(self._every):
                await event.wait()
        except TimeoutError:
            return
