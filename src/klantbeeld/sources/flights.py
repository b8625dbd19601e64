"""De-duplication: who asks what is being asked already waits for that answer, and no second call is made.

Two questions are the same if nothing that decides the call or the answer differs: keys, members, arguments, page; the
caller's rights and purpose; and the credentials that go upstream, where those are the caller's own.

The one whose call it is asks as it would alone, so that sharing costs nothing where nobody shares. If it leaves, or has
less time than the others, one of those who still wait asks in its place.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any

from msgspec import Struct, field

from klantbeeld.errors import SourceError, SourceTimeout
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.questions import Outcome, Question, SourceState

AskSource = Callable[[Question, CallContext], Coroutine[Any, Any, Outcome]]
Proof = Callable[[CallContext], Hashable]


class Flight(Struct, eq=False):
    """One question under way; `waiting` are those who asked the same since."""

    question: Question
    context: CallContext
    waiting: list["asyncio.Future[Outcome | None]"] = field(default_factory=list)

    def land(self, outcome: Outcome | None) -> None:
        """Tell those who wait what came of it; None when its asker left before anything did."""
        for one in self.waiting:
            if not one.done():
                one.set_result(outcome)


class Flights:
    """The questions to one source that are under way; lives as long as the source.

    `read` asks the source. `timeout` is the longest that a call of the source takes, in seconds. `proof` names the
    credentials with which a call goes upstream, None where they are the same for every caller; it raises SourceError
    where there are none. `is_current` makes sure
    that the changes of other replicas are known: a call that began before one is joined by nobody who comes after it.
    """

    def __init__(
        self,
        read: AskSource,
        *,
        timeout: float,
        proof: Proof | None = None,
        is_current: Callable[[], Awaitable[bool]] | None = None,
        count: Callable[[], None] = lambda: None,
    ) -> None:
        self._read = read
        self._timeout = timeout
        self._proof = proof
        self._is_current = is_current
        self._count = count
        self._under_way: dict[Hashable, Flight] = {}

    async def ask(self, question: Question, context: CallContext) -> Outcome:
        """Ask, or wait for the answer to the same question; what goes wrong is in the outcome."""
        key = self._key(question, context)
        if key is None:
            return await self._read(question, context)
        while (other := self._under_way.get(key)) is not None:
            if not await self._may_join(other, question, context):
                return await self._read(question, context)
            if self._under_way.get(key) is other and (outcome := await self._wait(other, context)) is not None:
                return outcome
        flight = self._under_way[key] = Flight(question, context)
        outcome = None
        try:
            outcome = await self._read(question, context)
        finally:
            if self._under_way.get(key) is flight:
                del self._under_way[key]
            if flight.waiting:
                flight.land(outcome)
        return outcome

    def forget(self) -> None:
        """Let nobody join what is under way: something changed since it began. Those who wait are answered."""
        self._under_way.clear()

    def _key(self, question: Question, context: CallContext) -> Hashable | None:
        """Return what equal questions have in common and few others; None for one that is shared with nobody."""
        if context.fresh or not question.subjects:  # a search
            return None
        key = (context.rights, next(iter(question.subjects)), next(iter(question.members)))
        if self._proof is None:
            return key
        try:
            return (*key, self._proof(context))
        except SourceError:  # nobody to ask for, which the call itself will say
            return None

    async def _may_join(self, flight: Flight, question: Question, context: CallContext) -> bool:
        """Say whether a call that is under way will do; one of less priority may wait behind others for its turn."""
        if flight.context.priority > context.priority or flight.question != question:
            return False
        return self._is_current is None or await self._is_current()

    async def _wait(self, flight: Flight, context: CallContext) -> Outcome | None:
        """Wait for the answer to another's call; None if this one has to ask for itself."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer: asyncio.Future[Outcome | None] = loop.create_future()
        flight.waiting.append(answer)
        try:
            async with asyncio.timeout_at(context.deadline):
                outcome = await answer
        except TimeoutError:
            late = SourceTimeout("no whole answer in time to a call that another began")
            return Outcome(SourceState.TIMEOUT, problem=late, seconds=loop.time() - began)
        if outcome is None or self._was_cut_short(flight, outcome, context):
            return None
        self._count()
        return Outcome(
            outcome.state,
            outcome.records,
            outcome.problem,
            outcome.next_page,
            outcome.complete,
            loop.time() - began,
        )

    def _was_cut_short(self, flight: Flight, outcome: Outcome, context: CallContext) -> bool:
        """Say whether it ended by the deadline of its asker, before the source's own time was over."""
        is_late = outcome.state is SourceState.TIMEOUT and outcome.seconds < self._timeout
        return is_late and flight.context.deadline < context.deadline
