"""Steps that follow: the next intent is durable with what came of the step before, and never holds that up."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs
from tests.engine.memory import NOW, MemorySource
from tests.writes.memory import Days, MemoryTransactions, a_writer

from klantbeeld.errors import StoreError
from klantbeeld.sdk import words
from klantbeeld.sdk.acts import Act, ReportDataError
from klantbeeld.sdk.connector import Doing
from klantbeeld.sdk.mapping import Mapping as RecordMapping
from klantbeeld.sdk.records import Party
from klantbeeld.sdk.roles import CRM
from klantbeeld.sdk.words import Guard, WriteSafety
from klantbeeld.sources.context import CallContext
from klantbeeld.store.transactions import Unit
from klantbeeld.writes.outcomes import WriteOutcome, WriteStatus
from klantbeeld.writes.planning import Done, Extensions, Order, PlannedStep, Prepared, Waiting
from klantbeeld.writes.rows import OperationRow, OperationView, StepRow
from klantbeeld.writes.states import Policy
from klantbeeld.writes.writer import Writer

ACT = "report_data_error"
CUSTOMER = "01900000-0000-7000-8000-000000000001"
KIND: RecordMapping[Any] = RecordMapping(Party, Party, {})

pytestmark = pytest.mark.asyncio


@dataclass
class Reader:
    """Prepares steps: notes what was done by then, and waits for the gate where there is one.

    `breaks_at` is the step over which it breaks, as code that is wrong does, or a process that dies. `undoes` says that
    it knows how the first is undone.
    """

    sources: dict[str, MemorySource]
    gate: asyncio.Event | None = None
    breaks_at: int | None = None
    undoes: bool = False
    done_before: dict[int, int] = field(default_factory=dict)

    async def prepare(self, view: OperationView, step: StepRow, act: Act, context: CallContext, /) -> Prepared:
        self.done_before[step.seq] = sum(len(source.acts) for source in self.sources.values())
        if self.gate is not None and step.seq:
            await self.gate.wait()
        if step.seq == self.breaks_at:
            raise ValueError("made up")
        undo = PlannedStep(act=ACT, source=step.source, role=CRM.name, payload=act)
        return Prepared(act, undo=undo if self.undoes and step.seq == 0 else None)


def a_source(name: str, safety: WriteSafety = WriteSafety.IDEMPOTENCY_KEY) -> MemorySource:
    return MemorySource(name, CRM, {}, doings={ACT: Doing(ACT, safety, KIND, Guard.NONE)})


@pytest.fixture
def transactions() -> Iterator[MemoryTransactions]:
    made = MemoryTransactions()
    yield made
    made.close()


def order(*names: str) -> Order:
    act = ReportDataError(customer="p1", key="", channel=words.Channel.APP, field="name", description="misspelt")
    steps = tuple(PlannedStep(act=ACT, source=name, role=CRM.name, payload=act, prepare="read") for name in names)
    return Order(
        mutation="reportEverywhere",
        customer_id=CUSTOMER,
        channel=words.Channel.APP,
        caller="i c s",
        asked={},
        steps=steps,
        key="k",
    )


def writer_over(reader: Reader, transactions: MemoryTransactions, clock: Days | None = None) -> Writer:
    extensions = Extensions(preparers={"read": reader})
    return a_writer(reader.sources, now=clock or Days(NOW), transactions=transactions, extensions=extensions)


async def carry_out(writer: Writer, wanted: Order) -> WriteOutcome:
    return await writer.carry_out(wanted, CallContext(asyncio.get_running_loop().time() + 60))


async def test_a_write_to_one_system_takes_two_transactions(transactions: MemoryTransactions) -> None:
    reader = Reader({"crm": a_source("crm")})
    outcome = await carry_out(writer_over(reader, transactions), order("crm"))
    assert outcome.status is WriteStatus.APPLIED
    assert transactions.written == 2


async def test_each_further_system_takes_one_more(transactions: MemoryTransactions) -> None:
    reader = Reader({name: a_source(name) for name in ("crm", "billing", "marketing")})
    outcome = await carry_out(writer_over(reader, transactions), order("crm", "billing", "marketing"))
    assert outcome.status is WriteStatus.APPLIED
    assert [len(source.acts) for source in reader.sources.values()] == [1, 1, 1]
    assert transactions.written == 4


async def test_what_nobody_could_find_out_again_is_kept_before_the_next_step_is_ready(
    transactions: MemoryTransactions,
) -> None:
    reader = Reader({"crm": a_source("crm", WriteSafety.NONE), "billing": a_source("billing")}, asyncio.Event())
    asked = asyncio.create_task(carry_out(writer_over(reader, transactions), order("crm", "billing")))
    while not reader.sources["crm"].acts:  # noqa: ASYNC110 - the source sets no event
        await asyncio.sleep(0)
    for _ in range(5):
        await asyncio.sleep(0)
    assert [step["state"] for step in transactions.all("steps")] == ["APPLIED", "PENDING"]
    assert reader.gate is not None
    reader.gate.set()
    assert (await asked).status is WriteStatus.APPLIED
    assert len(reader.sources["billing"].acts) == 1


async def test_a_step_at_the_same_system_is_read_for_after_the_one_before(transactions: MemoryTransactions) -> None:
    reader = Reader({"crm": a_source("crm")})
    await carry_out(writer_over(reader, transactions), order("crm", "crm"))
    assert reader.done_before == {0: 0, 1: 1}


async def test_a_step_that_was_got_ready_is_not_sent_where_the_one_before_was_refused(
    transactions: MemoryTransactions,
) -> None:
    reader = Reader({name: a_source(name) for name in ("crm", "billing")})
    reader.sources["crm"].refuses = "rejected"
    outcome = await carry_out(writer_over(reader, transactions), order("crm", "billing"))
    assert outcome.status is WriteStatus.NOT_APPLIED
    assert reader.sources["billing"].acts == []
    assert [step["state"] for step in transactions.all("steps")] == ["NOT_APPLIED", "SKIPPED"]


async def test_a_step_that_cannot_be_got_ready_is_tried_in_its_turn(transactions: MemoryTransactions) -> None:
    reader = Reader({name: a_source(name) for name in ("crm", "billing")})
    writer = writer_over(reader, transactions)
    del reader.sources["billing"].doings[ACT]
    outcome = await carry_out(writer, order("crm", "billing"))
    assert [step.status for step in outcome.steps] == [WriteStatus.APPLIED, WriteStatus.NOT_APPLIED]


async def test_what_came_of_a_step_is_kept_where_getting_the_next_ready_breaks(
    transactions: MemoryTransactions,
) -> None:
    reader = Reader({name: a_source(name) for name in ("crm", "billing")}, breaks_at=1)
    with pytest.raises(ValueError, match="made up"):
        await carry_out(writer_over(reader, transactions), order("crm", "billing"))
    assert [step["state"] for step in transactions.all("steps")][:2] == ["APPLIED", "PENDING"]


async def test_an_owners_memory_of_a_key_counts_from_the_first_time_that_a_step_was_sent(
    transactions: MemoryTransactions,
) -> None:
    reader = Reader({name: a_source(name) for name in ("crm", "billing")})
    onwards = structs.replace(order("crm", "billing"), policy=Policy.FORWARD)
    clock = Days(NOW)
    writer = writer_over(reader, transactions, clock)
    for source in reader.sources.values():
        source.refuses = "refused"
    assert (await carry_out(writer, onwards)).status is WriteStatus.UNKNOWN
    first = [step["first_sent_at"] for step in transactions.all("steps")]
    for source in reader.sources.values():
        source.refuses = None
    clock.at += timedelta(hours=1)
    assert (await carry_out(writer, onwards)).status is WriteStatus.APPLIED
    assert [step["first_sent_at"] for step in transactions.all("steps")] == first


async def test_of_a_step_that_was_done_at_a_later_try_nothing_is_kept_of_the_earlier_refusal(
    transactions: MemoryTransactions,
) -> None:
    reader = Reader({name: a_source(name) for name in ("crm", "billing")})
    onwards = structs.replace(order("crm", "billing"), policy=Policy.FORWARD)
    clock = Days(NOW)
    writer = writer_over(reader, transactions, clock)
    reader.sources["billing"].refuses = "unavailable!"
    assert (await carry_out(writer, onwards)).status is WriteStatus.UNKNOWN
    refused = transactions.all("steps")[1]
    assert (refused["state"], refused["code"], refused["passing"]) == ("NOT_APPLIED", "SOURCE_UNAVAILABLE", 1)
    reader.sources["billing"].refuses = None
    clock.at += timedelta(hours=1)
    assert (await carry_out(writer, onwards)).status is WriteStatus.APPLIED
    done = transactions.all("steps")[1]
    assert (done["state"], done["code"], done["passing"]) == ("APPLIED", None, 0)


async def test_an_operation_that_was_resumed_and_left_again_still_undoes_what_it_did(
    transactions: MemoryTransactions,
) -> None:
    reader = Reader({name: a_source(name) for name in ("crm", "billing")}, undoes=True)
    clock = Days(NOW)
    writer = writer_over(reader, transactions, clock)
    reader.sources["crm"].refuses = "unavailable!"
    assert (await carry_out(writer, order("crm", "billing"))).status is WriteStatus.NOT_APPLIED
    reader.sources["crm"].refuses = None
    reader.breaks_at = 1
    with pytest.raises(ValueError, match="made up"):
        await carry_out(writer, order("crm", "billing"))
    reader.breaks_at = None
    reader.sources["billing"].refuses = "rejected"
    clock.at += timedelta(hours=1)
    outcome = await carry_out(writer, order("crm", "billing"))
    assert outcome.status is WriteStatus.COMPENSATED
    assert len(reader.sources["crm"].acts) == 3  # refused, done, and undone


@dataclass
class Looker:
    """Handles steps of the kind `look`: counts how often it was asked, waits for the gate where there is one.

    What it gives to be written along fails as long as `is_spoiled`.
    """

    gate: asyncio.Event | None = None
    is_spoiled: bool = False
    times: int = 0

    async def take(self, operation: OperationRow, step: StepRow, payload: bytes, /) -> Done | Waiting:
        self.times += 1
        if self.gate is not None:
            await self.gate.wait()
        return Done(applied=True, also=self._also())

    def _also(self) -> Unit[None]:
        yield "SELECT 1", ()
        if self.is_spoiled:
            self.is_spoiled = False
            raise StoreError("made up")


def with_a_look(transactions: MemoryTransactions, looker: Looker, safety: WriteSafety) -> tuple[Writer, Order]:
    extensions = Extensions(
        handlers={"look": looker}, reading=frozenset({"look"}), preparers={"read": Reader({"crm": a_source("crm")})}
    )
    writer = a_writer({"crm": a_source("crm", safety)}, now=Days(NOW), transactions=transactions, extensions=extensions)
    asked = order("crm")
    return writer, structs.replace(asked, steps=(*asked.steps, PlannedStep(kind="look", act="look", payload={})))


def states(transactions: MemoryTransactions) -> list[str]:
    return [step["state"] for step in transactions.all("steps")]


async def test_a_step_that_only_reads_ends_in_the_transaction_of_the_one_before(
    transactions: MemoryTransactions,
) -> None:
    looker = Looker()
    outcome = await carry_out(*with_a_look(transactions, looker, WriteSafety.IDEMPOTENCY_KEY))
    assert outcome.status is WriteStatus.APPLIED
    assert (states(transactions), transactions.written, looker.times) == (["APPLIED", "APPLIED"], 2, 1)


@pytest.mark.parametrize("safety", [WriteSafety.NONE, WriteSafety.IDEMPOTENCY_KEY])
async def test_what_came_of_a_step_does_not_wait_for_one_that_reads_slowly(
    transactions: MemoryTransactions, safety: WriteSafety
) -> None:
    looker = Looker(asyncio.Event())
    asked = asyncio.create_task(carry_out(*with_a_look(transactions, looker, safety)))
    while states(transactions) != ["APPLIED", "PENDING"]:  # noqa: ASYNC110 - the journal sets no event
        await asyncio.sleep(0.001)
    assert looker.gate is not None
    looker.gate.set()
    assert (await asked).status is WriteStatus.APPLIED
    assert (states(transactions), looker.times) == (["APPLIED", "APPLIED"], 1)


async def test_what_came_of_a_step_is_kept_where_what_belongs_to_the_next_cannot_be_written(
    transactions: MemoryTransactions,
) -> None:
    looker = Looker(is_spoiled=True)
    outcome = await carry_out(*with_a_look(transactions, looker, WriteSafety.IDEMPOTENCY_KEY))
    assert outcome.status is WriteStatus.APPLIED
    assert (states(transactions), looker.times) == (["APPLIED", "APPLIED"], 2)


async def test_a_step_that_only_reads_is_not_done_where_the_one_before_was_refused(
    transactions: MemoryTransactions,
) -> None:
    looker = Looker()
    writer, asked = with_a_look(transactions, looker, WriteSafety.IDEMPOTENCY_KEY)
    source: Any = writer._parts.sources["crm"]
    source.refuses = "rejected"
    outcome = await carry_out(writer, asked)
    assert outcome.status is WriteStatus.NOT_APPLIED
    assert (states(transactions), looker.times) == (["NOT_APPLIED", "SKIPPED"], 0)
