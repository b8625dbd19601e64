"""Connections over several sources: one order, one page, one cursor (Relay Cursor Connections).

The order is total: newest first, then source, then record id. A cursor holds each source's position, so there is no
state on the server; a source that failed on a page keeps its position, and the next page delivers it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Annotated, Any, Generic, TypeVar

import strawberry
from strawberry import Private

from klantbeeld.errors import RequestError
from klantbeeld.graph.answers import Answer, Answers, Position
from klantbeeld.graph.joined import computed
from klantbeeld.graph.sourced import SourceStatus
from klantbeeld.graph.statuses import status_of
from klantbeeld.sdk.records import Record

T = TypeVar("T")
R = TypeVar("R", bound=Record)

MOST = 100

First = Annotated[int, strawberry.argument(description=f"Size of the page, 1 to {MOST}.")]
After = Annotated[str | None, strawberry.argument(description="Cursor behind which the page begins.")]


@strawberry.type(description="Where a page ends, and whether more follows.")
class PageInfo:
    """Where a page ends."""

    has_next_page: bool = strawberry.field(description="Whether there is more behind this page.")
    has_previous_page: bool = strawberry.field(description="Whether the page began behind a cursor.")
    seal_start: Private[Callable[[], str] | None] = None
    seal_end: Private[Callable[[], str] | None] = None

    @computed()
    def start_cursor(self) -> str | None:
        """Cursor of the first edge."""
        return self.seal_start() if self.seal_start else None

    @computed()
    def end_cursor(self) -> str | None:
        """Cursor of the last edge, or of where a source that failed has to be asked again."""
        return self.seal_end() if self.seal_end else None


@strawberry.type(description="One element of a page.")
class Edge(Generic[T]):
    """One element of a page."""

    node: T = strawberry.field(description="The element.")
    seal: Private[Callable[[], str]]

    @computed()
    def cursor(self) -> str:
        """Where this element stands; opaque, bound to field, arguments and customer."""
        return self.seal()


@strawberry.type(description="A page of a list that may come from several sources.")
class Connection(Generic[T]):
    """A page of a list."""

    edges: list[Edge[T]] = strawberry.field(description="The elements, each with its cursor.")
    nodes: list[T] = strawberry.field(description="The elements alone.")
    page_info: PageInfo = strawberry.field(description="Where the page ends.")
    incomplete: list[SourceStatus] = strawberry.field(description="Sources whose part is missing from this page.")


def merge_pages(
    answers: Answers[R],
    *,
    by: Callable[[R], date | datetime | None],
    first: int,
    keep: Callable[[R], bool] = lambda _: True,
) -> "Connection[Any] | None":
    """Merge what arrived into one page; None when no source knows the customer, Unanswered when every source failed."""
    if not 1 <= first <= MOST:
        raise RequestError(f"first must be 1 to {MOST}", code="BAD_USER_INPUT")
    if not answers.some():
        return None
    ranked = sorted(_ranked(answers, by, keep), key=lambda entry: entry[0])
    page = ranked[:first]
    positions = {answer.slot: answer.position for answer in answers}
    edges = []
    for rank, record, answer in page:
        positions = positions | {answer.slot: replace(answer.position, after=_mark(rank))}
        edges.append(Edge(node=record, seal=_sealer(answers, positions)))
    end = _advance(
        answers, positions, {answer.slot: len([1 for _, _, a in ranked[first:] if a is answer]) for answer in answers}
    )
    info = PageInfo(
        has_next_page=any(not position.ended for position in end.values()),
        has_previous_page=any(answer.position != Position() for answer in answers),
        seal_start=edges[0].seal if edges else None,
        seal_end=_sealer(answers, end),
    )
    return Connection(
        edges=edges,
        nodes=[edge.node for edge in edges],
        page_info=info,
        incomplete=[status_of(answer, answers.moment) for answer in answers.missing],
    )


Rank = tuple[float, str, str]


def _ranked(
    answers: Answers[R], by: Callable[[R], date | datetime | None], keep: Callable[[R], bool]
) -> list[tuple[Rank, R, Answer[R]]]:
    found = []
    for answer in answers:
        behind = answer.position.after
        for record in answer.records:
            rank = (-_seconds(by(record)), answer.slot, record.record_id)
            if keep(record) and (behind is None or _mark(rank) > behind):
                found.append((rank, record, answer))
    return found


def _mark(rank: Rank) -> tuple[str, str]:
    """Return a rank within one slot as text that sorts alike."""
    return (f"{rank[0] + 1e12:020.6f}", rank[2])


def _seconds(moment: date | datetime | None) -> float:
    if moment is None:
        return 0.0
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return moment.timestamp()


def _advance(answers: Answers[R], positions: Mapping[str, Position], left: Mapping[str, int]) -> Mapping[str, Position]:
    """Move each source that is used up to its next page, or to its end."""
    end = dict(positions)
    for answer in answers:
        if answer.position.ended:
            end[answer.slot] = answer.position
        elif answer.delivered and answer.slot not in left:
            used_up = answer.next_page is None
            end[answer.slot] = Position(ended=True) if used_up else Position(token=answer.next_page)
        elif not answer.delivered and answer not in answers.missing:
            end[answer.slot] = Position(ended=True)
    return end


def _sealer(answers: Answers[R], positions: Mapping[str, Position]) -> Callable[[], str]:
    return lambda: answers.seal(positions)
