"""Settling: an answer is lost, and what came of the write is found out, or not said."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from tests.engine.memory import NOW, MemorySource, links_of
from tests.writes.memory import Days, MemoryTransactions, a_writer

from klantbeeld.sdk import records, words
from klantbeeld.sdk.connector import Doing
from klantbeeld.sdk.manifest import Remembers
from klantbeeld.sdk.mapping import Mapping as RecordMapping
from klantbeeld.sdk.records import Complaint, ContactMedium, Party, Record
from klantbeeld.sdk.roles import COMPLAINTS, CRM, Role
from klantbeeld.sdk.words import ContactKind, Guard, WriteSafety
from klantbeeld.sources.context import CallContext
from klantbeeld.writes.intents import Intent
from klantbeeld.writes.journal import Journal
from klantbeeld.writes.outcomes import WriteOutcome, WriteStatus
from klantbeeld.writes.worker import Parked, Worker, WorkerParts
from klantbeeld.writes.writer import Writer

CUSTOMER = "01900000-0000-7000-8000-000000000001"
KIND: RecordMapping[Any] = RecordMapping(Party, Party, {})
MAIL = "new@example.nl"
APPLIED, NOT_APPLIED, UNKNOWN = WriteStatus.APPLIED, WriteStatus.NOT_APPLIED, WriteStatus.UNKNOWN

pytestmark = pytest.mark.asyncio


class Owner(MemorySource):
    """An owner whose records can be changed between two calls."""

    def holds(self, mail: str, version: str) -> None:
        medium = ContactMedium(record_id="p1/email", owner="p1", kind=ContactKind.EMAIL, value=mail, version=version)
        party = Party(record_id="p1", owner="p1", version=version)
        self.held = {"party": {"p1": [party]}, "contact_media": {"p1": [medium]}}


def an_owner(safety: WriteSafety, *, guard: Guard = Guard.NONE, mail: str = "old@example.nl") -> Owner:
    doings = {"change_contact_details": Doing("change_contact_details", safety, KIND, guard)}
    remembers = Remembers(idempotency_key_hours=2, longest_execution_seconds=60)
    owner = Owner("crm", CRM, {}, doings=doings, remembers=remembers, shares={"contact_media": "party"})
    owner.holds(mail, "v1")
    return owner


@pytest.fixture
def transactions() -> Iterator[MemoryTransactions]:
    made = MemoryTransactions()
    yield made
    made.close()


@pytest.fixture
def clock() -> Days:
    return Days(NOW)


class House:
    """A writer, its worker and a clock."""

    def __init__(self, owner: MemorySource, transactions: MemoryTransactions, clock: Days) -> None:
        sources: Any = {owner.name: owner}
        self.clock = clock
        self.journal = Journal(transactions, wait=1)
        self.writer: Writer = a_writer(sources, now=clock, journal=self.journal)
        self.settled: list[Any] = []
        noting: Any = SimpleNamespace(check=lambda: None, settled=self.settled.append)
        self.parked = Parked()
        self.worker = Worker(
            WorkerParts(
                writer=self.writer,
                journal=self.journal,
                noting=noting,
                parked=self.parked,
                now=clock,
                loop=lambda: asyncio.get_running_loop().time(),
                every=1,
                lease=20,
            )
        )

    async def write(self, role: Role = CRM, act: str = "change_contact_details", **values: Any) -> WriteOutcome:
        source = "crm" if role is CRM else "complaints"
        intent = Intent(
            mutation="changeContactDetails",
            role=role,
            act=act,
            values=values or {"email": MAIL},
            customer=links_of(CUSTOMER, **{source: "p1"}),
            channel=words.Channel.APP,
            caller="i c s",
            key="k",
        )
        return await self.writer.write(intent, CallContext(asyncio.get_running_loop().time() + 60))

    async def after(self, seconds: float) -> WriteStatus:
        """Let time pass, let the worker look, and say where the operation stands then."""
        self.clock.at += timedelta(seconds=seconds)
        await self.worker.look()
        (operation,) = await self.all()
        return WriteStatus(operation)

    async def all(self) -> Sequence[str]:
        found = await self.writer.parked(first=10)
        ids = [one.operation.id for one in found] or ["01900000-0000-7000-8000-000000000001"]
        views = [await self.writer.view(one) for one in ids]
        return [view.operation.state.value for view in views if view]


async def test_a_key_that_the_owner_remembers_is_sent_again(transactions: MemoryTransactions, clock: Days) -> None:
    owner = an_owner(WriteSafety.IDEMPOTENCY_KEY)
    house = House(owner, transactions, clock)
    owner.refuses = "timeout"
    assert (await house.write()).status is UNKNOWN
    owner.refuses = None
    assert await house.after(3) is APPLIED
    assert len(owner.acts) == 2
    assert len({act.key for _, act in owner.acts}) == 1


async def test_a_key_that_the_owner_may_have_forgotten_is_not_sent_again(
    transactions: MemoryTransactions, clock: Days
) -> None:
    owner = an_owner(WriteSafety.IDEMPOTENCY_KEY)
    house = House(owner, transactions, clock)
    owner.refuses = "timeout"
    await house.write()
    owner.refuses = None
    assert await house.after(2 * 3600 * 0.95) is UNKNOWN
    assert len(owner.acts) == 1
    assert house.parked.count == 1


async def test_after_its_memory_the_owner_is_read(transactions: MemoryTransactions, clock: Days) -> None:
    owner = an_owner(WriteSafety.IDEMPOTENCY_KEY)
    house = House(owner, transactions, clock)
    owner.refuses = "timeout"
    await house.write()
    owner.holds(MAIL, "v2")
    assert await house.after(2 * 3600) is APPLIED
    assert len(owner.acts) == 1


async def test_a_write_without_a_version_is_tied_to_the_present_one(
    transactions: MemoryTransactions, clock: Days
) -> None:
    owner = an_owner(WriteSafety.IF_MATCH, guard=Guard.IF_MATCH)
    assert (await House(owner, transactions, clock).write()).status is APPLIED
    ((_, act),) = owner.acts
    assert act.expected == "v1"


async def test_a_conflict_that_nobody_asked_for_is_tried_at_the_newer_version(
    transactions: MemoryTransactions, clock: Days
) -> None:
    owner = an_owner(WriteSafety.IF_MATCH, guard=Guard.IF_MATCH)
    house = House(owner, transactions, clock)
    inner = owner.act

    async def changed_meanwhile(name: str, act: Any, context: CallContext) -> Any:
        owner.refuses = "conflict" if act.expected == "v1" else None
        owner.holds("other@example.nl", "v2")
        return await inner(name, act, context)

    owner.act = changed_meanwhile  # type: ignore[method-assign]  # somebody else writes between look and write
    assert (await house.write()).status is APPLIED
    assert [act.expected for _, act in owner.acts] == ["v1", "v2"]


async def test_a_conflict_of_a_resend_is_believed_only_after_a_look(
    transactions: MemoryTransactions, clock: Days
) -> None:
    owner = an_owner(WriteSafety.IF_MATCH, guard=Guard.IF_MATCH)
    house = House(owner, transactions, clock)
    owner.refuses = "timeout"  # it was done, and the answer is lost
    await house.write()
    owner.holds(MAIL, "v2")
    owner.refuses = "conflict"
    assert await house.after(3) is APPLIED


async def test_a_conflict_of_a_resend_that_shows_nothing_of_ours_stays_unknown(
    transactions: MemoryTransactions, clock: Days
) -> None:
    owner = an_owner(WriteSafety.IF_MATCH, guard=Guard.IF_MATCH)
    house = House(owner, transactions, clock)
    owner.refuses = "timeout"
    await house.write()
    owner.holds("third@example.nl", "v9")
    owner.refuses = "conflict"
    assert await house.after(3) is UNKNOWN
    assert await house.after(61) is UNKNOWN
    assert house.parked.count == 1


async def test_what_has_no_safety_is_not_judged_while_it_may_still_be_executed(
    transactions: MemoryTransactions, clock: Days
) -> None:
    owner = an_owner(WriteSafety.NONE, guard=Guard.LEASE)
    house = House(owner, transactions, clock)
    owner.refuses = "timeout"
    await house.write()
    owner.refuses = None
    assert await house.after(3) is UNKNOWN
    owner.holds(MAIL, "v2")  # executed late
    assert await house.after(57) is APPLIED
    assert len(owner.acts) == 1


async def test_what_is_not_there_after_the_longest_execution_was_not_done(
    transactions: MemoryTransactions, clock: Days
) -> None:
    owner = an_owner(WriteSafety.NONE, guard=Guard.LEASE)
    house = House(owner, transactions, clock)
    owner.refuses = "timeout"
    await house.write()
    assert await house.after(3) is UNKNOWN
    assert await house.after(60) is NOT_APPLIED
    assert len(owner.acts) == 1
    owner.refuses = None
    assert (await house.write()).status is APPLIED, "whoever asks again has it sent"
    assert len(owner.acts) == 2


async def test_a_unique_reference_is_sent_again_and_a_conflict_says_that_it_is_there(
    transactions: MemoryTransactions, clock: Days
) -> None:
    owner = an_owner(WriteSafety.UNIQUE_REFERENCE)
    owner.doings = {"report_data_error": Doing("report_data_error", WriteSafety.UNIQUE_REFERENCE, KIND)}
    house = House(owner, transactions, clock)
    owner.refuses = "timeout"
    await house.write(act="report_data_error", field="x", description="y")
    owner.refuses = "conflict"
    assert await house.after(3) is APPLIED


@pytest.mark.parametrize(
    ("filed_at", "expected"),
    [(NOW + timedelta(seconds=1), APPLIED), (NOW - timedelta(days=1), NOT_APPLIED), (None, UNKNOWN)],
)
async def test_a_complaint_that_is_alike_counts_only_if_it_was_filed_since(
    filed_at: datetime | None, expected: WriteStatus, transactions: MemoryTransactions, clock: Days
) -> None:
    alike = Complaint(record_id="c1", owner="p1", subject="Stuk", description="Doet niets", filed_at=filed_at)
    held: dict[str, dict[str, list[Record]]] = {"complaints": {"p1": [alike]}}
    doings = {"file_complaint": Doing("file_complaint", WriteSafety.NONE, KIND)}
    owner = MemorySource("complaints", COMPLAINTS, held, doings=doings)
    house = House(owner, transactions, clock)
    owner.refuses = "timeout"
    await house.write(COMPLAINTS, "file_complaint", subject="Stuk", description="Doet niets")
    assert await house.after(61) is expected


async def test_an_address_is_compared_without_spaces_and_case(transactions: MemoryTransactions, clock: Days) -> None:
    owner = an_owner(WriteSafety.NONE)
    house = House(owner, transactions, clock)
    owner.refuses = "timeout"
    wanted = records.PostalAddress(street="Nieuwe Gracht", house_number="7", postcode="3512 LN", city="Utrecht")
    await house.write(address=wanted)
    kept = records.PostalAddress(street="NIEUWE GRACHT", house_number="7", postcode="3512LN", city="Utrecht")
    medium = ContactMedium(record_id="a", owner="p1", kind=ContactKind.POSTAL_ADDRESS, address=kept)
    owner.held["contact_media"] = {"p1": [medium]}
    assert await house.after(3) is APPLIED


async def test_an_operation_whose_process_died_is_taken_over_when_its_lease_is_over(
    transactions: MemoryTransactions, clock: Days
) -> None:
    owner = an_owner(WriteSafety.IDEMPOTENCY_KEY)
    house = House(owner, transactions, clock)
    transactions.fails_after = 1  # the intent is kept, and then the process is gone
    assert (await house.write()).status is UNKNOWN
    transactions.is_down, transactions.fails_after = False, None
    assert await house.worker.look() == 0
    assert await house.after(11) is APPLIED
    assert len({act.key for _, act in owner.acts}) == 1
    assert [view.operation.state.value for view in house.settled] == ["APPLIED"]


async def test_an_input_is_destroyed_when_its_term_is_over_and_a_person_can_settle_it(
    transactions: MemoryTransactions, clock: Days
) -> None:
    owner = an_owner(WriteSafety.NONE)
    house = House(owner, transactions, clock)
    owner.refuses = "timeout"
    outcome = await house.write()
    await house.after(61)
    assert house.parked.count == 1
    await house.after(3 * 86_400)
    (operation,) = transactions.all("operations")
    (step,) = transactions.all("steps")
    assert (operation["state"], operation["parked"], operation["sealed_key"], step["sealed"]) == (
        "UNKNOWN",
        1,
        None,
        None,
    )
    context = CallContext(asyncio.get_running_loop().time() + 60)
    view = await house.writer.resolve(outcome.operation_id, 0, context, applied=True)
    assert view.operation.state.value == "APPLIED"
    assert len(owner.acts) == 1


async def test_an_operation_is_forgotten_when_its_time_is_over(transactions: MemoryTransactions, clock: Days) -> None:
    owner = an_owner(WriteSafety.IDEMPOTENCY_KEY)
    house = House(owner, transactions, clock)
    await house.write()
    clock.at += timedelta(days=7)
    await house.worker.look()
    assert transactions.all("operations") == []
    assert transactions.all("steps") == []
