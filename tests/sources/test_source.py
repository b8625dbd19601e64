"""A source answers for what its connector does: a fault costs its own fields, and a write says what is known of it."""

import asyncio
import gc
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec
import pytest

from klantbeeld.errors import SourceError, SourceInvalid, SourceRejected
from klantbeeld.sdk import Ask, Call, Connector, WriteSafety, does, reads
from klantbeeld.sdk.acts import Act, ReportDataError
from klantbeeld.sdk.auth import NoAuth
from klantbeeld.sdk.mapping import Mapping, take
from klantbeeld.sdk.records import Party
from klantbeeld.sdk.replies import Reply
from klantbeeld.sdk.words import Channel
from klantbeeld.settings import SourceSettings
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.credentials import Credentials
from klantbeeld.sources.questions import Question, SourceState, Subject
from klantbeeld.sources.source import Source, loop_clock
from klantbeeld.sources.transport import Transport
from klantbeeld.writes.outcomes import WriteStatus, status_after

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SETTINGS = SourceSettings.model_validate(
    {
        "connector": "odd",
        "base_url": "https://odd.example",
        "importance": "essential",
        "risk_when_missing": {"nl": "Wijzig niets.", "en": "Change nothing."},
        "hosted_in": "NL",
        "processor": "P",
        "retention": "P7Y",
    }
)


class Wire(msgspec.Struct):
    id: str


class Envelope(msgspec.Struct):
    refused: bool = False


PARTY = Mapping(Party, Wire, {"record_id": take("id"), "owner": take("id")})
GOOD, BAD, DOWN = Reply(200, (), b'{"id": "1"}'), Reply(400, (), b""), Reply(503, (), b"")
NAMELESS, REFUSED = Reply(200, (), b"{}"), Reply(200, (), b'{"id": "1", "refused": true}')


def calling(method: str) -> Call[Wire]:
    return Call(method=method, path="/it", record=Wire, absent=frozenset(), sends=method != "GET")


class Odd(Connector):
    """Breaks where it is told to, reads what is called 2, and writes in one step, in two, or after having looked."""

    @reads(PARTY)
    def party(self, ask: Ask) -> Call[Wire]:
        if ask.key == "2":
            return calling("GET")
        raise KeyError(ask.key)

    @does(WriteSafety.UNIQUE_REFERENCE, PARTY)
    def one(self, act: Act) -> Call[Wire]:
        return calling("POST")

    @does(WriteSafety.UNIQUE_REFERENCE, PARTY)
    def tells(self, act: Act) -> Call[Wire]:
        return msgspec.structs.replace(
            calling("POST"), envelope=Envelope, refusal=lambda it: SourceRejected("no") if it.refused else None
        )

    @does(WriteSafety.UNIQUE_REFERENCE, PARTY)
    def two(self, act: Act) -> Generator[Call[Wire], Reply, Call[Wire]]:
        yield calling("PATCH")
        return calling("PATCH")

    @does(WriteSafety.UNIQUE_REFERENCE, PARTY)
    def look(self, act: Act) -> Generator[Call[Wire], Reply, Call[Wire]]:
        yield calling("GET")
        return calling("POST")

    @does(WriteSafety.UNIQUE_REFERENCE, PARTY)
    def breaks(self, act: Act) -> Generator[Call[Wire], Reply, Call[Wire]]:
        yield calling("POST")
        raise KeyError(act.key)


class Scripted(Transport):
    """Gives replies in their order."""

    def __init__(self, replies: Iterable[Reply]) -> None:
        self.replies = deque(replies)

    async def exchange(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes = b"",
        *,
        deadline: float,
    ) -> Reply:
        return self.replies.popleft()

    async def aclose(self) -> None: ...


def a_source(*replies: Reply) -> Source:
    async def no_token(call: Call[Any], deadline: float) -> Reply:
        raise AssertionError(call, deadline)

    return Source(
        "odd",
        SETTINGS,
        connector=Odd({}),
        roles=frozenset({"CRM"}),
        categories=(),
        transport=Scripted(replies),
        credentials=Credentials(NoAuth(), {}, fetch_token=no_token, clock=loop_clock),
        monotonic=loop_clock,
        now=lambda: NOW,
    )


def soon() -> CallContext:
    return CallContext(asyncio.get_running_loop().time() + 5)


async def status_of(capability: str, *replies: Reply) -> WriteStatus:
    act = ReportDataError(customer="1", key="k", channel=Channel.APP, field="f", description="d")
    try:
        await a_source(*replies).act(capability, act, soon())
    except SourceError as error:
        return status_after(error)
    return WriteStatus.APPLIED


def asking(key: str) -> Question:
    members = {"party": frozenset[str]()}
    return Question(subjects={key: Subject("c", frozenset({key}))}, members=members, arguments={})


class Body(bytes):
    """What came; `gone` are those that nothing holds any more."""

    gone: ClassVar[list[bytes]] = []

    def __del__(self) -> None:
        self.gone.append(bytes(self))


@pytest.mark.parametrize("text", [b"<html>", b'{"id": 7}'])
@pytest.mark.asyncio
async def test_an_answer_that_cannot_be_read_does_not_wait_for_the_garbage_collector(text: bytes) -> None:
    Body.gone.clear()
    source = a_source(Reply(200, (), Body(text)))
    gc.disable()
    try:
        outcome = await source.ask(asking("2"), soon())
        assert isinstance(outcome.problem, SourceInvalid)
        assert Body.gone == [text]
    finally:
        gc.enable()


@pytest.mark.asyncio
async def test_a_connector_that_breaks_costs_its_own_fields() -> None:
    source = a_source()
    outcome = await source.ask(asking("1"), soon())
    assert outcome.state is SourceState.UNAVAILABLE
    assert isinstance(outcome.problem, SourceInvalid)
    assert source.health.last_problem_code == SourceInvalid.code


@pytest.mark.parametrize(
    ("capability", "replies", "status"),
    [
        ("one", [GOOD], WriteStatus.APPLIED),
        ("one", [BAD], WriteStatus.NOT_APPLIED),
        ("one", [DOWN], WriteStatus.UNKNOWN),
        ("one", [NAMELESS], WriteStatus.UNKNOWN),
        ("tells", [GOOD], WriteStatus.APPLIED),
        ("tells", [REFUSED], WriteStatus.NOT_APPLIED),
        ("two", [GOOD, GOOD], WriteStatus.APPLIED),
        ("two", [BAD], WriteStatus.NOT_APPLIED),
        ("two", [GOOD, BAD], WriteStatus.UNKNOWN),
        ("two", [GOOD, DOWN], WriteStatus.UNKNOWN),
        ("look", [DOWN], WriteStatus.NOT_APPLIED),
        ("look", [GOOD, BAD], WriteStatus.NOT_APPLIED),
        ("look", [GOOD, DOWN], WriteStatus.UNKNOWN),
        ("breaks", [GOOD], WriteStatus.UNKNOWN),
    ],
)
@pytest.mark.asyncio
async def test_a_write_claims_no_more_than_its_replies_prove(
    capability: str, replies: list[Reply], status: WriteStatus
) -> None:
    assert await status_of(capability, *replies) is status
