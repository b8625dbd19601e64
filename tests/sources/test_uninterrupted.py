"""What must come to its end though its caller goes away."""

import asyncio

import pytest

from klantbeeld.sources.uninterrupted import uninterrupted

pytestmark = pytest.mark.asyncio


async def test_its_value_is_given() -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        return "done"

    assert await uninterrupted(work()) == "done"


async def test_what_it_raises_is_raised() -> None:
    async def work() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await uninterrupted(work())


@pytest.mark.parametrize("fails", [False, True])
async def test_a_caller_that_is_cancelled_is_so_when_the_work_is_done(*, fails: bool) -> None:
    may_end = asyncio.Event()
    ended = []

    async def work() -> None:
        await may_end.wait()
        ended.append(True)
        if fails:
            raise KeyError("x")

    caller = asyncio.create_task(uninterrupted(work()))
    await asyncio.sleep(0)
    for _ in range(3):
        caller.cancel()
        await asyncio.sleep(0)
    assert not caller.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended == [True]


async def test_work_that_cancels_itself_is_cancelled() -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await uninterrupted(work())
