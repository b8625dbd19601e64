"""Telling: what a write changed is told in the transaction that keeps it, or after it where the log is elsewhere."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from tests.engine.memory import NOW, MemorySource, links_of
from tests.writes.memory import Days, MemoryTransactions, a_writer

from klantbeeld.errors import StoreError
from klantbeeld.sdk import words
from klantbeeld.sdk.connector import Doing
from klantbeeld.sdk.manifest import Remembers
from klantbeeld.sdk.mapping import Mapping as RecordMapping
from klantbeeld.sdk.records import Party
from klantbeeld.sdk.roles import CRM
from klantbeeld.sdk.words import Guard, WriteSafety
from klantbeeld.sources.context import CallContext
from klantbeeld.store.transactions import Unit
from klantbeeld.writes.intents import Intent
from klantbeeld.writes.outcomes import WriteOutcome, WriteStatus
from klantbeeld.writes.rows import OperationRow, StepRow
from klantbeeld.writes.writer import Writer

ACT = "report_data_error"
KIND: RecordMapping[Any] = RecordMapping(Party, Party, {})
STEPS_DONE = "SELECT count(*) FROM steps WHERE state = 'APPLIED'"

pytestmark = pytest.mark.asyncio


@dataclass
class Log:
    """A log of changes; in the store with `is_stored`. `number` counts, and a broken one cannot be written."""

    is_stored: bool
    is_broken: bool = False
    numbers: list[int | None] = field(default_factory=list)

    def __call__(self, operation: OperationRow, step: StepRow) -> "Log":
        return self

    def writing(self) -> Unit[int] | None:
        return self._written() if self.is_stored else None

    async def told(self, number: int | None = None) -> str:
        if self.is_broken:
            raise StoreError("made up")
        self.numbers.append(number)
        return f"token-{len(self.numbers)}"

    def _written(self) -> Unit[int]:
        ((done,),) = yield STEPS_DONE, ()
        if self.is_broken:
            raise StoreError("made up")
        return int(done) + 100


@pytest.fixture
def transactions() -> Iterator[MemoryTransactions]:
    made = MemoryTransactions()
    yield made
    made.close()


def a_crm() -> MemorySource:
    doings = {ACT: Doing(ACT, WriteSafety.IDEMPOTENCY_KEY, KIND, Guard.NONE)}
    return MemorySource("crm", CRM, {}, doings=doings, remembers=Remembers(idempotency_key_hours=24))


def writer_over(log: Log, crm: MemorySource, transactions: MemoryTransactions, clock: Days) -> Writer:
    return a_writer({"crm": crm}, now=clock, transactions=transactions, changed=log)


async def ask(writer: Writer) -> WriteOutcome:
    intent = Intent(
        mutation="reportDataError",
        role=CRM,
        act=ACT,
        values={"field": "name", "description": "misspelt"},
        customer=links_of("01900000-0000-7000-8000-000000000001", crm="p1"),
        channel=words.Channel.APP,
        caller="i c s",
        key="k",
    )
    return await writer.write(intent, CallContext(asyncio.get_running_loop().time() + 60))


async def test_it_is_told_in_the_transaction_that_keeps_what_came_of_the_step(transactions: MemoryTransactions) -> None:
    log = Log(is_stored=True)
    outcome = await ask(writer_over(log, a_crm(), transactions, Days(NOW)))
    assert (outcome.status, outcome.consistency_token) == (WriteStatus.APPLIED, "token-1")
    assert log.numbers == [101]
    assert transactions.written == 2


async def test_what_cannot_be_told_in_the_store_is_not_kept_either(transactions: MemoryTransactions) -> None:
    outcome = await ask(writer_over(Log(is_stored=True, is_broken=True), a_crm(), transactions, Days(NOW)))
    assert outcome.status is WriteStatus.UNKNOWN
    assert [step["state"] for step in transactions.all("steps")] == ["SENDING"]


async def test_a_log_elsewhere_is_told_after_it_is_kept(transactions: MemoryTransactions) -> None:
    log = Log(is_stored=False)
    outcome = await ask(writer_over(log, a_crm(), transactions, Days(NOW)))
    assert (outcome.status, outcome.consistency_token, log.numbers) == (WriteStatus.APPLIED, "token-1", [None])


async def test_a_write_stands_where_a_log_elsewhere_cannot_be_told(transactions: MemoryTransactions) -> None:
    outcome = await ask(writer_over(Log(is_stored=False, is_broken=True), a_crm(), transactions, Days(NOW)))
    assert (outcome.status, outcome.consistency_token) == (WriteStatus.APPLIED, None)


async def test_nobody_is_told_of_what_was_not_applied(transactions: MemoryTransactions) -> None:
    log, crm = Log(is_stored=True), a_crm()
    crm.refuses = "rejected"
    assert (await ask(writer_over(log, crm, transactions, Days(NOW)))).status is WriteStatus.NOT_APPLIED
    assert log.numbers == []


async def test_whoever_takes_over_tells_again_of_all_of_it(transactions: MemoryTransactions) -> None:
    log, crm, clock = Log(is_stored=False), a_crm(), Days(NOW)
    crm.refuses = "timeout"
    first = await ask(writer_over(log, crm, transactions, clock))
    assert (first.status, log.numbers) == (WriteStatus.UNKNOWN, [None])
    crm.refuses = None
    clock.at += timedelta(minutes=1)
    assert (await ask(writer_over(log, crm, transactions, clock))).status is WriteStatus.APPLIED
    assert log.numbers == [None, None, None]
