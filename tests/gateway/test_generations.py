"""One application after the other, without losing a request."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from klantbeeld.gateway.generations import Application, Generations
from klantbeeld.gateway.stopping import LetGo, Stopping

pytestmark = pytest.mark.asyncio

GRACE = 5.0


class App:
    """Answers when its gate is open, and says when it was opened and closed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.gate = asyncio.Event()
        self.story: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.gate.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-app", self.name.encode())]})

    def streams_open(self) -> int:
        return 0

    def end_streams(self) -> None:
        self.story.append("streams ended")

    def make(self) -> Callable[[], AbstractAsyncContextManager[Application]]:
        @asynccontextmanager
        async def opened() -> AsyncIterator[App]:
            self.story.append("opened")
            yield self
            self.story.append("closed")

        return opened


async def ask(app: Any) -> dict[bytes, bytes]:
    """Send a request; give the headers of its answer."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "http"}, receive, send)
    return dict(sent[0]["headers"])


async def test_a_request_is_answered_by_the_application_that_it_came_to() -> None:
    generations, old, new = Generations(), App("old"), App("new")
    new.gate.set()
    await generations.replace(old.make(), grace=GRACE)
    under_way = asyncio.ensure_future(ask(generations))
    await asyncio.sleep(0)
    await generations.replace(new.make(), grace=GRACE)
    assert await ask(generations) == {b"x-app": b"new"}
    await asyncio.sleep(0)
    assert old.story == ["opened", "streams ended"]
    old.gate.set()
    assert await under_way == {b"x-app": b"old"}
    await generations.close()
    assert old.story == new.story == ["opened", "streams ended", "closed"]


async def test_one_that_cannot_be_opened_leaves_the_one_before() -> None:
    generations, old = Generations(), App("old")
    old.gate.set()
    await generations.replace(old.make(), grace=GRACE)

    @asynccontextmanager
    async def broken() -> AsyncIterator[App]:
        raise RuntimeError("no store")
        yield old

    with pytest.raises(RuntimeError, match="no store"):
        await generations.replace(broken, grace=GRACE)
    assert await ask(generations) == {b"x-app": b"old"}
    assert old.story == ["opened"]
    await generations.close()


async def test_a_request_without_end_holds_the_former_one_no_longer_than_its_grace() -> None:
    generations, old, new = Generations(), App("old"), App("new")
    await generations.replace(old.make(), grace=GRACE)
    under_way = asyncio.ensure_future(ask(generations))
    await asyncio.sleep(0)
    await generations.replace(new.make(), grace=0.001)
    await generations.close()
    assert old.story == ["opened", "streams ended", "closed"]
    under_way.cancel()


async def test_kept_alive_connections_end_with_their_next_answer_once_it_stops() -> None:
    app, stopping = App("app"), Stopping()
    app.gate.set()
    letting_go = LetGo(app, stopping)
    assert await ask(letting_go) == {b"x-app": b"app"}
    stopping.begin()
    assert await ask(letting_go) == {b"x-app": b"app", b"connection": b"close"}
