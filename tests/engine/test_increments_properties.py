"""An answer in parts, put together, is the answer in one piece: for generated operations in generated worlds."""

import os
from typing import Any

import msgspec
import pytest
from tests.engine.cases import case_of, differ
from tests.engine.house import House
from tests.engine.parts import Response, keys_of_sources, merged, put_off

from klantbeeld.engine.increments import Parts
from klantbeeld.engine.ports import Answer
from klantbeeld.errors import RequestError

CASES = int(os.environ.get("KLANTBEELD_CASES", "320")) // 2
BLOCK = max(CASES // 4, 1)


@pytest.mark.parametrize("first", range(0, CASES, BLOCK))
@pytest.mark.asyncio
async def test_parts_put_together_are_the_whole(first: int) -> None:
    in_parts = 0
    for seed in range(first, first + BLOCK):
        case = case_of(seed)
        text = put_off(case.operation.text, seed)
        given = (text, case.operation.variables)
        house, other = case.world.house(), case.world.house()
        whole = await house.ask(*given, without=case.world.without)
        parts = await ask_in_parts(other, *given, without=case.world.without)
        if not parts:
            continue
        in_parts += len(parts) > 1
        if not any(entry.get("errors") for part in parts for entry in part.get("completed", ())):
            left_out = keys_of_sources(text)
            ours, theirs = comparable(merged(parts), left_out), comparable(whole, left_out)
            found = differ(ours, theirs, "whole", in_order=False)
            assert found is None, f"seed {seed}: {found}\n{text}\n{case.operation.variables}"
        assert asked(house) == asked(other), f"seed {seed}\n{text}\n{case.operation.variables}"
    assert in_parts > BLOCK // 5


async def ask_in_parts(house: House, text: str, variables: Any, *, without: Any) -> list[Response]:
    """Return the parts; none where there would be more than may be."""
    try:
        answer = await house.execute(text, variables, without=without, takes_incremental=True)
    except RequestError as error:
        if error.reason == "TOO_MANY_DEFERRED":
            return []
        raise
    if isinstance(answer, Parts):
        return [msgspec.json.decode(msgspec.json.encode(part)) async for part in answer]
    assert isinstance(answer, Answer)
    return [msgspec.json.decode(answer.body) | {"hasNext": False}]


def asked(house: House) -> set[tuple[str, str, str]]:
    """Return who was asked for what under which key; parts ask it in as many calls as they are."""
    return {(name, call, key) for name, calls, keys in house.questions() for call in calls for key in keys or ("",)}


def comparable(value: Any, left_out: set[str]) -> Any:
    """Return a value without some members, and with the others in one order: parts bring them as they come."""
    if isinstance(value, dict):
        return {name: comparable(value[name], left_out) for name in sorted(value) if name not in left_out}
    return [comparable(one, left_out) for one in value] if isinstance(value, list) else value
