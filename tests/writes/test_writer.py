"""The writer: one act, one owner, once for each key, and an outcome that claims no more than is known."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from tests.engine.memory import NOW, MemorySource, links_of
from tests.writes.memory import Days, MemoryTransactions, a_writer

from klantbeeld.errors import KeyRefused, Overloaded, Unanswered
from klantbeeld.sdk import words
from klantbeeld.sdk.acts import Act
from klantbeeld.sdk.connector import Doing
from klantbeeld.sdk.manifest import Remembers
from klantbeeld.sdk.mapping import Mapping as RecordMapping
from klantbeeld.sdk.records import Party
from klantbeeld.sdk.roles import CRM
from klantbeeld.sdk.words import Guard, WriteSafety
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.conversation import Written
from klantbeeld.writes.intents import Intent
from klantbeeld.writes.outcomes import WriteOutcome, WriteStatus
from klantbeeld.writes.writer import Writer

CUSTOMER = "01900000-0000-7000-8000-000000000001"
OTHER = "01900000-0000-7000-8000-000000000002"
REPORT: Mapping[str, Any] = {"field": "Party.fullName", "description": "misspelt"}
KIND: RecordMapping[Any] = RecordMapping(Party, Party, {})

pytestmark = pytest.mark.asyncio


def a_crm(safety: WriteSafety = WriteSafety.IDEMPOTENCY_KEY, **more: Any) -> MemorySource:
    doings = {"report_data_error": Doing("report_data_error", safety, KIND, Guard.NONE)}
    remembers = Remembers(idempotency_key_hours=24, longest_execution_seconds=60)
    return MemorySource("crm", CRM, {}, doings=doings, remembers=remembers, **more)


@pytest.fixture
def transactions() -> Iterator[MemoryTransactions]:
    made = MemoryTransactions()
    yield made
    made.close()


@pytest.fixture
def clock() -> Days:
    return Days(NOW)


def writer_over(crm: MemorySource, transactions: MemoryTransactions, clock: Days, **more: Any) -> Writer:
    sources: Any = {"crm": crm}
    return a_writer(sources, now=clock, transactions=transactions, **more)


def intent(customer: str = CUSTOMER, *, record_id: str = "p1", key: str | None = "k", **more: Any) -> Intent:
    given: dict[str, Any] = {"caller": "i c s", "values": REPORT, "mutation": "reportDataError", **more}
    return Intent(
        role=CRM,
        act="report_data_error",
        customer=links_of(customer, crm=record_id),
        channel=words.Channel.APP,
        key=key,
        **given,
    )


def soon() -> CallContext:
    return CallContext(asyncio.get_running_loop().time() + 60)


async def ask(writer: Writer, wanted: Intent) -> WriteOutcome:
    return await writer.write(wanted, soon())


async def test_the_same_key_and_input_is_sent_once_and_answered_alike(
    transactions: MemoryTransactions, clock: Days
) -> None:
    crm = a_crm()
    writer = writer_over(crm, transactions, clock)
    first, again = await ask(writer, intent()), await ask(writer, intent())
    assert first == again
    assert first.status is WriteStatus.APPLIED
    assert len(crm.acts) == 1


async def test_another_input_under_the_same_key_is_refused(transactions: MemoryTransactions, clock: Days) -> None:
    crm = a_crm()
    writer = writer_over(crm, transactions, clock)
    await ask(writer, intent())
    with pytest.raises(KeyRefused) as refused:
        await ask(writer, intent(values={**REPORT, "description": "other"}))
    assert (refused.value.reason, refused.value.status) == ("IDEMPOTENCY_KEY_REUSED", 422)
    assert len(crm.acts) == 1


async def test_a_key_for_another_customer_is_another_input(transactions: MemoryTransactions, clock: Days) -> None:
    crm = a_crm()
    writer = writer_over(crm, transactions, clock)
    await ask(writer, intent())
    with pytest.raises(KeyRefused):
        await ask(writer, intent(OTHER, record_id="p2"))


@pytest.mark.parametrize("other", [{"caller": "i c t"}, {"mutation": "recordInteraction"}])
async def test_a_key_belongs_to_its_caller_and_mutation(
    other: dict[str, str], transactions: MemoryTransactions, clock: Days
) -> None:
    crm = a_crm()
    writer = writer_over(crm, transactions, clock)
    await ask(writer, intent())
    await ask(writer, intent(**other))
    assert len(crm.acts) == 2
    assert len({act.key for _, act in crm.acts}) == 2


async def test_a_request_without_a_key_is_another_one_each_time(transactions: MemoryTransactions, clock: Days) -> None:
    crm = a_crm()
    writer = writer_over(crm, transactions, clock)
    await ask(writer, intent(key=None))
    await ask(writer, intent(key=None))
    assert len({act.key for _, act in crm.acts}) == 2


async def test_step_keys_are_the_same_after_a_loss_of_the_journal(clock: Days) -> None:
    keys = []
    for _ in range(2):
        crm, transactions = a_crm(), MemoryTransactions()
        await ask(writer_over(crm, transactions, clock), intent())
        transactions.close()
        keys.append(crm.acts[0][1].key)
    assert keys[0] == keys[1]


async def test_an_operation_in_progress_is_a_conflict_that_passes(
    transactions: MemoryTransactions, clock: Days
) -> None:
    crm = a_crm()
    begun, goes_on = asyncio.Event(), asyncio.Event()

    async def slow(name: str, act: Act, context: CallContext) -> Written:
        begun.set()
        await goes_on.wait()
        return Written("r1", None)

    crm.act = slow  # type: ignore[method-assign]  # an owner that takes its time
    writer = writer_over(crm, transactions, clock)
    first = asyncio.ensure_future(ask(writer, intent()))
    await begun.wait()
    with pytest.raises(Overloaded) as refused:
        await ask(writer, intent())
    assert (refused.value.reason, refused.value.status, refused.value.retry_after) == ("OPERATION_IN_PROGRESS", 409, 1)
    goes_on.set()
    assert (await first).status is WriteStatus.APPLIED


async def test_a_passing_failure_is_not_frozen(transactions: MemoryTransactions, clock: Days) -> None:
    crm = a_crm(refuses="unavailable!")
    writer = writer_over(crm, transactions, clock)
    first = await ask(writer, intent())
    crm.refuses = None
    again = await ask(writer, intent())
    assert (first.status, again.status) == (WriteStatus.NOT_APPLIED, WriteStatus.APPLIED)
    assert first.operation_id == again.operation_id
    assert len({act.key for _, act in crm.acts}) == 1


@pytest.mark.parametrize("refuses", ["rejected", "conflict"])
async def test_a_refusal_by_the_owners_rules_is_the_answer_for_good(
    refuses: str, transactions: MemoryTransactions, clock: Days
) -> None:
    crm = a_crm(refuses=refuses)
    writer = writer_over(crm, transactions, clock)
    first = await ask(writer, intent())
    crm.refuses = None
    assert await ask(writer, intent()) == first
    assert first.status is WriteStatus.NOT_APPLIED
    assert len(crm.acts) == 1


async def test_a_lost_answer_is_settled_by_the_owners_key_when_it_is_asked_again(
    transactions: MemoryTransactions, clock: Days
) -> None:
    crm = a_crm(refuses="timeout")
    writer = writer_over(crm, transactions, clock)
    assert (await ask(writer, intent())).status is WriteStatus.UNKNOWN
    crm.refuses = None
    assert (await ask(writer, intent())).status is WriteStatus.APPLIED
    assert len({act.key for _, act in crm.acts}) == 1


async def test_a_lost_answer_of_an_owner_without_any_safety_is_not_sent_again(
    transactions: MemoryTransactions, clock: Days
) -> None:
    crm = a_crm(WriteSafety.NONE, refuses="timeout")
    writer = writer_over(crm, transactions, clock)
    await ask(writer, intent())
    crm.refuses = None
    clock.at += timedelta(days=1)
    assert (await ask(writer, intent())).status is WriteStatus.UNKNOWN
    assert len(crm.acts) == 1
    (parked,) = await writer.parked(first=10)
    assert parked.operation.parked


async def test_nothing_is_sent_when_the_journal_cannot_be_written(
    transactions: MemoryTransactions, clock: Days
) -> None:
    crm = a_crm()
    transactions.is_down = True
    with pytest.raises(Overloaded) as refused:
        await ask(writer_over(crm, transactions, clock), intent())
    assert (refused.value.reason, refused.value.status) == ("JOURNAL_UNAVAILABLE", 503)
    assert crm.acts == []


async def test_nobody_is_told_what_could_not_be_kept(transactions: MemoryTransactions, clock: Days) -> None:
    crm = a_crm()
    writer = writer_over(crm, transactions, clock)
    transactions.fails_after = 1  # the intent is kept, what came of it is not
    outcome = await ask(writer, intent())
    assert outcome.status is WriteStatus.UNKNOWN
    assert [step.code for step in outcome.steps] == ["JOURNAL_UNAVAILABLE"]
    transactions.is_down, transactions.fails_after = False, None
    clock.at += timedelta(seconds=11)
    assert (await ask(writer, intent())).status is WriteStatus.APPLIED


async def test_an_operation_that_is_over_has_no_input_any_more(transactions: MemoryTransactions, clock: Days) -> None:
    await ask(writer_over(a_crm(), transactions, clock), intent())
    (operation,), (step,) = transactions.all("operations"), transactions.all("steps")
    assert (operation["sealed_key"], step["sealed"]) == (None, None)
    assert "misspelt" not in repr((operation, step))


async def test_an_input_that_is_kept_cannot_be_read_in_the_store(transactions: MemoryTransactions, clock: Days) -> None:
    await ask(writer_over(a_crm(refuses="timeout"), transactions, clock), intent())
    (step,) = transactions.all("steps")
    assert step["sealed"] is not None
    assert b"misspelt" not in step["sealed"]


async def test_a_key_can_be_used_again_when_its_operation_has_expired(
    transactions: MemoryTransactions, clock: Days
) -> None:
    crm = a_crm()
    writer = writer_over(crm, transactions, clock)
    first = await ask(writer, intent())
    assert first.expires_at == NOW + timedelta(days=7)
    clock.at += timedelta(days=7)
    again = await ask(writer, intent(values={**REPORT, "description": "other"}))
    assert again.operation_id != first.operation_id
    assert len(crm.acts) == 2


async def test_a_version_is_not_expected_where_the_owner_has_none(
    transactions: MemoryTransactions, clock: Days
) -> None:
    crm = a_crm()
    with pytest.raises(Unanswered) as refused:
        await ask(writer_over(crm, transactions, clock), intent(expected="v1"))
    assert refused.value.reason == "VERSION_NOT_SUPPORTED"
    assert crm.acts == []
