"""A connection is opened by name, anew each time, within one time-out."""

import asyncio
import socket
from typing import Any

import pytest
from tests.sources.wire.conftest import Serve

from klantbeeld.errors import SourceTimeout, SourceUnavailable
from klantbeeld.sources.wire.connection import Connection
from klantbeeld.sources.wire.dial import Dialler
from klantbeeld.sources.wire.limits import Limits
from klantbeeld.sources.wire.origin import Origin

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class NoPool:
    def release(self, connection: Connection) -> None: ...
    def forget(self, connection: Connection) -> None: ...


class Names:
    """A name service that says what a test wants; asked in place of the system's through the public loop method."""

    def __init__(self, *answers: list[str] | None) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def look_up(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked += 1
        answer = self.answers.pop(0)
        if answer is None:
            await asyncio.Event().wait()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answer or ()]


def make() -> Connection:
    return Connection(NoPool(), "http://crm.example", Limits())


@pytest.mark.asyncio
async def test_a_name_is_resolved_anew_for_each_opening(serve: Serve) -> None:
    port, names = (await serve(HELLO)).port, Names(["127.0.0.1"], ["127.0.0.1"])
    dialler = Dialler(Origin("http", "crm.example", port), None, look_up=names.look_up)
    for _ in range(2):
        (await dialler.open(make, seconds=5)).transport.abort()
    assert names.asked == 2


@pytest.mark.asyncio
async def test_openings_at_once_share_a_look_up(serve: Serve) -> None:
    port, names = (await serve(HELLO)).port, Names(["127.0.0.1"])
    dialler = Dialler(Origin("http", "crm.example", port), None, look_up=names.look_up)
    for connection in await asyncio.gather(*(dialler.open(make, seconds=5) for _ in range(5))):
        connection.transport.abort()
    assert names.asked == 1


@pytest.mark.asyncio
async def test_the_next_address_is_tried_when_one_refuses(serve: Serve) -> None:
    port, names = (await serve(HELLO)).port, Names(["127.0.0.2", "127.0.0.1"])
    dialler = Dialler(Origin("http", "crm.example", port), None, look_up=names.look_up)
    connection = await dialler.open(make, seconds=5)
    assert connection.transport.get_extra_info("peername")[0] == "127.0.0.1"
    connection.transport.abort()


@pytest.mark.asyncio
async def test_a_name_server_that_hangs_costs_one_look_up_and_the_time_out() -> None:
    names = Names(None)
    dialler = Dialler(Origin("http", "crm.example", 80), None, look_up=names.look_up)
    for _ in range(2):
        with pytest.raises(SourceTimeout) as raised:
            await dialler.open(make, seconds=0.01)
        assert not raised.value.sent
    assert names.asked == 1
    dialler.close()


@pytest.mark.asyncio
async def test_a_name_without_address_is_unavailable() -> None:
    dialler = Dialler(Origin("http", "crm.example", 80), None, look_up=Names([]).look_up)
    with pytest.raises(SourceUnavailable) as raised:
        await dialler.open(make, seconds=1)
    assert not raised.value.sent
