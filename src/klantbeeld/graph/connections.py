"""Connections over several sources: one order, one page, one cursor (Relay Cursor Connections).

The order is total: newest first, then source, then record id. A cursor holds each source's position, so there is no
state on the server; a source that failed on a page keeps its position, and the next page delivers it.
"""

from bisect import bisect_right
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

By = Callable[[R], date | datetime | None]
Keep = Callable[[R], bool]

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
    """The records of one page in their order, and what else arrived; cursors are made only when they are asked for.

    `ends` has the last record, delivered or not, of each source's page that is not its last.
    """

    answers: Answers[Any]
    ranked: Sequence[Ranked]
    ends: Mapping[str, "Rank"]
    size: int

    def cursor(self, number: int) -> str:
        """Seal where each source stands behind a record of the page."""
        return self.answers.seal(self.positions(number + 1))

    def positions(self, delivered: int) -> dict[str, Position]:
        """Return where each source stands behind so many records; one that failed stays where it was."""
        positions = {answer.slot: answer.position for answer in self.answers}
        for entry in self.ranked[:delivered]:
            answer = entry.answer
            positions[answer.slot] = Position(answer.position.token, _mark(entry.rank), answer.size)
        left = {entry.answer.slot for entry in self.ranked[delivered:]}
        for answer in self.answers:
            if answer.position.ended or (answer.state in EXPECTED and not answer.delivered):
                positions[answer.slot] = Position(ended=True)
            elif answer.delivered and answer.slot not in left:
                positions[answer.slot] = self._next(answer)
        return positions

    def _next(self, answer: Answer[Any]) -> Position:
        """Return where a source goes on when its page is used up; what it still has to pass over stays known."""
        if answer.next_page is None:
            return Position(ended=True)
        # A mark without a size was made when all of the source was read: it holds on every page up to its own time.
        behind = answer.position.after if answer.position.size is None else None
        is_ahead = behind is not None and behind[0] >= _mark(self.ends[answer.slot])[0]
        return Position(answer.next_page, behind if is_ahead else None)


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
    by: By[R],
    first: int,
    keep: Keep[R] | None = None,
) -> "Connection[Any] | None":
    """Merge what arrived into one page; None when no source knows the customer, Unanswered when every source failed."""
    if not answers.some():
        return None
    paged = partial(_page, answers, by=by, first=first, keep=keep)
    nodes = _newest_of_one(answers, by, first) if keep is None else None
    if nodes is None:
        page = paged()
        paged = partial(_same, page)
        nodes = [entry.record for entry in page.ranked[: page.size]]
    return Connection(
        nodes=nodes,
        incomplete=[status_of(answer, answers.moment) for answer in answers.missing],
        make_edges=partial(_edges, paged),
        make_page_info=partial(_page_info, paged),
    )


def _newest_of_one(answers: Answers[R], by: By[R], first: int) -> list[R] | None:
    """Return the page where one source gave all it has, in the order of `_page`; None where it takes more to tell."""
    given = [answer for answer in answers.every if answer.records or answer.next_page]
    if len(given) != 1 or given[0].next_page is not None or given[0].position.after is not None:
        return None
    try:
        ordered = sorted(given[0].records, key=RECORD_ID)
        ordered.sort(key=by, reverse=True)  # type: ignore[arg-type]  # what cannot be compared raises
    except TypeError:  # some have no date
        return None
    return ordered[:first]


def _page(answers: Answers[R], *, by: By[R], first: int, keep: Keep[R] | None) -> Page:
    ranked = sorted(_ranked(answers, by, keep), key=RANK)
    ends = {answer.slot: _end(answer, by) for answer in answers if answer.next_page is not None}
    return Page(answers, ranked, ends, min(first, _complete(ranked, ends)))


def _same(page: Page) -> Page:
    return page


Rank = tuple[float, str, str]
RANK = attrgetter("rank")
RECORD_ID = attrgetter("record_id")

# Before every record: where a page ends that has none.
NOWHERE: Rank = (float("-inf"), "", "")


def _ranked(answers: Answers[R], by: By[R], keep: Keep[R] | None) -> Iterator[Ranked]:
    for answer in answers:
        slot, behind = answer.slot, answer.position.after
        for record in answer.records:
            rank = (-_seconds(by(record)), slot, record.record_id)
            if (keep is None or keep(record)) and (behind is None or _mark(rank) > behind):
                yield Ranked(rank, record, answer)


def is_size(first: int | None) -> bool:
    """Say whether there is a page of this size; None is the usual one."""
    return first is None or 1 <= first <= MOST


def check_size(first: int | None) -> None:
    """Raise RequestError with BAD_USER_INPUT for a page of a size that is not given."""
    if not is_size(first):
        allowed = (f"1..{MOST}",)
        raise RequestError("no size of a page", code="BAD_USER_INPUT", place="first", allowed=allowed)


def _complete(ranked: Sequence[Ranked], ends: Mapping[str, Rank]) -> int:
    """Return how many records are certain to be the newest.

    Where a source has more pages, nothing older than the last record of this one is delivered yet: it could be older
    than what that source still has.
    """
    return bisect_right(ranked, min(ends.values()), key=RANK) if ends else len(ranked)


def _end(answer: Answer[R], by: By[R]) -> Rank:
    return max(((-_seconds(by(record)), answer.slot, record.record_id) for record in answer.records), default=NOWHERE)


def _edges(paged: Callable[[], Page]) -> list[Edge[Any]]:
    page = paged()
    entries = page.ranked[: page.size]
    return [Edge(node=entry.record, seal=partial(page.cursor, number)) for number, entry in enumerate(entries)]


def _page_info(paged: Callable[[], Page]) -> PageInfo:
    page = paged()
    end = page.positions(page.size)
    return PageInfo(
        has_next_page=any(not position.ended for position in end.values()),
        has_previous_page=any(answer.position != Position() for answer in page.answers),
        seal_start=partial(page.cursor, 0) if page.ranked else None,
        seal_end=partial(page.answers.seal, end),
    )


def _mark(rank: Rank) -> tuple[str, str]:
    """Return a rank within one slot as text that sorts alike."""
    if rank is NOWHERE:
        return ("", "")
    return (f"{rank[0] + 1e12:020.6f}", rank[2])


def _seconds(moment: date | datetime | None) -> float:
    if moment is None:
        return 0.0
    if isinstance(moment, datetime):
        return moment.timestamp()
    return (moment.toordinal() - EPOCH_DAY) * 86_400.0
