"""The writer: one act, one owner, one key, and an outcome that claims no more than is known."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.engine.memory import MemorySource, links_of

from klantbeeld.sdk import words
from klantbeeld.sdk.connector import Doing
from klantbeeld.sdk.mapping import Mapping as RecordMapping
from klantbeeld.sdk.records import Party
from klantbeeld.sdk.roles import CRM
from klantbeeld.sources.context import CallContext
from klantbeeld.writes.writer import Intent, Writer

CUSTOMER = "01900000-0000-7000-8000-000000000001"
OTHER = "01900000-0000-7000-8000-000000000002"
REPORT: Mapping[str, Any] = {"field": "Party.fullName", "description": "misspelt"}

pytestmark = pytest.mark.asyncio


def a_crm() -> MemorySource:
    kind: RecordMapping[Any] = RecordMapping(Party, Party, {})
    doings = {"report_data_error": Doing("report_data_error", words.WriteSafety.UNIQUE_REFERENCE, kind)}
    return MemorySource("crm", CRM, {}, doings=doings)


def a_writer(crm: MemorySource) -> Writer:
    sources: Any = {"crm": crm}
    return Writer(sources, declared={}, secret=b"s" * 32, new_id=iter(f"op-{number}" for number in range(9)).__next__)


def intent(customer: str = CUSTOMER, *, record_id: str = "p1", key: str | None = "k", caller: str = "i c s") -> Intent:
    return Intent(
        role=CRM,
        act="report_data_error",
        values=REPORT,
        customer=links_of(customer, crm=record_id),
        channel=words.Channel.APP,
        caller=caller,
        key=key,
    )


async def keys_of(*intents: Intent) -> list[str]:
    crm = a_crm()
    writer = a_writer(crm)
    for one in intents:
        await writer.write(one, CallContext(0))
    return [act.key for _, act in crm.acts]


async def test_the_same_request_has_the_same_key_again() -> None:
    first, again = await keys_of(intent(), intent())
    assert first == again


async def test_a_request_without_a_key_is_another_one_each_time() -> None:
    first, again = await keys_of(intent(key=None), intent(key=None))
    assert first != again


async def test_one_callers_key_is_not_anothers() -> None:
    first, other = await keys_of(intent(), intent(caller="i c t"))
    assert first != other


async def test_a_key_that_was_used_for_one_customer_is_a_new_one_for_another() -> None:
    first, other = await keys_of(intent(), intent(OTHER, record_id="p2"))
    assert first != other
