"""Recorded examples: of every capability, what was asked, what went over the line, and the records that came of it.

One JSON file each in a connector's `examples/`. Tests replay them, `record` makes them again from a running system, and
the drift check holds a system against them.
"""

from collections.abc import Awaitable, Callable, Generator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from klantbeeld.errors import ConfigurationError
from klantbeeld.sdk.acts import Act
from klantbeeld.sdk.calls import Ask, Call
from klantbeeld.sdk.connector import Connector, Reading
from klantbeeld.sdk.manifest import Manifest
from klantbeeld.sdk.records import Record
from klantbeeld.sdk.replies import Reply
from klantbeeld.sdk.roles import ROLES

FOLDER = "examples"
UNSAID = "example"  # what an option is where the facts give no default
KEPT_HEADERS = ("content-type", "retry-after")
GAVE_UP = 10

Conversation = Call[Any] | Generator[Call[Any], Reply, Call[Any]]
Send = Callable[[Call[Any]], Awaitable[Reply]]


class Asked(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An `Ask` as it is written; `select` are wire members, all of the capability's where it is left out."""

    keys: list[str] = []
    select: list[str] | None = None
    first: int | None = None
    after: str | None = None
    arguments: dict[str, Any] = {}


class Request(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A request without its proof of identity."""

    method: str
    path: str
    query: list[tuple[str, str]] = []
    headers: dict[str, str] = {}
    form: list[tuple[str, str]] | None = None
    json: Any = None


class Answer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A reply; `body` is JSON, or the text where it is none."""

    status: int
    headers: dict[str, str] = {}
    body: Any = None

    def reply(self) -> Reply:
        """Return it as the gateway receives it."""
        body = self.body.encode() if isinstance(self.body, str) else msgspec.json.encode(self.body)
        headers = tuple((name.encode(), value.encode()) for name, value in self.headers.items())
        return Reply(self.status, headers, b"" if self.body is None else body)


class Exchange(msgspec.Struct, kw_only=True):
    """One request and the reply to it."""

    request: Request
    reply: Answer


class Example(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One use of one capability.

    Either `ask` or `act` is there. `exchanges` are in the order in which they happened, several in a dialogue. `expect`
    are the records, without members that are null. `origin` says who answered: `specification`, `sandbox`, or
    `real server: …`.
    """

    capability: str
    origin: str
    ask: Asked | None = None
    act: dict[str, Any] | None = None
    exchanges: list[Exchange] = []
    expect: list[dict[str, Any]] = []
    name: str = ""

    def start(self, connector: Connector, manifest: Manifest) -> Conversation:
        """Begin the conversation that the example is of."""
        begin = getattr(connector, self.capability)
        if self.ask is None:
            conversation: Conversation = begin(self.acted(manifest))
        else:
            conversation = begin(self.asked(connector.readings()[self.capability]))
        return conversation

    def asked(self, reading: Reading) -> Ask:
        """Return what is asked, with Python values."""
        ask = self.ask or Asked()
        arguments = {name: _value(name, value) for name, value in ask.arguments.items()}
        select = frozenset(ask.select) if ask.select is not None else members_on_the_wire(reading)
        return Ask(keys=tuple(ask.keys), select=select, first=ask.first, after=ask.after, arguments=arguments)

    def acted(self, manifest: Manifest) -> Act:
        """Return what is to be done, as the role's act."""
        kinds = {name: kind for role in manifest.roles for name, kind in ROLES[role].acts.items()}
        return msgspec.convert(self.act, kinds[self.capability], strict=False)


def members_on_the_wire(reading: Reading, members: frozenset[str] | None = None) -> frozenset[str]:
    """Return the wire members that a reading needs for some members of its records, for all without `members`."""
    wanted = [
        frozenset(mapping.members) | frozenset(mapping.outer) if members is None else members
        for mapping in reading.mappings
    ]
    pairs = zip(reading.mappings, wanted, strict=True)
    return frozenset(name for mapping, chosen in pairs for name in mapping.translator(chosen).wire)


def load_examples(manifest: Manifest) -> list[Example]:
    """Read a connector's examples, by the names of their files; raises ConfigurationError for one that is none."""
    found = []
    for file in sorted((manifest.folder or Path()).glob(f"{FOLDER}/*.json")):
        try:
            example = msgspec.json.decode(file.read_bytes(), type=Example, strict=True)
        except msgspec.DecodeError as error:
            mend = "The members of an example stand in klantbeeld/sdk/examples.py"
            raise ConfigurationError(
                f"{manifest.name}/{FOLDER}/{file.name}", f"is no example: {error}", mend
            ) from error
        example.name = file.stem
        found.append(example)
    return found


def save_example(example: Example, manifest: Manifest) -> None:
    """Write an example into its file."""
    file = (manifest.folder or Path()) / FOLDER / f"{example.name}.json"
    plain = msgspec.to_builtins(example)
    del plain["name"]
    file.write_bytes(msgspec.json.format(msgspec.json.encode(plain), indent=2) + b"\n")


def example_options(manifest: Manifest) -> dict[str, str]:
    """Return the options that examples are recorded with: the defaults, and a word for those that have none."""
    return {name: UNSAID if option.default is None else option.default for name, option in manifest.options.items()}


def rehearse(conversation: Conversation, replies: Iterator[Reply]) -> list[Call[Any]]:
    """Carry a conversation to its end with replies that are known; return all calls."""
    if isinstance(conversation, Call):
        return [conversation]
    calls = []
    try:
        calls.append(next(conversation))
        while True:
            calls.append(conversation.send(next(replies)))
    except StopIteration as end:
        return [*calls, end.value]


async def converse(conversation: Conversation, send: Send) -> list[tuple[Call[Any], Reply]]:
    """Carry a conversation to its end; return each call with the reply to it."""
    if isinstance(conversation, Call):
        return [(conversation, await send(conversation))]
    spoken: list[tuple[Call[Any], Reply]] = []
    try:
        call = next(conversation)
        while len(spoken) < GAVE_UP:
            spoken.append((call, await send(call)))
            call = conversation.send(spoken[-1][1])
    except StopIteration as end:
        return [*spoken, (end.value, await send(end.value))]
    message = f"the dialogue did not end after {GAVE_UP} calls"
    raise RuntimeError(message)


def as_request(call: Call[Any]) -> Request:
    """Write a call down."""
    return Request(
        method=call.method,
        path=call.path,
        query=list(call.query),
        headers=dict(call.headers),
        form=None if call.form is None else list(call.form),
        json=msgspec.to_builtins(call.json),
    )


def as_answer(reply: Reply) -> Answer:
    """Write a reply down, with the headers that mean something to a connector."""
    try:
        body = msgspec.json.decode(reply.body) if reply.body else None
    except msgspec.DecodeError:
        body = reply.body.decode(errors="replace")
    headers = {name: value for name in KEPT_HEADERS if (value := reply.header(name)) is not None}
    return Answer(status=reply.status, headers=headers, body=body)


def as_expected(record: Record) -> dict[str, Any]:
    """Write a record down, without members that are as they are in an empty one."""
    plain: dict[str, Any] = msgspec.to_builtins(record)
    unset = {found.name: found.default for found in msgspec.structs.fields(record)}
    said = (name for name in plain if getattr(record, name) != unset[name])
    return {name: _without_nulls(plain[name]) for name in said}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


def _value(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if name == "since" else value
