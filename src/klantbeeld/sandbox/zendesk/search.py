"""Zendesk's search language, and GET /search.

A query is words and ``key:value`` terms, with ``<``, ``<=``, ``>``, ``>=`` beside ``:``, ``-`` for not, double quotes
around what has blanks, and ``*`` for any ending. Several terms with one key are alternatives; different keys must all
hold. Dates are ``2026-11-20`` or a whole ISO 8601 time.
"""

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from klantbeeld.sandbox.zendesk.bodies import store_of
from klantbeeld.sandbox.zendesk.errors import Refused
from klantbeeld.sandbox.zendesk.pages import page_of
from klantbeeld.sandbox.zendesk.shapes import CHANNEL_FIELD, PRODUCT_FIELD
from klantbeeld.sandbox.zendesk.store import AGENT, Store

TERM = re.compile(r'(?P<no>-?)(?:(?P<key>[a-z_0-9]+)(?P<sign><=|>=|<|>|:))?(?:"(?P<quoted>[^"]*)"|(?P<plain>\S+))')
STATUSES = ("new", "open", "pending", "hold", "solved", "closed")
PRIORITIES = ("low", "normal", "high", "urgent")
MOST_RESULTS = 1000
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

SORTS = {
    "created_at": lambda record: record["created_at"],
    "updated_at": lambda record: record["updated_at"],
    "status": lambda record: STATUSES.index(record.get("status") or "new"),
    "priority": lambda record: PRIORITIES.index(record.get("priority") or "low"),
    "ticket_type": lambda record: record.get("type") or "",
}


Values = Callable[[Store, dict[str, Any]], list[Any]]

USER_KEYS: dict[str, Values] = {
    "email": lambda store, user: list(store.emails(user["id"])),
    "phone": lambda _, user: [_digits(user["phone"] or "")],
    "name": lambda _, user: [user["name"], *user["name"].split()],
    "created": lambda _, user: [user["created_at"]],
    "updated": lambda _, user: [user["updated_at"]],
    "external_id": lambda _, user: [user["external_id"]],
    "role": lambda _, user: [user["role"]],
    "notes": lambda _, user: [user["notes"]],
    "tags": lambda _, user: list(user["tags"]),
    "": lambda store, user: [user["name"], *user["name"].split(), *store.emails(user["id"]), user["phone"]],
}
"""What a term with each key is held against; a word without a key meets the words of the user."""

TICKET_KEYS: dict[str, Values] = {
    "requester": lambda store, ticket: _person(store, ticket["requester_id"]),
    "submitter": lambda store, ticket: _person(store, ticket["submitter_id"]),
    "assignee": lambda store, ticket: _person(store, ticket["assignee_id"]),
    "created": lambda _, ticket: [ticket["created_at"]],
    "updated": lambda _, ticket: [ticket["updated_at"]],
    "status": lambda _, ticket: [ticket["status"]],
    "priority": lambda _, ticket: [ticket["priority"]],
    "external_id": lambda _, ticket: [ticket["external_id"]],
    "ticket_type": lambda _, ticket: [ticket["type"]],
    "tags": lambda _, ticket: list(ticket["tags"]),
    "via": lambda _, ticket: [ticket["via"]["channel"]],
    "subject": lambda _, ticket: [ticket["subject"], *ticket["subject"].split()],
    "": lambda _, ticket: [str(ticket["id"]), *f"{ticket['subject']} {ticket['description']}".split()],
    f"custom_field_{PRODUCT_FIELD}": lambda _, ticket: [ticket["custom_fields"][0]["value"]],
    f"custom_field_{CHANNEL_FIELD}": lambda _, ticket: [ticket["custom_fields"][1]["value"]],
}


@dataclass(frozen=True, slots=True)
class Term:
    """One condition of a query; ``key`` is empty for a word."""

    key: str
    sign: str
    value: str
    wanted: bool


async def search(request: Request) -> Response:
    """GET /search?query=: tickets and users, at most the first thousand."""
    store = store_of(request)
    if not (text := request.query_params.get("query")):
        raise Refused(400, {"error": "invalid", "description": "The query parameter is missing"})
    terms = read_query(text)
    kinds = {term.value for term in terms if term.key == "type"} or {"ticket", "user"}
    rest = [term for term in terms if term.key != "type"]
    found: list[dict[str, Any]] = []
    if "ticket" in kinds:
        found += [
            {**each, "result_type": "ticket"} for each in store.tickets.values() if matches_ticket(store, each, rest)
        ]
    if "user" in kinds:
        found += [{**each, "result_type": "user"} for each in store.users.values() if matches_user(store, each, rest)]
    page = page_of(request, "results", found, sorts=SORTS)
    if _beyond(request):
        raise Refused(
            422, {"error": "invalid", "description": "Requested response size was greater than Search Response Limits"}
        )
    return JSONResponse({**page, "facets": None})


def read_query(text: str) -> list[Term]:
    """Return the terms of a query."""
    return [
        Term(
            key=found["key"] or "",
            sign=found["sign"] or ":",
            value=found["quoted"] if found["quoted"] is not None else found["plain"],
            wanted=not found["no"],
        )
        for found in TERM.finditer(text)
    ]


def matches_user(store: Store, user: dict[str, Any], terms: list[Term]) -> bool:
    """Say whether a user meets all terms. Without a term nobody is found."""
    return bool(terms) and _all_hold(lambda key: USER_KEYS.get(key, _nothing)(store, user), terms)


def matches_ticket(store: Store, ticket: dict[str, Any], terms: list[Term]) -> bool:
    """Say whether a ticket meets all terms."""
    return _all_hold(lambda key: TICKET_KEYS.get(key, _nothing)(store, ticket), terms)


def _person(store: Store, number: int | None) -> list[Any]:
    if number is None:
        return ["none"]
    name = store.users[number]["name"] if number in store.users else ""
    return [str(number), name, *name.split(), *store.emails(number), *(["me"] if number == AGENT else [])]


def _nothing(_store: Store, _record: dict[str, Any]) -> list[Any]:
    return []


def _all_hold(values: Callable[[str], list[Any]], terms: list[Term]) -> bool:
    groups: dict[tuple[object, bool], list[Term]] = {}
    for place, term in enumerate(terms):
        groups.setdefault((term.key or place, term.wanted), []).append(term)
    return all(any(_holds(values(term.key), term) for term in group) == wanted for (_, wanted), group in groups.items())


def _holds(values: Iterable[Any], term: Term) -> bool:
    wanted = _digits(term.value) if term.key == "phone" else term.value.lower()
    for value in values:
        if value is None:
            continue
        text = str(value).lower()
        if term.sign == ":":
            if text == wanted or (wanted.endswith("*") and text.startswith(wanted[:-1])) or _is_day(text, term):
                return True
        elif _compares(_rank(text, term.key), term.sign, _rank(wanted, term.key)):
            return True
    return False


def _is_day(text: str, term: Term) -> bool:
    return term.key in ("created", "updated") and text.startswith(term.value)


def _rank(text: str, key: str) -> str | int:
    order = {"status": STATUSES, "priority": PRIORITIES}.get(key, ())
    return order.index(text) if text in order else text


def _compares(left: str | int, sign: str, right: str | int) -> bool:
    if isinstance(left, int) != isinstance(right, int):
        return False
    return COMPARISONS[sign](left, right)


def _digits(text: str) -> str:
    return "".join(each for each in text if each.isdigit()) + ("*" if text.endswith("*") else "")


def _beyond(request: Request) -> bool:
    page, size = request.query_params.get("page", "1"), request.query_params.get("per_page", "100")
    return (int(page) - 1) * min(int(size), 100) >= MOST_RESULTS
