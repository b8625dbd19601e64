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
    return bool(terms) and _all_hold(lambda key: _user_values(store, user, key), terms)


def matches_ticket(store: Store, ticket: dict[str, Any], terms: list[Term]) -> bool:
    """Say whether a ticket meets all terms."""
    return _all_hold(lambda key: _ticket_values(store, ticket, key), terms)


def _user_values(store: Store, user: dict[str, Any], key: str) -> list[Any]:
    """Return the values that a term with this key is held against; without a key, the words of the user."""
    match key:
        case "email":
            return list(store.emails(user["id"]))
        case "phone":
            return [_digits(user["phone"] or "")]
        case "name":
            return [user["name"], *user["name"].split()]
        case "created" | "updated":
            return [user[f"{key}_at"]]
        case "external_id" | "role" | "notes":
            return [user[key]]
        case "tags":
            return list(user["tags"])
        case "":
            return [user["name"], *user["name"].split(), *store.emails(user["id"]), user["phone"]]
        case _:
            return []


def _ticket_values(store: Store, ticket: dict[str, Any], key: str) -> list[Any]:
    match key:
        case "requester" | "submitter" | "assignee":
            return _person(store, ticket[f"{key}_id"])
        case "created" | "updated":
            return [ticket[f"{key}_at"]]
        case "status" | "priority" | "external_id":
            return [ticket[key]]
        case "ticket_type":
            return [ticket["type"]]
        case "tags":
            return list(ticket["tags"])
        case "via":
            return [ticket["via"]["channel"]]
        case "subject":
            return [ticket["subject"], *ticket["subject"].split()]
        case "":
            return [str(ticket["id"]), ticket["subject"], *ticket["subject"].split(), *ticket["description"].split()]
        case _:
            return [field["value"] for field in ticket["custom_fields"] if key == f"custom_field_{field['id']}"]


def _person(store: Store, number: int | None) -> list[Any]:
    if number is None:
        return ["none"]
    name = store.users[number]["name"] if number in store.users else ""
    return [str(number), name, *name.split(), *store.emails(number), *(["me"] if number == AGENT else [])]


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
