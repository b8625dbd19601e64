"""Connections over several sources: one order, one page, one cursor (Relay Cursor Connections).

The order is total: newest first, then source, then record id. A cursor holds each source's position, so there is no
state on the server; a source that failed on a page keeps its position, and the next page delivers it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from operator import attrgetter
from typing import Annotated, Any, Generic, TypeVar

import strawberry
from strawberry import Private

from klantbeeld.errors import RequestError
from klantbeeld.graph.answers import EXPECTED, Answer, Answers, Position
from klantbeeld.graph.joined import computed
from klantbeeld.graph.sourced import SourceStatus
from klantbeeld.graph.statuses import status_of
from klantbeeld.sdk.records import Record

T = TypeVar("T")
R = TypeVar("R", bound=Record)

MOST = 100

# The day from which seconds are counted, as an ordinal.
EPOCH_DAY = date(1970, 1, 1).toordinal()

First = Annotated[int, strawberry.argument(description=f"Size of the page, 1 to {MOST}.")]
After = Annotated[str | None, strawberry.argument(description="Cursor behind which the page begins.")]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A record in its place: `rank` orders over all sources, `answer` is where it came from."""

    rank: "Rank"
    record: Any
    answer: Answer[Any]


@dataclass(frozen=True, slots=True)
class Page:
    """The records of one page in their order, and what else arrived; cursors are made only when they are asked for."""

    answers: Answers[Any]
    ranked: Sequence[Ranked]
    size: int

    def cursor(self, number: int) -> str:
        """Seal where each source stands behind a record of the page."""
        return self.answers.seal(self._positions(number + 1))

    def end(self) -> Mapping[str, Position]:
        """Return where each source's next page begins; one that failed stays where it was."""
        end = self._positions(self.size)
        left = {entry.answer.slot for entry in self.ranked[self.size :]}
        for answer in self.answers:
            if answer.position.ended or (answer.state in EXPECTED and not answer.delivered):
                end[answer.slot] = Position(ended=True)
            elif answer.delivered and answer.slot not in left:
                end[answer.slot] = Position(token=answer.next_page, ended=answer.next_page is None)
        return end

    def _positions(self, delivered: int) -> dict[str, Position]:
        positions = {answer.slot: answer.position for answer in self.answers}
        for entry in self.ranked[: min(delivered, self.size)]:
            answer = entry.answer
            positions[answer.slot] = Position(answer.position.token, _mark(entry.rank))
        return positions


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
    """A page of a list; edges and page info are made when they are selected."""

    nodes: list[T] = strawberry.field(description="The elements alone.")
    incomplete: list[SourceStatus] = strawberry.field(description="Sources whose part is missing from this page.")
    make_edges: Private[Callable[[], list[Edge[Any]]]]
    make_page_info: Private[Callable[[], PageInfo]]

    @computed()
    def edges(self) -> list[Edge[T]]:
        """The elements, each with its cursor."""
        return self.make_edges()

    @computed()
    def page_info(self) -> PageInfo:
        """Where the page ends."""
        return self.make_page_info()


def merge_pages(
    answers: Answers[R],
    *,
    by: Callable[[R], date | datetime | None],
    first: int,
    keep: Callable[[R], bool] | None = None,
) -> "Connection[Any] | None":
    """Merge what arrived into one page; None when no source knows the customer, Unanswered when every source failed."""
    if not 1 <= first <= MOST:
        raise RequestError(f"first must be 1 to {MOST}", code="BAD_USER_INPUT")
    if not answers.some():
        return None
    ranked = sorted(_ranked(answers, by, keep), key=RANK)
    page = Page(answers, ranked, first)
    return Connection(
        nodes=[entry.record for entry in ranked[:first]],
        incomplete=[status_of(answer, answers.moment) for answer in answers.missing],
        make_edges=partial(_edges, page),
        make_page_info=partial(_page_info, page),
    )


Rank = tuple[float, str, str]
RANK = attrgetter("rank")


def _ranked(
    answers: Answers[R], by: Callable[[R], date | datetime | None], keep: Callable[[R], bool] | None
) -> Iterator[Ranked]:
    for answer in answers:
        slot, behind = answer.slot, answer.position.after
        for record in answer.records:
            rank = (-_seconds(by(record)), slot, record.record_id)
            if (keep is None or keep(record)) and (behind is None or _mark(rank) > behind):
                yield Ranked(rank, record, answer)


def _edges(page: Page) -> list[Edge[Any]]:
    entries = page.ranked[: page.size]
    return [Edge(node=entry.record, seal=partial(page.cursor, number)) for number, entry in enumerate(entries)]


def _page_info(page: Page) -> PageInfo:
    end = page.end()
    return PageInfo(
        has_next_page=any(not position.ended for position in end.values()),
        has_previous_page=any(answer.position != Position() for answer in page.answers),
        seal_start=partial(page.cursor, 0) if page.ranked else None,
        seal_end=partial(page.answers.seal, end),
    )


def _mark(rank: Rank) -> tuple[str, str]:
    """Return a rank within one slot as text that sorts alike."""
    return (f"{rank[0] + 1e12:020.6f}", rank[2])


def _seconds(moment: date | datetime | None) -> float:
    if moment is None:
        return 0.0
    if isinstance(moment, datetime):
        return moment.timestamp()
    return (moment.toordinal() - EPOCH_DAY) * 86_400.0
