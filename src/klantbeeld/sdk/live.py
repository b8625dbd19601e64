"""Asking a running system through a connector alone, for recording examples and for tests; the gateway is not needed.

The gateway's own way to a source, with deadlines and all, is `klantbeeld.sources`.
"""

import time
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

from klantbeeld.sdk.acts import Act
from klantbeeld.sdk.auth import TokenReply
from klantbeeld.sdk.calls import Ask, Call
from klantbeeld.sdk.connector import Connector
from klantbeeld.sdk.examples import Conversation, Example, Exchange, as_answer, as_expected, as_request, converse
from klantbeeld.sdk.manifest import Manifest
from klantbeeld.sdk.mapping import ALWAYS
from klantbeeld.sdk.mapping import Mapping as RecordMapping
from klantbeeld.sdk.records import Record
from klantbeeld.sdk.replies import Reply
from klantbeeld.sdk.signing import Moment, Signing
from klantbeeld.sdk.tokens import Fetched, token_call
from klantbeeld.sources.decode import Decoded, decode

Spoken = list[tuple[Call[Any], Reply]]


@dataclass(frozen=True)
class Live:
    """One connector over one running system; lives as long as its `client`.

    `credentials` are the connector's secrets, by the names that its auth needs; a connector that asks on behalf of
    callers needs a caller's token as well, as `caller_token`.
    """

    manifest: Manifest
    connector: Connector
    client: httpx.AsyncClient
    base_url: str
    credentials: Mapping[str, str]
    _tokens: dict[str, str] = field(default_factory=dict)

    async def read(self, capability: str, ask: Ask) -> tuple[list[Record], str | None]:
        """Ask for one page; return its records and the position of the next."""
        spoken = await self.spoken(capability, ask)
        records, position = self.understood(capability, ask, spoken)
        return records, position

    async def spoken(self, capability: str, ask: Ask) -> Spoken:
        """Ask for one page; return what went over the line."""
        return await self.converse(getattr(self.connector, capability)(ask))

    def understood(self, capability: str, ask: Ask, spoken: Spoken) -> tuple[list[Record], str | None]:
        """Return the records of what was spoken, and the position of the next page."""
        reading = self.connector.readings()[capability]
        decoded = understand(self.connector, *spoken[-1], ask.select)
        members = frozenset(reading.mappings[0].record.__struct_fields__)
        return translate(decoded.items, reading.mappings, members), decoded.next_page

    async def pages(self, capability: str, ask: Ask) -> AsyncIterator[list[Record]]:
        """Ask for page after page, to the last."""
        records, position = await self.read(capability, ask)
        yield records
        while position is not None:
            records, position = await self.read(capability, msgspec.structs.replace(ask, after=position))
            yield records

    async def act(self, capability: str, act: Act) -> Record:
        """Do a write; return the record with the id and the version that the owner gave."""
        spoken = await self.converse(getattr(self.connector, capability)(act))
        return written(self.connector, capability, *spoken[-1])

    async def record(self, example: Example) -> Example:
        """Let an example happen again; return it with what went over the line now, and the records of it."""
        spoken = await self.converse(example.start(self.connector, self.manifest))
        return msgspec.structs.replace(
            example,
            exchanges=[Exchange(request=as_request(call), reply=as_answer(reply)) for call, reply in spoken],
            expect=[as_expected(record) for record in records_of(example, self.connector, *spoken[-1])],
        )

    async def converse(self, conversation: Conversation) -> list[tuple[Call[Any], Reply]]:
        """Carry a conversation to its end."""
        return await converse(conversation, self._send)

    async def _send(self, call: Call[Any]) -> Reply:
        proven = await self._proven(call)
        body, media_type = proven.content()
        headers = [*proven.headers, *([("content-type", media_type)] if media_type else [])]
        response = await self.client.request(
            proven.method, self.base_url + proven.target, content=body, headers=headers
        )
        reply = as_reply(response)
        if reply.status not in call.absent and (problem := self.connector.problem(reply)):
            raise problem
        return reply

    async def _proven(self, call: Call[Any]) -> Call[Any]:
        auth = type(self.connector).auth
        if isinstance(auth, Signing):
            audience = str(getattr(auth, "audience", "")).format(**self._places)
            return auth.sign(call, {**self.credentials, "audience": audience}, _now())
        if isinstance(auth, Fetched) and not self._tokens:
            self._tokens["access_token"] = await self._fetch_token(auth)
        return auth.apply(call, {**self.credentials, **self._tokens})

    async def _fetch_token(self, auth: Fetched) -> str:
        call = token_call(auth, self.credentials, self._places, _now(), self.credentials.get("caller_token", ""))
        body, media_type = call.content()
        headers = {"content-type": media_type or ""}
        response = await self.client.post(auth.token_url.format(**self._places), content=body, headers=headers)
        return msgspec.json.decode(response.content, type=TokenReply).access_token

    @property
    def _places(self) -> dict[str, str]:
        return {**self.connector.options, "base_url": self.base_url}


def _now() -> Moment:
    return Moment(time.time(), uuid.uuid4().hex)


def as_reply(response: httpx.Response) -> Reply:
    """Return a response as connectors see it."""
    headers = tuple((name.lower().encode(), value.encode()) for name, value in response.headers.multi_items())
    return Reply(response.status_code, headers, response.content)


def understand(connector: Connector, call: Call[Any], reply: Reply, select: frozenset[str]) -> Decoded:
    """Decode a reply, or raise what is wrong with it."""
    if reply.status in call.absent:
        return Decoded([], None)
    if problem := connector.problem(reply):
        raise problem
    return decode(call, reply.body, select)


def translate(items: list[Any], mappings: tuple[RecordMapping[Any], ...], members: frozenset[str]) -> list[Record]:
    """Make records of wire structs."""
    translators = [mapping.translator(members) for mapping in mappings]
    return [record for item in items for translator in translators for record in translator.translate((item,), None)]


def records_of(example: Example, connector: Connector, call: Call[Any], reply: Reply) -> list[Record]:
    """Return the records of an example's last reply; of a write, what it says that was written."""
    if example.ask is None:
        return [written(connector, example.capability, call, reply)]
    reading = connector.readings()[example.capability]
    members = frozenset(reading.mappings[0].record.__struct_fields__)
    return translate(understand(connector, call, reply, example.asked(reading).select).items, reading.mappings, members)


def written(connector: Connector, capability: str, call: Call[Any], reply: Reply) -> Record:
    """Return the record that an owner's answer to a write names, with id and version alone."""
    mapping = connector.doings()[capability].mapping
    always = frozenset(ALWAYS)
    decoded = understand(connector, call, reply, mapping.translator(always).wire)
    return translate(decoded.items, (mapping,), always)[0]
