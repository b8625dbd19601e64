"""What we keep ourselves, asked like a source."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from tests.engine.house import CUSTOMER
from tests.engine.memory import MemoryRegister

from klantbeeld.engine.register import OwnRegister
from klantbeeld.errors import StoreError
from klantbeeld.graph.data_use import Disclosure, Granted
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.questions import Question, SourceState, Subject

HERE = Question({CUSTOMER: Subject(CUSTOMER, frozenset({CUSTOMER}))}, {"grants": frozenset()}, {})


class NeverAnswers:
    async def disclosures(self, customer_id: str, /) -> Sequence[Disclosure]:
        await asyncio.Event().wait()
        return []

    async def grants(self, customer_id: str, /) -> Sequence[Granted]:
        await asyncio.Event().wait()
        return []


def within(seconds: float) -> CallContext:
    return CallContext(asyncio.get_running_loop().time() + seconds)


@pytest.mark.asyncio
async def test_a_store_that_fails_is_unavailable() -> None:
    register = OwnRegister(MemoryRegister(problem=StoreError("down")), [])
    assert (await register.ask(HERE, within(5))).state is SourceState.UNAVAILABLE


@pytest.mark.asyncio
async def test_a_store_that_does_not_answer_in_time_is_left() -> None:
    assert (await OwnRegister(NeverAnswers(), []).ask(HERE, within(0.01))).state is SourceState.TIMEOUT


@pytest.mark.asyncio
async def test_it_goes_by_no_name_that_a_source_could_have() -> None:
    register: Any = OwnRegister(MemoryRegister(), [])
    assert register.name == ""
    assert register.roles == {"REGISTER"}
