"""The watch: clients that go away while their request is answered."""

import asyncio
from collections.abc import Awaitable

import pytest
from starlette.types import Message

from klantbeeld.gateway.watch import Watch, has_gone

pytestmark = pytest.mark.asyncio


class Client:
    """A client as a server tells of it: its next message comes when it goes."""

    def __init__(self) -> None:
        self.goes = asyncio.Event()

    async def receive(self) -> Message:
        await self.goes.wait()
        return {"type": "http.disconnect"}


async def test_asking_does_not_wait_and_leaves_nothing_behind() -> None:
    client = Client()
    assert [has_gone(client.receive) for _ in range(3)] == [False] * 3
    client.goes.set()
    assert has_gone(client.receive)


async def test_another_message_is_no_disconnect() -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    assert not has_gone(receive)


async def test_a_server_that_cannot_be_asked_like_this_says_nothing() -> None:
    async def raising() -> Message:
        raise RuntimeError

    def no_coroutine() -> Awaitable[Message]:
        return asyncio.get_running_loop().create_future()

    assert not has_gone(raising)
    assert not has_gone(no_coroutine)


async def test_the_request_of_a_client_that_went_is_cancelled_and_no_other() -> None:
    watch, stays, goes = Watch(every=0.001), Client(), Client()
    may_end = asyncio.Event()

    async def answer(client: Client) -> bool:
        watched = watch.begin(client.receive)
        try:
            await may_end.wait()
        except asyncio.CancelledError:
            assert watched.has_gone
            return False
        finally:
            watch.end(watched)
        return True

    one, other = asyncio.create_task(answer(stays)), asyncio.create_task(answer(goes))
    await asyncio.sleep(0)
    goes.goes.set()
    assert await other is False
    may_end.set()
    assert await one is True


async def test_no_timer_runs_while_nothing_is_under_way() -> None:
    watch = Watch(every=0.001)
    watched = watch.begin(Client().receive)
    assert watch._timer is not None
    watch.end(watched)
    while watch._timer is not None:  # noqa: ASYNC110 - the watch tells nobody
        await asyncio.sleep(0)
