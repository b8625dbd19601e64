"""`klantbeeld operations`: writes that are kept, and those that only a person can settle."""

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

from klantbeeld.access.recording import Recording
from klantbeeld.access.trail_opening import open_trail
from klantbeeld.cli.opened import settings_of
from klantbeeld.cli.terminal import remarks, results, show, table_of
from klantbeeld.errors import RequestError
from klantbeeld.identity.ids import CANONICAL
from klantbeeld.settings import Settings
from klantbeeld.settings_file import read_key
from klantbeeld.store import open_store
from klantbeeld.store.transactions import open_transactions
from klantbeeld.texts import say
from klantbeeld.writes.journal import Journal
from klantbeeld.writes.outcomes import StepOutcome, outcome_of
from klantbeeld.writes.resolving import resolve_step
from klantbeeld.writes.rows import OperationView

OPERATOR = "operator"  # who the trail names for what is done from here


@dataclass(frozen=True, slots=True)
class Opened:
    """The journal, and the trail beside it."""

    journal: Journal
    recording: Recording


def list_operations(config: Path | None, *, every: bool, first: int) -> int:
    """Print the operations that only a person can settle, or the latest of all; 1 if any is parked."""
    settings = settings_of(config)
    found = asyncio.run(_list(settings, every=every, first=first))
    if found:
        show(_operations(found))
    parked = sum(view.operation.parked for view in found)
    count = "1 operation" if len(found) == 1 else f"{len(found)} operations"
    remarks().print(f"{count}, {parked} of them parked" + (": only a person can settle those." if parked else "."))
    return 1 if parked else 0


def show_operation(config: Path | None, operation_id: str) -> int:
    """Print one operation with its steps; 1 if it is not there."""
    settings = settings_of(config)
    view = asyncio.run(_show(settings, operation_id))
    if view is None:
        remarks().print(f"There is no operation {operation_id}.", markup=False)
        return 1
    _print(view)
    return 0


def resolve_operation(config: Path | None, operation_id: str, step: int, *, applied: bool) -> int:
    """Settle a step by a person's word; what is still to be done goes on in the gateway. 1 if it cannot be."""
    settings = settings_of(config)
    try:
        view = asyncio.run(_resolve(settings, operation_id, step, applied=applied))
    except RequestError as error:
        remarks().print(f"{say(error.reason, 'en')} ({error.reason})", markup=False)
        return 1
    _print(view)
    return 0


async def _list(settings: Settings, *, every: bool, first: int) -> Sequence[OperationView]:
    async with _opened(settings) as opened:
        return await (opened.journal.latest(first=first) if every else opened.journal.parked(first=first))


async def _show(settings: Settings, operation_id: str) -> OperationView | None:
    if CANONICAL.fullmatch(operation_id.lower()) is None:
        return None
    async with _opened(settings) as opened:
        return await opened.journal.find(operation_id.lower())


async def _resolve(settings: Settings, operation_id: str, step: int, *, applied: bool) -> OperationView:
    if CANONICAL.fullmatch(operation_id.lower()) is None:
        raise RequestError("no id", code="OPERATION_UNKNOWN")
    async with _opened(settings) as opened:
        opened.recording.check()
        view = await resolve_step(
            opened.journal,
            operation_id.lower(),
            step,
            applied=applied,
            holder=str(uuid.uuid4()),
            now=lambda: datetime.now(UTC),
            settings=settings.writes,
        )
        opened.recording.settled(view, by=OPERATOR)
        return view


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Opened]:
    key = read_key(settings.access.trail.key, os.environ, where="access.trail.key")
    async with (
        open_store(settings.store) as store,
        open_trail(store, key=key, clock=time.time, settings=settings.access.trail) as trail,
        open_transactions(store) as transactions,
    ):
        yield Opened(Journal(transactions, wait=settings.store.timeout), Recording(trail))


def _operations(found: Sequence[OperationView]) -> Table:
    table = table_of("operation", "mutation", "status", "parked", "since", "customer", "sources")
    for view in found:
        operation = view.operation
        table.add_row(
            operation.id,
            operation.mutation,
            operation.state,
            "yes" if operation.parked else "",
            operation.created_at.isoformat(timespec="seconds"),
            operation.customer_id or "",
            ", ".join(sorted({step.source for step in view.steps if step.source})),
        )
    return table


def _print(view: OperationView) -> None:
    operation = view.operation
    console = results()
    console.print(f"Operation {operation.id}: {operation.mutation}, {say(operation_word(view), 'en')}")
    console.print(f"Customer {operation.customer_id or 'not known'}, through {operation.channel}")
    console.print(f"Asked {operation.created_at.isoformat(timespec='seconds')}, kept until {operation.expires_at:%F}")
    if operation.parked:
        console.print("Parked: look in the system itself, then say `klantbeeld operations resolve`.")
    table = table_of("step", "source", "act", "status", "code", "record", "reason")
    for step in outcome_of(view).steps:
        table.add_row(*_cells(step))
    show(table)


def operation_word(view: OperationView) -> str:
    """Give the code whose words say where an operation stands."""
    return outcome_of(view).status.value


def _cells(step: StepOutcome) -> tuple[str, ...]:
    return (
        str(step.number),
        step.source,
        step.act,
        step.status.value,
        step.code or "",
        step.record_id or "",
        step.reason or "",
    )
