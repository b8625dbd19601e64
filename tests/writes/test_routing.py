"""Routing: one owner takes a write, or nobody is asked."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from tests.engine.memory import NOW, MemorySource, links_of
from tests.writes.memory import a_writer

from klantbeeld.errors import Unanswered
from klantbeeld.sdk import words
from klantbeeld.sdk.connector import Doing
from klantbeeld.sdk.mapping import Mapping as RecordMapping
from klantbeeld.sdk.records import Party
from klantbeeld.sdk.roles import COMPLAINTS, CRM, MARKETING, Role
from klantbeeld.settings import WriteSettings
from klantbeeld.sources.context import CallContext
from klantbeeld.writes.intents import Intent
from klantbeeld.writes.outcomes import WriteOutcome, WriteStatus
from klantbeeld.writes.versions import seal_version

ACT = "change_contact_details"
KIND: RecordMapping[Any] = RecordMapping(Party, Party, {})

pytestmark = pytest.mark.asyncio


def source(name: str, *acts: str, role: Role = CRM, refuses: str | None = None) -> MemorySource:
    doings = {act: Doing(act, words.WriteSafety.IF_MATCH, KIND, words.Guard.IF_MATCH) for act in acts}
    return MemorySource(name, role, {}, doings=doings, refuses=refuses)


async def write(
    *sources: MemorySource,
    declared: Mapping[str, str] | None = None,
    linked: tuple[str, ...] = ("crm", "second"),
    versions_of: str = "crm",
    **where: Any,
) -> WriteOutcome:
    opened: Any = {one.name: one for one in sources}
    writer = a_writer(opened, now=lambda: NOW, settings=WriteSettings(owners=dict(declared or {})))
    intent = Intent(
        mutation="changeContactDetails",
        role=CRM,
        act=ACT,
        values={"email": "a@example.nl"},
        customer=links_of("c", **dict.fromkeys(linked, "p1")),
        channel=words.Channel.APP,
        caller="i c s",
        key="k",
        expected=seal_version(versions_of, "v7"),
        **where,
    )
    return await writer.write(intent, CallContext(asyncio.get_running_loop().time() + 60))


async def refusal(*sources: MemorySource, **more: Any) -> tuple[str, str | None]:
    with pytest.raises(Unanswered) as raised:
        await write(*sources, **more)
    assert all(one.acts == [] for one in sources), "something was sent"
    return raised.value.reason, raised.value.source_name


async def test_the_only_source_that_can_do_it_is_the_owner() -> None:
    able, unable = source("crm", ACT), source("second", "report_data_error")
    outcome = await write(able, unable)

    assert [(step.source, step.status) for step in outcome.steps] == [("crm", WriteStatus.APPLIED)]
    ((name, act),) = able.acts
    assert name == ACT
    assert (act.customer, act.expected, act.channel) == ("p1", "v7", words.Channel.APP)
    assert unable.acts == []


async def test_nobody_owns_what_no_source_is_for() -> None:
    assert await refusal(source("mail", ACT, role=MARKETING)) == ("OWNER_UNKNOWN", None)


async def test_a_role_that_cannot_do_it_says_so() -> None:
    assert await refusal(source("crm", "report_data_error")) == ("NOT_SUPPORTED", "crm")


async def test_two_owners_are_none() -> None:
    assert await refusal(source("crm", ACT), source("second", ACT)) == ("OWNER_AMBIGUOUS", None)


async def test_the_settings_name_the_owner_among_several() -> None:
    first, second = source("crm", ACT), source("second", ACT)
    outcome = await write(first, second, declared={ACT: "second"}, versions_of="second")

    assert [step.source for step in outcome.steps] == ["second"]
    assert first.acts == []


async def test_an_owner_that_is_named_and_cannot_do_it_says_so() -> None:
    reason = await refusal(source("crm", ACT), source("second"), declared={ACT: "second"})
    assert reason == ("NOT_SUPPORTED", "second")


async def test_an_owner_that_does_not_know_the_customer_is_sent_nothing() -> None:
    assert await refusal(source("crm", ACT), linked=("second",)) == ("NOT_LINKED", "crm")


async def test_a_record_is_changed_where_it_is_at_home() -> None:
    first, second = source("crm", ACT), source("second", ACT)
    outcome = await write(first, second, source="second", holder="p1", versions_of="second")

    assert [step.source for step in outcome.steps] == ["second"]


@pytest.mark.parametrize(("home", "expected"), [("nowhere", "OWNER_UNKNOWN"), ("second", "NOT_SUPPORTED")])
async def test_a_home_that_is_not_there_or_cannot_do_it_is_sent_nothing(home: str, expected: str) -> None:
    reason, _ = await refusal(source("crm", ACT), source("second"), source=home, holder="p1")
    assert reason == expected


async def test_a_record_does_not_choose_a_source_of_another_role() -> None:
    """An id names the complaints system, and the act is one of the CRM."""
    stranger = source("second", ACT, role=COMPLAINTS)
    reason, _ = await refusal(source("crm", ACT), stranger, source="second", holder="p1")
    assert reason in {"OWNER_UNKNOWN", "NOT_SUPPORTED"}


@pytest.mark.parametrize(
    ("refuses", "status", "code"),
    [
        ("conflict", WriteStatus.NOT_APPLIED, "CONFLICT"),
        ("rejected", WriteStatus.NOT_APPLIED, "SOURCE_REJECTED"),
        ("refused", WriteStatus.NOT_APPLIED, "SOURCE_REFUSED"),
        ("timeout", WriteStatus.UNKNOWN, "SOURCE_TIMEOUT"),
        ("timeout!", WriteStatus.NOT_APPLIED, "SOURCE_TIMEOUT"),
        ("unavailable", WriteStatus.UNKNOWN, "SOURCE_UNAVAILABLE"),
        ("unavailable!", WriteStatus.NOT_APPLIED, "SOURCE_UNAVAILABLE"),
        ("invalid", WriteStatus.UNKNOWN, "SOURCE_INVALID_ANSWER"),
    ],
)
async def test_a_lost_answer_is_not_known_and_a_refusal_is(refuses: str, status: WriteStatus, code: str) -> None:
    owner = source("crm", ACT, refuses=refuses)
    outcome = await write(owner)

    (step,) = outcome.steps
    assert (outcome.status, step.status, step.code) == (status, status, code)
    assert (step.record_id, step.version) == (None, None)
    assert len(owner.acts) == 1, "a write is sent once"
