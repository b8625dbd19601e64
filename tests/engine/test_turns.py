"""A first answer is assembled in turns, which cost what they are and let others go on."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLList,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLString,
    parse,
)
from graphql.execution import MiddlewareManager, experimental_execute_incrementally

from klantbeeld.engine.share import Share
from klantbeeld.engine.turns import Turns

pytestmark = pytest.mark.asyncio


class Joint:
    """As much of a joint as turns look at."""

    def __init__(self, coordinate: str) -> None:
        self.coordinate = coordinate


class Plan:
    """As much of a plan as turns look at."""

    def __init__(self) -> None:
        names = ("Query.items", "Item.name", "Item.parts", "Part.name")
        self.joints = {number: Joint(name) for number, name in enumerate(names)}


class Processor:
    """Processor time that only moves when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def share(self) -> Share:
        return Share(share=1e-9, burst=1_000.0, most_waiting=1, cpu=lambda: self.seconds, monotonic=lambda: 0.0)


def schema(named: Callable[[], str]) -> GraphQLSchema:
    def name(_: Any, __: GraphQLResolveInfo[Any]) -> str:
        return named()

    def items(source: Any, _: GraphQLResolveInfo[Any]) -> list[int]:
        return list(range(source or 3))

    part = GraphQLObjectType("Part", {"name": GraphQLField(GraphQLString, resolve=name)})
    item = GraphQLObjectType(
        "Item",
        {
            "name": GraphQLField(GraphQLString, resolve=name),
            "parts": GraphQLField(GraphQLList(part), resolve=lambda *_: [1, 2]),
        },
    )
    return GraphQLSchema(GraphQLObjectType("Query", {"items": GraphQLField(GraphQLList(item), resolve=items)}))


async def answer(share: Share, named: Callable[[], str], *, items: int = 3) -> Any:
    plan: Any = Plan()
    turns = Turns(plan, share)
    with turns.paid():
        made: Any = experimental_execute_incrementally(
            schema(named),
            parse("{ items { name parts { name } } }"),
            items,
            middleware=MiddlewareManager(turns),
        )
    result = await made if isinstance(made, Awaitable) else made
    assert not result.errors
    return result.data


async def test_all_of_it_is_answered() -> None:
    data = await answer(Processor().share(), lambda: "a", items=2)
    item = {"name": "a", "parts": [{"name": "a"}, {"name": "a"}]}
    assert data == {"items": [item, item]}


async def test_others_go_on_between_any_two_fields() -> None:
    rounds: list[int] = []
    turning = 0

    async def turn() -> None:
        nonlocal turning
        while True:
            turning += 1
            await asyncio.sleep(0)

    def named() -> str:
        rounds.append(turning)
        return "a"

    other = asyncio.create_task(turn())
    await answer(Processor().share(), named)
    other.cancel()
    assert len(rounds) == len(set(rounds)) == 9


async def test_what_turns_cost_grows_with_the_fields_and_no_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    scheduled, before = 0, loop.call_soon

    def counted(*args: Any, **named: Any) -> asyncio.Handle:
        nonlocal scheduled
        scheduled += 1
        return before(*args, **named)

    monkeypatch.setattr(loop, "call_soon", counted)
    counts = []
    for items in (20, 200):
        scheduled = 0
        await answer(Processor().share(), lambda: "a", items=items)
        counts.append(scheduled)
    assert counts[1] < 11 * counts[0]


async def test_the_share_pays_for_turns_and_for_nothing_that_others_do() -> None:
    processor = Processor()
    share = processor.share()

    async def work() -> None:
        while True:
            processor.seconds += 1.0
            await asyncio.sleep(0)

    def named() -> str:
        processor.seconds += 0.25
        return "a"

    others = [asyncio.create_task(work()) for _ in range(3)]
    await asyncio.sleep(0)
    before = share._saved
    await answer(share, named)
    for _ in range(3):
        await asyncio.sleep(0)
    for other in others:
        other.cancel()
    assert before - share._saved == pytest.approx(9 * 0.25)


async def test_who_is_cancelled_holds_up_nobody() -> None:
    share = Processor().share()
    going = [asyncio.create_task(answer(share, lambda: "a", items=20)) for _ in range(2)]
    for _ in range(5):
        await asyncio.sleep(0)
    going[0].cancel()
    async with asyncio.timeout(5):
        assert (await going[1])["items"][19]["name"] == "a"
    with pytest.raises(asyncio.CancelledError):
        await going[0]
