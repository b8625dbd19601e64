"""Writes through the engine: to whose record, under which key, and what is kept of them."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from tests.engine.house import CUSTOMER, House, complaint, four_sources, links_of, three_customers

from klantbeeld.access.defaults import default_access
from klantbeeld.engine.ports import Reading
from klantbeeld.engine.roots import RunRoots
from klantbeeld.errors import Unanswered
from klantbeeld.graph.ids import RecordId, seal_record_id
from klantbeeld.sdk import words
from klantbeeld.sdk.acts import Act
from klantbeeld.sdk.connector import Doing
from klantbeeld.sdk.mapping import Mapping
from klantbeeld.sdk.records import Party, Record
from klantbeeld.sdk.roles import COMPLAINTS
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.conversation import Written
from klantbeeld.writes.outcomes import WriteStatus

SOLVE = """mutation Solve($input: SolveComplaintInput!) { solveComplaint(input: $input) {
  status steps { source status code }
} }"""


@dataclass
class KeepingTrail:
    """Keeps what it is given."""

    readings: list[Reading] = field(default_factory=list)

    def check(self) -> None: ...

    def read(self, caller: Any, reading: Reading) -> None:
        self.readings.append(reading)


pytestmark = pytest.mark.asyncio


def a_house(*complaints: Record, links: tuple[str, ...] = ("z1",)) -> House:
    """Make a house whose complaints system holds these complaints, and knows the customer by these ids."""
    sources = four_sources()
    asked = sources["complaints"]
    asked.held["complaint"] = {one.record_id: [one] for one in complaints}
    kind: Mapping[Any] = Mapping(Party, Party, {})
    asked.doings = {act: Doing(act, words.WriteSafety.NONE, kind) for act in COMPLAINTS.acts}
    customers = three_customers()
    customers[CUSTOMER] = links_of(CUSTOMER, crm="p1", complaints=links)
    return House(sources=sources, customers=customers, trail=KeepingTrail())


def kept(house: House) -> list[Reading]:
    """Give what the trail was told."""
    assert isinstance(house.trail, KeepingTrail)
    return house.trail.readings


def solving(record_id: str, source: str = "complaints") -> dict[str, Any]:
    """Give the variables that solve a complaint of the customer's, or one that is said to be."""
    named = seal_record_id(RecordId("Complaint", CUSTOMER, source, record_id))
    return {"input": {"complaintId": named, "resolution": "done", "channel": "APP", "idempotencyKey": "k"}}


def theirs(record_id: str, owner: str | None) -> Record:
    return msgspec.structs.replace(complaint(1), record_id=record_id, owner=owner)


async def test_an_own_record_is_written_to() -> None:
    house = a_house(theirs("c1", "z1"))
    answer = await house.ask(SOLVE, solving("c1"))
    assert answer["data"]["solveComplaint"]["status"] == "APPLIED"


@pytest.mark.parametrize("owner", ["z9", None])
async def test_a_record_of_somebody_else_under_an_own_id_is_not_written_to(owner: str | None) -> None:
    house = a_house(theirs("c1", owner))
    answer = await house.ask(SOLVE, solving("c1"))
    assert answer["errors"][0]["extensions"]["code"] == "RECORD_UNKNOWN"
    assert house.sources["complaints"].acts == []


async def test_a_record_that_is_not_there_is_not_written_to() -> None:
    house = a_house()
    answer = await house.ask(SOLVE, solving("c1"))
    assert answer["errors"][0]["extensions"]["code"] == "RECORD_UNKNOWN"
    assert house.sources["complaints"].acts == []


async def test_nothing_is_written_where_nobody_can_say_whose_the_record_is() -> None:
    house = a_house(theirs("c1", "z1"))
    house.sources["complaints"].problem = "timeout"
    answer = await house.ask(SOLVE, solving("c1"))
    assert answer["errors"][0]["extensions"]["code"] == "SOURCE_TIMEOUT"
    assert house.sources["complaints"].acts == []


async def test_only_whose_it_is_is_read_of_a_record_before_it_is_written_to() -> None:
    house = a_house(theirs("c1", "z1"))
    await house.ask(SOLVE, solving("c1"), without=["complaints:read"])
    (question,) = house.sources["complaints"].asked
    assert dict(question.members) == {"complaint": frozenset()}
    assert len(house.sources["complaints"].acts) == 1


async def test_a_record_is_written_to_under_the_id_of_the_customer_whose_it_is() -> None:
    house = a_house(theirs("c1", "z2"), links=("z1", "z2"))
    await house.ask(SOLVE, solving("c1"))
    ((_, act),) = house.sources["complaints"].acts
    assert act.customer == "z2"


async def test_a_write_whose_caller_goes_away_while_its_answer_is_made_is_in_the_trail() -> None:
    query = """mutation Solve($input: SolveComplaintInput!) { solveComplaint(input: $input) { status customer {
      links { source } complaints { nodes { id } } a: complaints { nodes { id } } invoices { nodes { id } } } } }"""
    rounds, outcomes = 0, set[str]()
    while True:
        house = a_house(theirs("c1", "z1"))
        settings = {"access": default_access(), "documents": {"compile": "recurring", "new_burst": 1_000_000}}
        house = replace(house, more_settings=settings, trail=KeepingTrail())
        asking = asyncio.ensure_future(house.ask(query, solving("c1")))
        for _ in range(rounds):
            await asyncio.sleep(0)
        if asking.done():
            break
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        written = [act for source in house.sources.values() for act in source.acts]
        assert len(kept(house)) == len(written)
        outcomes |= {reading.outcome for reading in kept(house)}
        rounds += 1
    assert outcomes == {"UNKNOWN"}
    assert rounds > 10


async def test_a_write_that_meets_no_customer_is_in_the_trail(monkeypatch: pytest.MonkeyPatch) -> None:
    step = SimpleNamespace(source="crm", status=WriteStatus.UNKNOWN)
    outcome: Any = SimpleNamespace(operation_id="o", steps=(step,), status=WriteStatus.UNKNOWN)

    async def writing() -> Any:
        return outcome

    async def register(self: RunRoots, *_: object) -> Any:
        await self._attempted(words.Channel.APP, writing())
        raise Unanswered("SOURCE_UNAVAILABLE")

    monkeypatch.setattr(RunRoots, "register", register)
    house = House(trail=KeepingTrail())
    query = (
        'mutation { registerCustomer(input: {channel: APP, familyName: "Jansen", email: "a@example.nl"}) { status } }'
    )
    await house.ask(query)
    (reading,) = kept(house)
    assert (reading.customers, reading.writes, reading.sources) == ((), True, ("crm",))


async def test_a_variable_that_decides_and_is_null_is_refused_before_anything_is_written() -> None:
    query = """mutation Solve($input: SolveComplaintInput!, $skips: Boolean = false) {
      solveComplaint(input: $input) { status } ... @skip(if: $skips) { __typename } }"""
    house = a_house(theirs("c1", "z1"))
    for _ in range(2):
        answer = await house.ask(query, solving("c1") | {"skips": None})
        assert "data" not in answer
        assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "retryable": False, "place": "$skips"}
    assert house.sources["complaints"].acts == []
    answer = await house.ask(query, solving("c1"))
    assert answer["data"] == {"solveComplaint": {"status": "APPLIED"}, "__typename": "Mutation"}


async def test_the_trail_shows_a_write_with_its_channel_and_the_system_written_to() -> None:
    house = a_house(theirs("c1", "z1"))
    await house.ask(SOLVE, solving("c1"))
    (reading,) = kept(house)
    assert (reading.writes, reading.channel, reading.sources) == (True, "APP", ("complaints",))
    assert reading.customers == (CUSTOMER,)


async def test_the_trail_shows_no_write_where_nothing_was_written() -> None:
    house = a_house(theirs("c1", "z9"))
    await house.ask(SOLVE, solving("c1"))
    house.sources["complaints"].refuses = "rejected"
    house.sources["complaints"].held["complaint"]["c1"] = [theirs("c1", "z1")]
    await house.ask(SOLVE, solving("c1"))
    assert [reading.writes for reading in kept(house)] == [False, False]


async def test_a_write_whose_caller_goes_away_comes_to_its_end_and_the_trail_shows_it() -> None:
    house = a_house(theirs("c1", "z1"))
    begun, may_end = asyncio.Event(), asyncio.Event()
    ended = []

    async def slow(name: str, act: Act, context: CallContext) -> Written:
        begun.set()
        await may_end.wait()
        ended.append(name)
        return Written("c1", None)

    house.sources["complaints"].act = slow  # type: ignore[method-assign]  # a write that takes as long as a test says
    asking = asyncio.ensure_future(house.ask(SOLVE, solving("c1")))
    await begun.wait()
    for _ in range(3):
        asking.cancel()
        await asyncio.sleep(0)
    assert not asking.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert ended == ["solve_complaint"]
    (reading,) = kept(house)
    assert (reading.writes, reading.outcome) == (True, "UNKNOWN")
