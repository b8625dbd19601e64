"""Writing while the app runs: the journal, the writer over it, and what goes on beside requests."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from klantbeeld.settings import EventSettings, WriteSettings
from klantbeeld.sources.source import Source
from klantbeeld.store.transactions import Transactions
from klantbeeld.writes.delivery import Delivery, DeliveryParts, Post
from klantbeeld.writes.events import CustomerChanged
from klantbeeld.writes.journal import Journal
from klantbeeld.writes.opening import Around, make_writer
from klantbeeld.writes.progress import ProgressFeed
from klantbeeld.writes.sagas.opening import SagaParts, Sagas, open_sagas
from klantbeeld.writes.worker import Noting, Parked, Worker, WorkerParts
from klantbeeld.writes.writer import Writer

Wrap = Callable[[Journal], Journal]


class MakeSagaParts(Protocol):
    """Makes the parts of sagas, once there is a journal."""

    def __call__(self, *, transactions: Transactions, journal: Journal) -> SagaParts:
        """Make them."""
        ...


@dataclass(frozen=True, slots=True)
class Writing:
    """What the app gets of it."""

    writer: Writer
    progress: ProgressFeed
    parked: Parked
    sagas: Sagas


@dataclass(frozen=True, slots=True)
class Delivering:
    """How events are delivered: to whom, signed with what, by what."""

    settings: EventSettings
    secret: bytes
    post: Post


@asynccontextmanager
async def open_writing(
    transactions: Transactions,
    sources: Mapping[str, Source],
    settings: WriteSettings,
    around: Around,
    *,
    noting: Noting,
    saga_parts: MakeSagaParts,
    wrap: Wrap = lambda journal: journal,
    delivering: Delivering | None = None,
) -> AsyncIterator[Writing]:
    """Write, take over and deliver as long as the block; close it before the sources and what runs transactions.

    `wrap` may put something around the journal: a test that ends the process in the middle.
    """
    async with AsyncExitStack() as stack:
        journal = wrap(Journal(transactions, wait=settings.journal_wait))
        sagas = open_sagas(saga_parts(transactions=transactions, journal=journal))
        around = replace(around, extensions=sagas.extensions, arrange=sagas.arrange)
        progress = ProgressFeed(journal.find, every=settings.progress_every)
        journal.moved = progress.moved
        if delivering is not None:
            made = CustomerChanged(delivering.settings.source, around.new_id, around.clock.now)
            around = replace(around, events_of=made)
            await stack.enter_async_context(_beside(_delivery(journal, around, delivering).run()))
        writer = make_writer(sources, journal, settings, around)
        parked = Parked()
        parts = WorkerParts(
            writer=writer,
            journal=journal,
            noting=noting,
            parked=parked,
            now=around.clock.now,
            loop=around.clock.loop,
            every=settings.reconcile_every,
            lease=settings.lease,
        )
        await stack.enter_async_context(_beside(Worker(parts).run()))
        yield Writing(writer, progress, parked, sagas)


def _delivery(journal: Journal, around: Around, delivering: Delivering) -> Delivery:
    return Delivery(
        DeliveryParts(
            journal=journal,
            post=delivering.post,
            url=delivering.settings.url,
            secret=delivering.secret,
            now=around.clock.now,
            every=delivering.settings.every,
            again_after=delivering.settings.again_after,
        )
    )


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run something as long as the block; what it is doing then is left to other replicas."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
