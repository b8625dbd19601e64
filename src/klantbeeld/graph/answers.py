"""Answers: what the sources said to the reads that a field declared, handed to the field's function.

A field's function is pure: it is given answers and arguments, and returns a value or raises `Unanswered`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar
from zoneinfo import ZoneInfo

from msgspec import Struct

from klantbeeld.errors import Unanswered
from klantbeeld.graph.data import Data
from klantbeeld.sdk.records import Record
from klantbeeld.settings import Language, Settings
from klantbeeld.sources.questions import DELIVERED, SourceState

R = TypeVar("R", bound=Record)

# States in which nothing is missing that anybody could have expected.
EXPECTED = DELIVERED | {SourceState.NOT_LINKED, SourceState.NOT_ASKED}

# States that are the source's trouble, not the way things are.
TROUBLED = frozenset({SourceState.TIMEOUT, SourceState.UNAVAILABLE, SourceState.DENIED})


class Position(Struct, frozen=True, gc=False):
    """Where a page begins in one source: its own token, and the key of the last record that was delivered.

    `size` is the size in which the source gave the page behind the token: within a page it is asked again in that size.
    `ended` when everything of the source was delivered already.
    """

    token: str | None = None
    after: tuple[str, str] | None = None
    size: int | None = None
    ended: bool = False


class Answer(Struct, Generic[R], gc=False):
    """What one source said to one read, for one parent; a struct, because every request makes many."""

    source: str
    role: str
    call: str
    state: SourceState
    records: Sequence[R]
    code: str | None = None
    retryable: bool = False
    key: str = ""
    customer_id: str = ""
    position: Position = Position()
    size: int | None = None
    next_page: str | None = None
    complete: bool = True
    seconds: float = 0.0

    @property
    def slot(self) -> str:
        """What a cursor calls this source, read and key."""
        return f"{self.source}/{self.call}/{self.key}"

    @property
    def delivered(self) -> bool:
        """Whether the source answered, now or earlier."""
        return self.state in DELIVERED


class Rights(Protocol):
    """What the caller may see, as far as a field's function has to know."""

    @property
    def is_partner(self) -> bool:
        """Whether the caller is another organisation."""
        ...

    def refusal(self, scope: str, *, category: str, sensitivity: str) -> str | None:
        """Return the code of the refusal, or None."""
        ...


class Moment:
    """What a field's function knows of the request: its time in UTC, its language, the settings and the rights."""

    def __init__(self, now: datetime, language: Language, settings: Settings, rights: Rights) -> None:
        self.now = now
        self.language = language
        self.settings = settings
        self.rights = rights

    @cached_property
    def today(self) -> date:
        """The day where the organisation is, by which due dates and ages are counted."""
        return self.now.astimezone(ZoneInfo(self.settings.time_zone)).date()

    def may(self, data: Data) -> bool:
        """Say whether the caller's rights cover what a directive describes."""
        return self.rights.refusal(data.scope, category=data.category, sensitivity=data.sensitivity) is None


class Answers(Struct, Generic[R], frozen=True):
    """All answers to the reads of one field, for one parent.

    `seal` makes a cursor of positions by slot. `asked` gives all answers that the operation had for this customer so
    far, those of other fields included. `covers` says of a scope whether this customer released it to the caller.
    """

    parent: Any
    moment: Moment
    every: tuple[Answer[R], ...]
    seal: Callable[[Mapping[str, Position]], str]
    asked: Callable[[], Sequence[Answer[Any]]]
    covers: Callable[[str], bool] = lambda _: False

    def __iter__(self) -> Iterator[Answer[R]]:
        """Iterate over the answers, in the order of the sources' names."""
        return iter(self.every)

    def of(self, *calls: str) -> "Answers[Any]":
        """Return the answers to these capabilities alone."""
        return self._with(answer for answer in self.every if answer.call in calls)

    def by(self, role: str) -> "Answers[R]":
        """Return the answers of the sources that were asked in this role."""
        return self._with(answer for answer in self.every if answer.role == role)

    def _with(self, chosen: Iterable[Answer[Any]]) -> "Answers[Any]":
        return Answers(self.parent, self.moment, tuple(chosen), self.seal, self.asked, self.covers)

    def may(self, data: Data) -> bool:
        """Say whether the caller may see of this customer what a directive describes, beside what the field gives."""
        return self.moment.may(data) and self.covers(data.scope)

    @property
    def records(self) -> list[Any]:
        """All records that arrived; a field hands them on as the GraphQL type that publishes them."""
        if len(self.every) == 1:
            return list(self.every[0].records)
        return [record for answer in self.every for record in answer.records]

    @property
    def missing(self) -> list[Answer[R]]:
        """Answers of sources that did not deliver and should have."""
        # What is well is the most that there is, and a look into a set of enums costs a call.
        return [one for one in self.every if one.state is not SourceState.OK and one.state not in EXPECTED]

    def one(self) -> Any:
        """Return the record that arrived, None if there is none; raises Unanswered when no source could say."""
        return self.records[0] if self.some() and self.records else None

    def some(self) -> bool:
        """Say whether a source delivered; raises Unanswered when all that could have did not.

        False means that no source knows the customer, which is nobody's failure.
        """
        for answer in self.every:
            if answer.state is SourceState.OK or answer.delivered or answer.position.ended:
                return True
        self.demand_all()
        return False

    def demand_all(self) -> None:
        """Raise Unanswered unless every source that knows the customer delivered, whole."""
        for answer in sorted(self.missing, key=lambda answer: answer.state not in TROUBLED):
            raise Unanswered(
                answer.code or answer.state.value, source=answer.source or None, retryable=answer.retryable
            )
        for answer in self.every:
            if not answer.complete:
                raise Unanswered("TOO_MANY_RECORDS", source=answer.source)
