"""What we keep ourselves of a customer, asked like a source: who received data, who may, and where it is held."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from klantbeeld.errors import StoreError
from klantbeeld.graph.data_use import REGISTER, Disclosure, Granted, Holding
from klantbeeld.sdk.connector import Reading
from klantbeeld.sdk.records import Record
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.questions import Outcome, Question, SourceState
from klantbeeld.sources.source import Source


class Register(Protocol):
    """What is kept of a customer above this room; `app.py` brings it."""

    async def disclosures(self, customer_id: str, /) -> Sequence[Disclosure]:
        """Return who received or changed data of a customer, newest first; raises StoreError."""
        ...

    async def grants(self, customer_id: str, /) -> Sequence[Granted]:
        """Return what a customer lets partners receive; raises StoreError."""
        ...


class OwnRegister:
    """Answers for the register; lives as long as the engine.

    It has no name, so no list of sources and no trail shows it, and it knows customers by their own ids.
    """

    name = ""
    roles = frozenset({REGISTER.name})

    def __init__(self, register: Register, sources: Iterable[Source]) -> None:
        self.readings: Mapping[str, Reading] = {call: Reading(call, (), call) for call in REGISTER.reads}
        self._register = register
        self._holdings = [_holding(source) for source in sources]

    async def ask(self, question: Question, context: CallContext) -> Outcome:
        """Answer a question about one customer; what goes wrong is in the outcome."""
        (call,), (customer_id,) = question.members, question.keys
        if context.ageing is not None:
            context.ageing.forbid()
        try:
            async with asyncio.timeout_at(context.deadline):
                found = await self._read(call, customer_id)
        except TimeoutError:
            return Outcome(SourceState.TIMEOUT)
        except StoreError:
            return Outcome(SourceState.UNAVAILABLE)
        return Outcome(SourceState.OK, {call: {customer_id: list(found)}})

    async def _read(self, call: str, customer_id: str) -> Sequence[Record]:
        if call == "disclosures":
            return await self._register.disclosures(customer_id)
        if call == "grants":
            return await self._register.grants(customer_id)
        return self._holdings


def _holding(source: Source) -> Holding:
    return Holding(
        record_id=source.name,
        source=source.name,
        roles=sorted(source.roles),
        categories=list(source.categories),
        hosted_in=source.settings.hosted_in,
        processor=source.settings.processor,
        retention=source.settings.retention,
    )
