"""Isolation: ten thousand callers with different rights over a warm cache, and mutants that let them meet."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any
from unittest.mock import patch

import pytest
from msgspec import structs
from tests.sources.shop import about
from tests.sources.test_cached import INVOICES, Kept, kept

from klantbeeld.sources.cached import CachedReads
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.questions import Question, SourceState, Subject

pytestmark = pytest.mark.asyncio

CALLERS = 10_000
RIGHTS = 40
CUSTOMERS = 5

Ask = Callable[[Question, CallContext], Any]


async def crossings(here: Kept, *, callers: int = CALLERS) -> tuple[int, int]:
    """Let callers ask among each other; count the answers that were fetched for others, and those that were kept.

    The shop numbers its answers, so each tells for whom it was fetched: who was answered live by it.
    """
    chance = Random(7)
    fetched_for: dict[str, tuple[str, str]] = {}
    wrong = served = 0
    for _ in range(callers // 100):
        asked = [(f"rights {chance.randrange(RIGHTS)}", f"c{chance.randrange(CUSTOMERS)}") for _ in range(100)]
        outcomes = await asyncio.gather(
            *(here.ask(about("invoices", customer), rights=rights) for rights, customer in asked)
        )
        for who, outcome in zip(asked, outcomes, strict=True):
            (record,) = outcome.records["invoices"][who[1]]
            served += outcome.state is SourceState.CACHED
            wrong += fetched_for.setdefault(record.number, who) != who  # type: ignore[attr-defined]
    return wrong, served


async def test_ten_thousand_callers_never_meet() -> None:
    async with kept() as here:
        wrong, served = await crossings(here)

        assert wrong == 0
        assert served >= CALLERS - RIGHTS * CUSTOMERS * 2
        assert RIGHTS * CUSTOMERS <= len(here.keeper.asked) < RIGHTS * CUSTOMERS * 2  # some ask before it is kept


def _without_rights(slots: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, question, context: slots(self, question, structs.replace(context, rights=""))


def _without_the_customer(name: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, asked, capability, members, _key, subject: name(
        self, asked, capability, members, "", Subject("", frozenset())
    )


@pytest.mark.parametrize(
    ("method", "mutate"), [("_slots", _without_rights), ("_name", _without_the_customer)], ids=["rights", "customer"]
)
async def test_a_key_that_leaves_out_who_it_is_for_is_caught(method: str, mutate: Callable[..., Any]) -> None:
    with patch.object(CachedReads, method, mutate(getattr(CachedReads, method))):
        async with kept() as here:
            wrong, _ = await crossings(here, callers=1_000)

    assert wrong > 0


def _without_members(name: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, asked, capability, _members, key, subject: name(
        self, asked, capability, frozenset(), key, subject
    )


async def test_a_key_that_leaves_out_the_members_is_caught() -> None:
    with patch.object(CachedReads, "_name", _without_members(CachedReads._name)):
        async with kept() as here:
            await here.ask(about("invoices", "c", members="version"))
            outcome = await here.ask(INVOICES)

    assert outcome.records["invoices"]["c"][0].number is None  # type: ignore[attr-defined]
