"""The calls of a level: what its reads ask of one source in one call is put together, started, and waited for."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any

from msgspec import Struct

from klantbeeld.engine.lanes import Lane, Spot
from klantbeeld.engine.run import Arguments
from klantbeeld.graph.answers import Position
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.questions import Outcome, Question, Subject

START = Position()
NOTHING: Mapping[str, Any] = {}


class Call(Struct, eq=False):
    """One call of a lane that is being put together, and then under way; `outcome` is an Outcome when it is back."""

    lane: Lane
    after: str | None
    arguments: Arguments
    subjects: dict[str, Subject] = {}
    mask: int = 0
    first: int | None = None
    size: int | None = None
    task: "asyncio.Task[Outcome] | None" = None
    outcome: Any = None

    def question(self) -> Question:
        """Settle how it is paged: keys that share a call share its page, so they are read whole."""
        shared = self.lane.shared(self.mask)
        everything = shared.everything or (self.first is not None and len(self.subjects) > 1)
        self.size = None if everything else self.first
        return Question(
            self.subjects,
            shared.members,
            self.arguments,
            self.lane.by_record,
            self.size,
            self.after,
            everything,
            shared.fresh,
        )

    def ask(self, context: CallContext) -> Coroutine[Any, Any, Outcome]:
        """Ask, once that is awaited."""
        return self.lane.source.ask(self.question(), context)

    async def back(self) -> None:
        """Wait until it is back."""
        if self.task is not None:
            self.outcome = await self.task


class Calls:
    """The calls of one level: a read goes where its key is asked already, or where there is room."""

    __slots__ = ("_known", "_open", "every")

    def __init__(self) -> None:
        self.every: list[Call] = []
        self._known: dict[tuple[Any, ...], Call] = {}
        self._open: dict[tuple[Any, ...], Call] = {}

    def take(
        self,
        lane: Lane,
        key: str,
        subject: Subject,
        *,
        mask: int,
        size: int | None,
        handed: Arguments,
        at: Position | None = None,
    ) -> Call:
        """Let reads of one key of a customer take part in a call, and return that; `at` is None for the beginning."""
        known = (lane, key, subject.customer_id, at)
        call = self._known.get(known)
        if call is None:
            call = self._known[known] = self._room(lane, key, at, handed)
            call.subjects[key] = subject
        call.mask |= mask
        if size is not None and (call.first is None or size > call.first):
            call.first = size
        return call

    def _room(self, lane: Lane, key: str, at: Position | None, handed: Arguments) -> Call:
        """Return a call with room for a key; a position is that of one key, so it is asked alone."""
        call = self._open.get((lane, at))
        if call is None or len(call.subjects) >= (lane.most if at is None else 1) or key in call.subjects:
            call = self._open[lane, at] = Call(lane, at.token if at else None, handed)
            self.every.append(call)
        return call

    async def settle(self, context: CallContext) -> None:
        """Start them all, and wait for all."""
        *others, last = self.every
        self.start(others, context)
        try:
            last.outcome = await last.ask(context)  # by this very task: the others are under way as soon as it waits
            for call in others:
                await call.back()
        except BaseException:
            self.leave()
            raise

    def start(self, calls: Iterable[Call], context: CallContext) -> None:
        """Start some of them."""
        create_task = asyncio.get_running_loop().create_task
        for call in calls:
            call.task = create_task(call.ask(context))

    def leave(self) -> None:
        """End those that are under way: nobody waits for them any more."""
        for call in self.every:
            if call.task is not None:
                call.task.cancel()


def asked_of(spot: Spot, arguments: Arguments) -> tuple[int | None, Arguments]:
    """Return what a read asks by the arguments of its field: the size of a page, and those that go on as they are."""
    size = arguments.get("first") if spot.sized else None
    if not spot.handed:
        return size, NOTHING
    return size, {name: value for name in spot.handed if (value := arguments[name]) is not None}
