"""Sources that give pages, and a client that walks through them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random
from typing import Any

from tests.engine.house import CUSTOMER, House, four_sources, links_of, three_customers
from tests.engine.memory import MemorySource

from klantbeeld.errors import SourceUnavailable
from klantbeeld.sdk import records
from klantbeeld.sdk.connector import Reading
from klantbeeld.sdk.roles import BILLING
from klantbeeld.sources.questions import Outcome, Question, SourceState, state_of

INVOICES = """
query Invoices($id: ID!, $first: Int!, $after: String) {
  customer(id: $id) {
    invoices(first: $first, after: $after) {
      edges { cursor node { number issuedOn provenance { source recordId } } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      incomplete { source }
    }
  }
}
"""

# Pages after which a walk is given up; a walk that goes round in circles is a failure.
MOST_PAGES = 400


@dataclass
class PagedSource(MemorySource):
    """Gives pages of what it holds, newest first, and equal days in an order of its own.

    A position is the number of records to pass over, among those of the keys that are asked: the least that a source
    may promise.
    """

    largest: int = 100
    failing: Callable[[], bool] = field(default=lambda: False)

    @property
    def readings(self) -> dict[str, Reading]:
        return {
            call: replace(reading, newest_first="issued_on" if call == "invoices" else None)
            for call, reading in super().readings.items()
        }

    def answer(self, question: Question) -> Outcome:
        if self.failing():
            lost = SourceUnavailable("made up")
            return Outcome(state_of(lost), problem=lost)
        outcome = super().answer(question)
        if outcome.problem or "invoices" not in question.members or question.everything:
            return outcome
        found = [(key, one) for key, every in outcome.records["invoices"].items() for one in every]
        found.sort(key=lambda pair: self._own_order(pair[1]))
        begin = int(question.after or 0)
        end = begin + min(question.first or self.largest, self.largest)
        page: dict[str, list[records.Record]] = {key: [] for key in question.keys}
        for key, one in found[begin:end]:
            page[key].append(one)
        position = str(end) if end < len(found) else None
        return Outcome(SourceState.OK, {"invoices": page}, next_page=position)

    def _own_order(self, record: Any) -> tuple[int, int]:
        sequence = next(
            place for every in self.held["invoices"].values() for place, one in enumerate(every) if _is(one, record)
        )
        return (-record.issued_on.toordinal(), sequence)


def _is(one: records.Record, other: records.Record) -> bool:
    return one.record_id == other.record_id


def billing(
    name: str, ids: Sequence[str], random: Random, *, days: int | None = 5, least: int = 0, most: int = 12
) -> PagedSource:
    """Make a billing source with some invoices for each id, several on a day, in an order of its own.

    Without `days` no two invoices are of one day.
    """
    free = list(range(1_000))
    random.shuffle(free)
    held: dict[str, list[records.Record]] = {}
    for key in ids:
        numbers = list(range(random.randint(least, most)))
        random.shuffle(numbers)
        held[key] = [
            records.Invoice(
                record_id=f"{key}-{number:02}",
                owner=key,
                number=f"{name}/{key}-{number:02}",
                issued_on=date(2026, 3, 1) + timedelta(days=random.randrange(days) if days else free.pop()),
            )
            for number in numbers
        ]
    return PagedSource(name, BILLING, {"invoices": held}, batch=1)


def house_of(*billings: PagedSource) -> House:
    """Make a house with these billing sources, all of whose ids are one customer's."""
    sources = {name: source for name, source in four_sources().items() if name != "billing"}
    links: dict[str, Any] = {source.name: list(source.held["invoices"]) for source in billings}
    known = links_of(CUSTOMER, crm="p1", complaints="z1", marketing="m1", **links)
    return House({**sources, **{source.name: source for source in billings}}, {**three_customers(), CUSTOMER: known})


def expected(house: House) -> list[str]:
    """Return the numbers of all invoices in the order of the graph: newest first, then source, then record."""
    every = [
        (-one.issued_on.toordinal(), name, key, one.record_id, one.number)
        for name, source in house.sources.items()
        for key, found in source.held.get("invoices", {}).items()
        for one in found
        if isinstance(one, records.Invoice) and one.issued_on
    ]
    return [str(number) for *_, number in sorted(every)]


async def page_of(house: House, first: int, after: str | None = None) -> dict[str, Any]:
    """Ask for one page."""
    answer = await house.ask(INVOICES, {"id": CUSTOMER, "first": first, "after": after})
    assert "errors" not in answer, answer["errors"]
    found: dict[str, Any] = answer["data"]["customer"]["invoices"]
    return found


def numbers_of(page: dict[str, Any]) -> list[str]:
    """Return the numbers of the invoices of a page."""
    return [edge["node"]["number"] for edge in page["edges"]]


async def walk(house: House, sizes: Iterator[int], after: str | None = None) -> list[dict[str, Any]]:
    """Ask page after page until there is no more."""
    pages = []
    for _ in range(MOST_PAGES):
        page = await page_of(house, next(sizes), after)
        pages.append(page)
        assert len(page["edges"]) <= MOST_PAGES
        if not page["pageInfo"]["hasNextPage"]:
            return pages
        after = page["pageInfo"]["endCursor"]
    message = "the walk does not end"
    raise AssertionError(message)
