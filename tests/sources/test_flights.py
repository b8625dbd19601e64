"""De-duplication of calls under way."""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from tests.sources.shop import about

from klantbeeld.errors import SourceTimeout
from klantbeeld.sources.context import CallContext, Priority
from klantbeeld.sources.flights import Flights
from klantbeeld.sources.questions import Outcome, Question, SourceState

pytestmark = pytest.mark.asyncio

INVOICES = about("invoices", "c")


@dataclass
class Upstream:
    """A source that answers when it is told to, and remembers who asked what."""

    asked: list[tuple[Question, CallContext]] = field(default_factory=list)
    answers: list["asyncio.Future[Outcome]"] = field(default_factory=list)
    cancelled: int = 0

    async def read(self, question: Question, context: CallContext) -> Outcome:
        self.asked.append((question, context))
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.answers.append(answer)
        try:
            return await answer
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    def answer(self, call: int = -1, outcome: Outcome | None = None) -> None:
        self.answers[call].set_result(outcome or Outcome(SourceState.OK))


def flights(upstream: Upstream, proof: Callable[[CallContext], Hashable] | None = None) -> Flights:
    return Flights(upstream.read, timeout=2.0, proof=proof)


def context(rights: str = "agent", *, seconds: float = 60, priority: Priority = Priority.AGENT) -> CallContext:
    return CallContext(asyncio.get_running_loop().time() + seconds, priority, rights)


async def under_way(*asked: Any) -> list["asyncio.Task[Outcome]"]:
    tasks = [asyncio.ensure_future(one) for one in asked]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_a_thousand_equal_reads_at_once_are_one_call() -> None:
    upstream = Upstream()
    shared = flights(upstream)
    tasks = await under_way(*(shared.ask(INVOICES, context()) for _ in range(1_000)))
    upstream.answer()

    outcomes = await asyncio.gather(*tasks)
    assert len(upstream.asked) == 1
    assert {outcome.state for outcome in outcomes} == {SourceState.OK}


async def test_two_callers_with_different_rights_are_two_calls() -> None:
    upstream = Upstream()
    shared = flights(upstream)
    await under_way(shared.ask(INVOICES, context("agent")), shared.ask(INVOICES, context("app")))

    assert [asked.rights for _, asked in upstream.asked] == ["agent", "app"]
    upstream.answer(0)
    upstream.answer(1)


@pytest.mark.parametrize(
    "other",
    [
        about("invoices", "d"),
        about("invoices", "c", members="version"),
        about("invoices", "c", first=2),
        about("invoices", "c", after="2"),
        about("invoices", "c", everything=True),
        about("invoices", "c", arguments={"state": "OPEN"}),
        about("invoices", "c", "d"),
        about("invoices", "c", owners={"c": "e"}),
        about("party", "c"),
    ],
)
async def test_what_is_asked_otherwise_is_asked(other: Question) -> None:
    upstream = Upstream()
    shared = flights(upstream)
    await under_way(shared.ask(INVOICES, context()), shared.ask(other, context()))

    assert [question for question, _ in upstream.asked] == [INVOICES, other]
    upstream.answer(0)
    upstream.answer(1)


async def test_callers_whose_own_credentials_go_upstream_share_nothing() -> None:
    upstream = Upstream()
    shared = flights(upstream, proof=lambda asked: asked.deadline)  # stands for the caller's token
    await under_way(shared.ask(INVOICES, context(seconds=60)), shared.ask(INVOICES, context(seconds=61)))

    assert len(upstream.asked) == 2
    upstream.answer(0)
    upstream.answer(1)


async def test_an_agent_does_not_wait_behind_background_work() -> None:
    upstream = Upstream()
    shared = flights(upstream)
    behind = context(priority=Priority.BACKGROUND)
    await under_way(shared.ask(INVOICES, behind), shared.ask(INVOICES, context()))

    assert [asked.priority for _, asked in upstream.asked] == [Priority.BACKGROUND, Priority.AGENT]
    upstream.answer(0)
    upstream.answer(1)


async def test_one_that_comes_after_the_answer_asks_anew() -> None:
    upstream = Upstream()
    shared = flights(upstream)
    for _ in range(2):
        (task,) = await under_way(shared.ask(INVOICES, context()))
        upstream.answer()
        await task

    assert len(upstream.asked) == 2


async def test_one_that_leaves_takes_nobody_else_with_it() -> None:
    upstream = Upstream()
    shared = flights(upstream)
    first, second, third = await under_way(*(shared.ask(INVOICES, context()) for _ in range(3)))
    first.cancel()
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    for _ in range(3):
        await asyncio.sleep(0)
    upstream.answer()

    assert (await third).state is SourceState.OK
    assert upstream.cancelled == 1
    assert len(upstream.asked) == 2


async def test_one_that_waits_and_leaves_does_not_end_the_call() -> None:
    upstream = Upstream()
    shared = flights(upstream)
    first, second = await under_way(*(shared.ask(INVOICES, context()) for _ in range(2)))
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    upstream.answer()

    assert (await first).state is SourceState.OK
    assert upstream.cancelled == 0


async def test_an_earlier_deadline_is_nobody_elses() -> None:
    upstream = Upstream()
    shared = flights(upstream)
    hurried, patient = await under_way(
        shared.ask(INVOICES, context(seconds=0.05)), shared.ask(INVOICES, context(seconds=60))
    )
    cut = Outcome(SourceState.TIMEOUT, problem=SourceTimeout("late"), seconds=0.05)
    upstream.answer(0, cut)
    for _ in range(3):
        await asyncio.sleep(0)
    upstream.answer(1)

    assert (await hurried).state is SourceState.TIMEOUT
    assert (await patient).state is SourceState.OK


async def test_a_source_that_is_late_for_one_is_late_for_all() -> None:
    upstream = Upstream()
    shared = flights(upstream)
    tasks = await under_way(shared.ask(INVOICES, context(seconds=60)), shared.ask(INVOICES, context(seconds=61)))
    upstream.answer(0, Outcome(SourceState.TIMEOUT, problem=SourceTimeout("late"), seconds=2.0))

    assert [outcome.state for outcome in await asyncio.gather(*tasks)] == [SourceState.TIMEOUT] * 2
    assert len(upstream.asked) == 1


async def test_one_that_waits_is_answered_by_its_own_deadline() -> None:
    upstream = Upstream()
    shared = flights(upstream)
    first, second = await under_way(
        shared.ask(INVOICES, context(seconds=60)), shared.ask(INVOICES, context(seconds=0.01))
    )

    outcome = await asyncio.wait_for(second, 5)
    assert outcome.state is SourceState.TIMEOUT
    assert isinstance(outcome.problem, SourceTimeout)
    upstream.answer()
    await first


async def test_after_a_change_nobody_joins_what_began_before_it() -> None:
    upstream = Upstream()
    shared = flights(upstream)
    (first,) = await under_way(shared.ask(INVOICES, context()))
    shared.forget()
    (second,) = await under_way(shared.ask(INVOICES, context()))

    assert len(upstream.asked) == 2
    upstream.answer(0)
    await first
    (third,) = await under_way(shared.ask(INVOICES, context()))
    assert len(upstream.asked) == 2
    upstream.answer(1)
    await asyncio.gather(second, third)


async def test_searches_are_not_shared() -> None:
    upstream = Upstream()
    shared = flights(upstream)
    search = msgspec.structs.replace(INVOICES, subjects={})
    await under_way(shared.ask(search, context()), shared.ask(search, context()))

    assert len(upstream.asked) == 2
    upstream.answer(0)
    upstream.answer(1)
