"""Turns: an answer that graphql-core assembles, field by field, so that others go on in between.

Completing all of it at once takes many times what anybody should have to wait for a document that is not theirs.
"""

import asyncio
import inspect
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

from graphql import GraphQLResolveInfo

from klantbeeld.engine.plan import Plan
from klantbeeld.engine.share import Share


class _Later:
    """A field whose turn is waited for once somebody awaits it; where nobody does nothing is left behind."""

    __slots__ = ("_resolve", "_turns")

    def __init__(self, turns: "Turns", resolve: Callable[[], Any]) -> None:
        self._turns = turns
        self._resolve = resolve

    def __await__(self) -> Generator[Any, None, Any]:
        return self._turns.take(self._resolve).__await__()


class Turns:
    """Completes one field of the plan's in each round of the loop; lives as long as one answer.

    What that costs is taken from the share, if there is one, and nothing of what others do between two turns.
    """

    def __init__(self, plan: Plan, share: Share | None) -> None:
        self._joined = {joint.coordinate for joint in plan.joints.values()}
        self._share = share
        self._loop = asyncio.get_running_loop()
        self._last: asyncio.Future[None] | None = None
        self._began: float | None = None

    @contextmanager
    def paid(self) -> Iterator[None]:
        """Take from the share what graphql-core does before the first turn."""
        with self._share.spending() if self._share else nullcontext():
            yield

    def resolve(self, resolve: Callable[..., Any], source: Any, info: GraphQLResolveInfo[Any], /, **given: Any) -> Any:
        """Resolve a field when it is its turn: a middleware of graphql-core."""
        if f"{info.parent_type.name}.{info.field_name}" not in self._joined:
            return resolve(source, info, **given)
        return _Later(self, partial(resolve, source, info, **given))

    async def take(self, resolve: Callable[[], Any]) -> Any:
        """Wait for a turn, and resolve."""
        before, mine = self._last, self._loop.create_future()
        self._last = mine
        if before is None or before.done():
            before = self._loop.create_future()
            self._loop.call_soon(self._pass_on, before)
        try:
            await before
            self._began = self._share.now() if self._share else None
            value = resolve()
        finally:
            self._pass_on(mine)
        return await value if inspect.isawaitable(value) else value

    def _pass_on(self, turn: asyncio.Future[None]) -> None:
        """Wake whoever waits for a turn, and stand in the loop's queue right behind them."""
        if not turn.done():  # who waited for it may have been cancelled
            turn.set_result(None)
        self._loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        if self._share and self._began is not None:
            self._share.spend(self._share.now() - self._began)
            self._began = None
