"""What one GET costs: our wire, httpx over our wire, httpx's own transport, and the least that a client can do.

    python tests/benchmarks/wire.py [--connections 16] [--requests 20000] [--rounds 7]

Prints CPU microseconds of the client process a request (user and system, the loop and the socket included), the median
of the rounds, and how that compares with the floor: a bare asyncio.Protocol that keeps a body and nothing else. The
server is a process of its own, so its work is not counted. Rounds alternate, so that a busy machine hurts all alike.
"""

import argparse
import asyncio
import multiprocessing
import statistics
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection as Pipe
from typing import cast

import httptools
import httpx
import uvloop

from klantbeeld.sources.wire import Origin, Wire

BODY = b'{"id": "4711", "lines": [' + b'{"number": "2026-001", "amount": 12.5}, ' * 20 + b"null]}"
ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Mon, 23 Nov 2026 08:00:00 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nConnection: keep-alive\r\n\r\n%b" % (len(BODY), BODY)
)
HEADERS = ((b"accept", b"application/json"), (b"authorization", b"Bearer 0123456789abcdef0123456789abcdef"))
TARGET = "/customers/4711"

Get = Callable[[], Awaitable[object]]


class Server(asyncio.Protocol):
    """Answers every head with the same bytes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER * data.count(b"\r\n\r\n"))


class Floor(asyncio.Protocol):
    """The least: one GET at a time, the body kept, no header read, no limit, no time-out, no error."""

    def __init__(self, free: list["Floor"]) -> None:
        self.free = free
        self.parser = httptools.HttpResponseParser(self)
        self.body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.free.append(self)
        body, self.body = self.body, b""
        self.answer.set_result(body)

    def get(self, target: str) -> "asyncio.Future[bytes]":
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(b"GET %b HTTP/1.1\r\nhost: u\r\naccept: application/json\r\n\r\n" % target.encode())
        return self.answer


def main() -> None:
    """Start the server, measure, print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--connections", type=int, default=16)
    options.add_argument("--requests", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=7)
    asked = options.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    try:
        costs = uvloop.run(measure(ours.recv(), asked.connections, asked.requests, asked.rounds))
    finally:
        server.terminate()
        server.join()
    report(costs, asked.connections)


def serve(pipe: Pipe) -> None:
    """Run the server until it is terminated."""

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(run())


async def measure(port: int, connections: int, requests: int, rounds: int) -> dict[str, list[float]]:
    """Give the costs of each way, a figure a round, in microseconds."""
    loop = asyncio.get_running_loop()
    address = f"http://127.0.0.1:{port}"
    wire, under_httpx = Wire(Origin.of(address)), Wire(Origin.of(address))
    free: list[Floor] = []
    for _ in range(connections):
        free.append((await loop.create_connection(lambda: Floor(free), "127.0.0.1", port))[1])
    async with (
        httpx.AsyncClient(transport=under_httpx, base_url=address, headers=list(HEADERS)) as over_wire,
        httpx.AsyncClient(base_url=address, headers=list(HEADERS), trust_env=False) as over_httpx,
    ):
        ways: dict[str, tuple[Get, int]] = {
            "floor": (lambda: free.pop().get(TARGET), requests),
            "Wire.exchange": (lambda: wire.exchange("GET", TARGET, HEADERS, deadline=loop.time() + 5), requests),
            "httpx.AsyncClient over Wire": (lambda: over_wire.get(TARGET), requests // 5),
            "httpx.AsyncClient, own transport": (lambda: over_httpx.get(TARGET), requests // 20),
        }
        costs: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, (get, count) in ways.items():
                costs[name].append(await cost_of(get, connections, count))
    await wire.aclose()
    for connection in free:
        connection.transport.abort()
    return costs


async def cost_of(get: Get, connections: int, requests: int) -> float:
    """Send the requests over so many connections at once; give microseconds of CPU a request."""

    async def client(count: int) -> None:
        for _ in range(count):
            await get()

    each = requests // connections
    await asyncio.gather(*(client(each // 10) for _ in range(connections)))
    began = time.process_time()
    await asyncio.gather(*(client(each) for _ in range(connections)))
    return (time.process_time() - began) / (each * connections) * 1e6


def report(costs: dict[str, list[float]], connections: int) -> None:
    """Print the table."""
    floor = costs["floor"]
    print(f"{connections} connections, {len(BODY)} bytes of body, CPU a GET")  # noqa: T201 - a table is for the terminal
    print(f"{'':34}{'us':>8}{'over floor':>12}{'ratio':>8}")  # noqa: T201 - as above
    for name, figures in costs.items():
        over = statistics.median(one - least for one, least in zip(figures, floor, strict=True))
        ratio = statistics.median(one / least for one, least in zip(figures, floor, strict=True))
        print(f"{name:34}{statistics.median(figures):8.1f}{over:12.1f}{ratio:8.2f}")  # noqa: T201 - as above


if __name__ == "__main__":
    main()
