"""Parts are masked, ended properly, and closed whatever happens."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql import GraphQLError
from tests.gateway.conftest import SECRET, FakeObserver, FakeParts

from klantbeeld.errors import SourceTimeout
from klantbeeld.gateway.parts import BEAT, complete, events, mask_part, with_beats
from klantbeeld.gateway.ports import Part

pytestmark = pytest.mark.asyncio

FIRST = {"data": {"a": 1}, "pending": [{"id": "0", "path": []}, {"id": "1", "path": []}], "hasNext": True}
LAST = {"completed": [{"id": "0"}, {"id": "1"}], "hasNext": False}


async def giving(*steps: Part | BaseException | None) -> AsyncIterator[Part]:
    """Give parts, raise exceptions, and wait for ever at None."""
    for step in steps:
        if step is None:
            await asyncio.Event().wait()
        elif isinstance(step, BaseException):
            raise step
        else:
            yield step


def soon(seconds: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def completed(parts: FakeParts, observer: FakeObserver, *, until: float | None = None) -> list[dict[str, Any]]:
    given = complete(parts, until=until or soon(), language="en", failed=observer.failed)
    return [part async for part in given]


def codes(part: dict[str, Any]) -> dict[str, str]:
    return {one["id"]: one["errors"][0]["extensions"]["code"] for one in part["completed"]}


async def test_whole_parts_pass_as_they_are(observer: FakeObserver) -> None:
    parts = FakeParts(giving(FIRST, LAST), is_live=False)
    assert await completed(parts, observer) == [FIRST, LAST]
    assert parts.closed == 1


async def test_what_is_pending_when_something_breaks_is_completed_with_an_error(observer: FakeObserver) -> None:
    one = {"completed": [{"id": "0"}], "hasNext": True}
    error = RuntimeError(SECRET)
    given = await completed(FakeParts(giving(FIRST, one, error), is_live=False), observer)
    assert given[-1]["hasNext"] is False
    assert codes(given[-1]) == {"1": "INTERNAL_ERROR"}
    assert SECRET not in str(given)
    assert observer.failures == [error]


async def test_an_error_of_our_tree_is_no_failure_of_ours(observer: FakeObserver) -> None:
    given = await completed(FakeParts(giving(FIRST, SourceTimeout(SECRET)), is_live=False), observer)
    assert codes(given[-1]) == {"0": "SOURCE_TIMEOUT", "1": "SOURCE_TIMEOUT"}
    assert observer.failures == []


async def test_what_is_pending_at_the_deadline_is_completed_with_an_error(observer: FakeObserver) -> None:
    parts = FakeParts(giving(FIRST, None), is_live=False)
    given = await completed(parts, observer, until=soon(0.01))
    assert codes(given[-1]) == {"0": "DEADLINE_EXCEEDED", "1": "DEADLINE_EXCEEDED"}
    assert parts.closed == 1


async def test_parts_that_end_too_early_are_completed_with_an_error(observer: FakeObserver) -> None:
    given = await completed(FakeParts(giving(FIRST), is_live=False), observer)
    assert codes(given[-1]) == {"0": "INTERNAL_ERROR", "1": "INTERNAL_ERROR"}


async def test_parts_are_closed_when_their_reader_stops(observer: FakeObserver) -> None:
    parts = FakeParts(giving(FIRST, LAST), is_live=False)
    given = complete(parts, until=soon(), language="en", failed=observer.failed)
    await anext(given)
    await given.aclose()
    assert parts.closed == 1


async def test_every_place_of_a_part_that_has_errors_is_masked() -> None:
    raw: dict[str, Any] = {
        "errors": [GraphQLError(SECRET, original_error=RuntimeError(SECRET))],
        "incremental": [{"id": "0", "data": {}, "errors": [{"message": SECRET}]}, {"id": "1", "items": [1]}],
        "completed": [{"id": "0", "errors": [RuntimeError(SECRET)]}, {"id": "1"}],
    }
    masked = mask_part(raw, "en")
    assert SECRET not in str(masked)
    assert masked["incremental"][1] == {"id": "1", "items": [1]}
    assert masked["completed"][1] == {"id": "1"}
    assert masked["errors"][0]["extensions"]["code"] == "INTERNAL_ERROR"


async def test_events_pass_and_the_stream_ends(observer: FakeObserver) -> None:
    parts = FakeParts(giving({"data": 1}, {"data": 2}), is_live=True)
    given = events(parts, until=None, language="en", failed=observer.failed)
    assert [part async for part in given] == [{"data": 1}, {"data": 2}]
    assert parts.closed == 1


@pytest.mark.parametrize(
    ("step", "code"), [(RuntimeError(SECRET), "INTERNAL_ERROR"), (SourceTimeout(SECRET), "SOURCE_TIMEOUT")]
)
async def test_events_that_break_end_with_one_error(observer: FakeObserver, step: Exception, code: str) -> None:
    parts = FakeParts(giving({"data": 1}, step), is_live=True)
    given = [part async for part in events(parts, until=None, language="en", failed=observer.failed)]
    assert given[0] == {"data": 1}
    assert [error["extensions"]["code"] for error in given[1]["errors"]] == [code]
    assert SECRET not in str(given)


async def test_events_end_when_the_token_ends(observer: FakeObserver) -> None:
    parts = FakeParts(giving({"data": 1}, None), is_live=True)
    given = [part async for part in events(parts, until=soon(0.01), language="en", failed=observer.failed)]
    assert given[-1]["errors"][0]["extensions"]["code"] == "TOKEN_EXPIRED"
    assert parts.closed == 1


async def test_a_silent_stream_beats() -> None:
    async def slow() -> AsyncIterator[dict[str, Any]]:
        yield {"data": 1}
        await released.wait()
        yield {"data": 2}

    released = asyncio.Event()
    beating = with_beats(slow(), every=0.001)
    assert await anext(beating) == {"data": 1}
    assert await anext(beating) is BEAT
    assert await anext(beating) is BEAT
    released.set()
    rest = [part async for part in beating if part is not BEAT]
    assert rest == [{"data": 2}]


async def test_a_beating_stream_that_is_closed_leaves_nothing_running() -> None:
    parts = FakeParts(giving(None), is_live=True)
    beating = with_beats(parts, every=0.001)
    assert await anext(beating) is BEAT
    await beating.aclose()
    assert parts.closed == 1
    assert len(asyncio.all_tasks()) == 1


async def test_a_beating_stream_raises_what_its_source_raises() -> None:
    async def breaking() -> AsyncIterator[dict[str, Any]]:
        yield {}
        raise RuntimeError

    with pytest.raises(RuntimeError):
        [part async for part in with_beats(breaking(), every=1)]
