"""The floor: what a server in Python must at least do for Q1, without GraphQL.

    UPSTREAMS=http://127.0.0.1:910 python -m uvicorn floor:app --loop uvloop --http httptools

A bare ASGI app: four GETs at once over an asyncio.Protocol and httptools, one typed decode each, one encode. It checks
no status, has no time-out, no limit, and no answer to anything that goes wrong. With WIRE=1 the GETs go over
Klantbeeld's own wire, which has all that.
"""

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import httptools
import msgspec
from msgspec import Struct

UPSTREAMS = os.environ.get("UPSTREAMS", "http://127.0.0.1:910")
CA = os.environ.get("NODE_EXTRA_CA_CERTS")
TIMEOUT = 2.0

T = TypeVar("T")
Get = Callable[[str], Awaitable[bytes]]


class Address(Struct):
    line1: str | None
    city: str | None
    postal_code: str | None
    country: str | None


class Invoice(Struct):
    id: str
    number: str
    status: str
    amount: float
    currency: str
    issued_on: str
    due_on: str
    balance: float


class Complaint(Struct):
    id: str
    subject: str
    status: str
    priority: str
    opened_at: str
    closed_at: str | None


class Consent(Struct):
    channel: str
    granted: bool
    updated_at: str
    source: str


class Campaign(Struct):
    id: str
    name: str
    sent_at: str
    opened: bool


class Profile(Struct):
    consents: list[Consent]
    campaigns: list[Campaign]


class Customer(Struct):
    id: str
    first_name: str
    last_name: str
    full_name: str
    email: str
    phone: str
    status: str
    segment: str
    created_at: str
    language: str
    vip: bool
    address: Address
    invoices: list[Invoice] | None = None
    complaints: list[Complaint] | None = None
    profile: Profile | None = None


class Data(Struct):
    customer: Customer


class Answer(Struct):
    data: Data


class Variables(Struct):
    id: str


class Request(Struct):
    variables: Variables


class Connection(asyncio.Protocol):
    """One kept-alive connection: one GET at a time."""

    def __init__(self, free: list["Connection"]) -> None:
        self.free = free

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.parser = httptools.HttpResponseParser(self)
        self.body = b""

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        body, self.body = self.body, b""
        self.free.append(self)
        self.answer.set_result(body)

    def ask(self, path: str) -> "asyncio.Future[bytes]":
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(b"GET %b HTTP/1.1\r\nhost: u\r\naccept: application/json\r\n\r\n" % path.encode())
        return self.answer


class Pool:
    """The kept-alive connections to one system."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self.host, self.port = parts.hostname or "", parts.port or 0
        self.tls = ssl.create_default_context(cafile=CA) if parts.scheme == "https" else None
        self.free: list[Connection] = []

    def get(self, path: str) -> Awaitable[bytes]:
        return self.free.pop().ask(path) if self.free else asyncio.ensure_future(self.connect(path))

    async def connect(self, path: str) -> bytes:
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(lambda: Connection(self.free), self.host, self.port, ssl=self.tls)
        return await made.ask(path)


def over_wire(address: str) -> Get:
    """Make a GET over Klantbeeld's wire."""
    from klantbeeld.sources.tls import trust  # noqa: PLC0415 - the floor itself needs nothing of ours
    from klantbeeld.sources.wire import Limits, Origin, Wire  # noqa: PLC0415 - as above

    wire = Wire(Origin.of(address), Limits(), tls=trust(Path(CA) if CA else None))
    headers = ((b"accept", b"application/json"),)

    async def get(path: str) -> bytes:
        deadline = asyncio.get_running_loop().time() + TIMEOUT
        return (await wire.exchange("GET", path, headers, deadline=deadline)).body

    return lambda path: asyncio.ensure_future(get(path))


def decoder(kind: type[T]) -> Callable[[bytes], T]:
    """Return the decoder of a type."""
    return msgspec.json.Decoder(kind).decode


read_request, read_customer, read_profile = decoder(Request), decoder(Customer), decoder(Profile)
read_invoices, read_complaints = decoder(list[Invoice]), decoder(list[Complaint])
encode = msgspec.json.Encoder().encode
addresses = [f"{UPSTREAMS}{digit}" for digit in (1, 2, 3, 4)]
gets: list[Get] = [over_wire(one) if os.environ.get("WIRE") else Pool(one).get for one in addresses]
crm, billing, complaints, marketing = gets


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer Q1 (ASGI)."""
    if scope["type"] != "http":
        return
    key = read_request((await receive())["body"]).variables.id
    asked = (
        crm(f"/customers/{key}"),
        billing(f"/accounts/{key}/invoices"),
        complaints(f"/complaints?customer={key}"),
        marketing(f"/profiles/{key}"),
    )
    customer = read_customer(await asked[0])
    customer.invoices = read_invoices(await asked[1])
    customer.complaints = read_complaints(await asked[2])
    customer.profile = read_profile(await asked[3])
    body = encode(Answer(Data(customer)))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
