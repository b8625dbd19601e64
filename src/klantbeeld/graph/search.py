"""Searching customers by a text: three characters at least, 200 hits at most, over every source that can search."""

from functools import partial
from typing import Any

from klantbeeld.errors import RequestError
from klantbeeld.graph.connections import Connection, Edge, PageInfo, check_size
from klantbeeld.graph.customer import Customer
from klantbeeld.graph.roots import Roots
from klantbeeld.graph.statuses import status_of
from klantbeeld.sdk.read import Read
from klantbeeld.sdk.roles import CRM

SHORTEST = 3
MOST_HITS = 200

FOUND = Read(CRM, "search", ("text", "first"))


async def search_customers(roots: Roots, text: str, first: int, after: str | None) -> Connection[Customer] | None:
    """Search the CRM; the cursor is the place among the hits of this search.

    Raises RequestError with BAD_USER_INPUT, and Unanswered when no source could search.
    """
    wanted = text.strip()
    if len(wanted) < SHORTEST:
        raise RequestError(f"a search needs {SHORTEST} characters", code="TEXT_TOO_SHORT")
    check_size(first)
    binding = ("Query.searchCustomers", wanted)
    begin = roots.open(after, binding) if after else 0
    answers = await roots.ask(FOUND, text=wanted, first=min(begin + first + 1, MOST_HITS))
    if not answers.some():
        return None
    found = {one.id: one for one in await roots.of_records(answers.records) if one}
    hits = list(found.values())[:MOST_HITS]
    page = hits[begin : begin + first]
    edges: list[Edge[Any]] = [
        Edge(node=customer, seal=partial(roots.seal, begin + number, binding))
        for number, customer in enumerate(page, 1)
    ]
    info = PageInfo(
        has_next_page=len(hits) > begin + first,
        has_previous_page=begin > 0,
        seal_start=edges[0].seal if edges else None,
        seal_end=edges[-1].seal if edges else None,
    )
    return Connection(
        nodes=page,
        make_edges=lambda: edges,
        make_page_info=lambda: info,
        incomplete=[status_of(answer, answers.moment) for answer in answers.missing],
    )
