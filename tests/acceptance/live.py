"""Clients that read an answer as it comes: parts over multipart, events over event streams and WebSockets."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from .running import PURPOSES, Ask

MULTIPART = "multipart/mixed;incrementalSpec=v0.2, application/json"
EVENTS = "text/event-stream"
APOLLO_EVENTS = "multipart/mixed;subscriptionSpec=1.0, application/json"
WITHIN = 15.0

Part = dict[str, Any]


@dataclass
class Stream:
    """An answer that is being read; `arrived` has when each part came, in seconds since it was asked."""

    response: httpx.Response
    began: float
    arrived: list[float] = field(default_factory=list)
    beats: int = 0

    @property
    def content_type(self) -> str:
        """What is being read."""
        return self.response.headers["content-type"]

    def parts(self) -> Iterator[Part]:
        """Give the parts as they come, until the answer ends."""
        text = ""
        for chunk in self.response.iter_text():
            text += chunk
            *whole, text = text.split("\n\n" if EVENTS in self.content_type else self._boundary)
            for frame in whole:
                if part := self._read(frame):
                    self.arrived.append(time.monotonic() - self.began)
                    yield part

    @property
    def _boundary(self) -> str:
        return "\r\n--" + self.content_type.partition("boundary=")[2].split(";")[0].strip('"')

    def _read(self, frame: str) -> Part | None:
        if EVENTS in self.content_type:
            data = [line[5:].strip() for line in frame.splitlines() if line.startswith("data:")]
            self.beats += frame.startswith(":")
            return json.loads(data[0]) if data and data[0] else None
        body = frame.partition("\r\n\r\n")[2]
        part: Part | None = json.loads(body) if body else None
        return part["payload"] if part and "payload" in part else part or None


@contextmanager
def streaming(
    ask: Ask, document: str, variables: Mapping[str, Any], *, accept: str, who: str = "agent", **headers: str
) -> Iterator[Stream]:
    """Ask for an answer that comes bit by bit; leaving the block breaks the connection off."""
    given = {
        "Authorization": f"Bearer {ask.token(who)}",
        "Klantbeeld-Purpose": PURPOSES.get(who, PURPOSES["app"]),
        "Accept": accept,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    body = {"query": document, "variables": dict(variables)}
    began = time.monotonic()
    with (
        httpx.Client(timeout=WITHIN) as client,
        client.stream("POST", ask.url, json=body, headers=given) as response,
    ):
        assert response.status_code == 200, response.read()
        yield Stream(response, began)


def merged(parts: list[Part]) -> tuple[Any, list[Any]]:
    """Put parts together as a client does; gives data and errors."""
    data, errors = parts[0]["data"], list(parts[0].get("errors", ()))
    paths: dict[str, list[Any]] = {}
    for part in parts:
        paths |= {one["id"]: one["path"] for one in part.get("pending", ())}
        for entry in part.get("incremental", ()):
            place = data
            for key in [*paths[entry["id"]], *entry.get("subPath", ())]:
                place = place[key]
            if "items" in entry:
                place.extend(entry["items"])
            else:
                place.update(entry["data"])
            errors += entry.get("errors", ())
        for entry in part.get("completed", ()):
            errors += entry.get("errors", ())
    return data, errors


@dataclass(slots=True)
class Socket:
    """A client of `graphql-transport-ws`, initialised."""

    connection: ClientConnection

    def say(self, **message: Any) -> None:
        """Send a message."""
        self.connection.send(json.dumps(message))

    def hear(self) -> Part:
        """Wait for the next message."""
        heard: Part = json.loads(self.connection.recv(timeout=WITHIN))
        return heard

    def subscribe(self, name: str, document: str, variables: Mapping[str, Any]) -> None:
        """Begin an operation."""
        self.say(id=name, type="subscribe", payload={"query": document, "variables": dict(variables)})


@contextmanager
def socket_of(ask: Ask, *, who: str = "agent", token: str | None = None) -> Iterator[Socket]:
    """Open a socket with somebody's token."""
    url = ask.url.replace("http://", "ws://")
    purpose = {"Klantbeeld-Purpose": PURPOSES.get(who, PURPOSES["app"])}
    with connect(url, subprotocols=[Subprotocol("graphql-transport-ws")], additional_headers=purpose) as connection:
        socket = Socket(connection)
        socket.say(type="connection_init", payload={"authorization": f"Bearer {token or ask.token(who)}"})
        assert socket.hear() == {"type": "connection_ack"}
        yield socket
