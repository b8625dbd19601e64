"""The timeline: contacts, purchases, deliveries, invoices and complaints, by time over all sources."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

import strawberry
from msgspec import structs

from klantbeeld.graph.answers import Answer, Answers
from klantbeeld.graph.billing import FINANCIAL
from klantbeeld.graph.complaints import COMPLAINED
from klantbeeld.graph.connections import Connection, merge_pages
from klantbeeld.graph.data import Data
from klantbeeld.graph.joined import Ruled
from klantbeeld.graph.published import published
from klantbeeld.graph.sourced import Sourced
from klantbeeld.sdk import records
from klantbeeld.sdk.read import Read
from klantbeeld.sdk.records import Record
from klantbeeld.sdk.roles import BILLING, COMPLAINTS, CRM
from klantbeeld.sdk.words import Category, Channel, InteractionKind

HAPPENED = Data(owner="CRM", category=Category.CUSTOM, scope="crm:read")

PAGE = ("first", "after", "since")

# A delivery can be much later than its order, so orders are read whole and put in their places afterwards.
TIMELINE = (
    Read(CRM, "interactions", PAGE, ("occurred_at", "channel")),
    Read(CRM, "orders", ("since",), ("number", "placed_at", "deliveries"), everything=True),
    Ruled(Read(BILLING, "invoices", PAGE, ("number", "issued_on")), FINANCIAL),
    Ruled(Read(COMPLAINTS, "complaints", PAGE, ("subject", "filed_at", "channel")), COMPLAINED),
)


@published(records.Interaction, HAPPENED)
class Interaction(Sourced):
    """An entry of the timeline."""

    behind: Sourced | None = strawberry.field(
        name="record",
        description="The order, invoice or complaint whose trace this is; null for a contact.",
        directives=[HAPPENED],
    )


def timeline(
    answers: Answers[Any], *, first: int, channels: Sequence[Channel] | None, since: datetime | None
) -> Connection[Interaction] | None:
    """Merge what arrived of every kind into one page of the timeline."""
    entries = structs.replace(answers, every=tuple(_as_entries(answer) for answer in answers))
    return merge_pages(
        entries,
        by=lambda entry: entry.occurred_at,
        first=first,
        keep=lambda entry: (channels is None or entry.channel in channels) and _is_since(entry, since),
    )


def _as_entries(answer: Answer[Any]) -> Answer[records.Interaction]:
    return structs.replace(answer, records=[entry for record in answer.records for entry in _entries(record)])


def _entries(record: Record) -> Iterator[records.Interaction]:
    if isinstance(record, records.Interaction):
        yield record
    elif isinstance(record, records.Order):
        yield _trace(record, InteractionKind.PURCHASE, record.placed_at, record.number)
        for number, delivery in enumerate(record.deliveries or ()):
            if delivery.delivered_at:
                yield _trace(record, InteractionKind.DELIVERY, delivery.delivered_at, record.number, part=number)
    elif isinstance(record, records.Invoice):
        yield _trace(record, InteractionKind.INVOICE, _midnight(record.issued_on), record.number)
    elif isinstance(record, records.Complaint):
        entry = _trace(record, InteractionKind.COMPLAINT, record.filed_at, record.subject)
        entry.channel = record.channel
        yield entry


def _trace(
    record: Record, kind: InteractionKind, at: datetime | None, subject: str | None, *, part: int | None = None
) -> records.Interaction:
    return records.Interaction(
        record_id=record.record_id if part is None else f"{record.record_id}/{part}",
        owner=record.owner,
        version=record.version,
        origin=record.origin,
        kind=kind,
        subject=subject,
        occurred_at=at,
        behind=record,
    )


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time.min, UTC) if day else None


def _is_since(entry: records.Interaction, since: datetime | None) -> bool:
    return since is None or (entry.occurred_at is not None and entry.occurred_at >= since)
