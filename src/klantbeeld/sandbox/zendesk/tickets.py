"""Zendesk tickets and their comments: reading, filing, commenting, solving."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from klantbeeld.sandbox.zendesk.bodies import id_of, ids_of, member_of, store_of
from klantbeeld.sandbox.zendesk.errors import invalid, key_reused, update_conflict
from klantbeeld.sandbox.zendesk.pages import page_of
from klantbeeld.sandbox.zendesk.search import PRIORITIES, SORTS, STATUSES
from klantbeeld.sandbox.zendesk.shapes import (
    CUSTOM_FIELDS,
    CUSTOM_STATUSES,
    audit_shape,
    comment_shape,
    ticket_shape,
    user_shape,
)
from klantbeeld.sandbox.zendesk.store import AGENT, Store

KEY_LIFETIME = timedelta(hours=2)
"""How long Zendesk remembers an idempotency key."""

TYPES = ("problem", "incident", "question", "task")
WRITABLE = (
    "priority",
    "type",
    "tags",
    "external_id",
    "assignee_id",
    "group_id",
    "due_at",
    "problem_id",
    "email_cc_ids",
)
LISTED = SORTS | {"id": lambda ticket: ticket["id"]}


class KeyRing:
    """The idempotency keys of the last two hours with what was answered. Lives as long as the server's store."""

    def __init__(self) -> None:
        self._answers: dict[str, tuple[datetime, str, int, Any]] = {}

    def answer(self, key: str, body: bytes, now: datetime) -> Response | None:
        """Return what was answered to this key before; refuse the key if it came with another body."""
        if key not in self._answers or now - self._answers[key][0] > KEY_LIFETIME:
            return None
        _, digest, status, answer = self._answers[key]
        if digest != hashlib.sha256(body).hexdigest():
            raise key_reused()
        return JSONResponse(answer, status, {"x-idempotency-lookup": "hit"})

    def keep(self, key: str, body: bytes, now: datetime, answer: Any) -> None:
        """Remember what was answered to a ticket created under this key."""
        copy = json.loads(json.dumps(answer))
        self._answers[key] = (now, hashlib.sha256(body).hexdigest(), 201, copy)


async def show_ticket(request: Request) -> Response:
    """GET /tickets/{id}."""
    return JSONResponse({"ticket": store_of(request).ticket(id_of(request))})


async def list_tickets(request: Request) -> Response:
    """GET /tickets, or those with an external id."""
    tickets = list(store_of(request).tickets.values())
    if external := request.query_params.get("external_id"):
        tickets = [ticket for ticket in tickets if ticket["external_id"] == external]
    return JSONResponse(page_of(request, "tickets", tickets, sorts=LISTED))


async def show_many_tickets(request: Request) -> Response:
    """GET /tickets/show_many?ids=; unknown ids are left out of the answer."""
    tickets = store_of(request).tickets
    numbers = [int(text) for text in ids_of(request, "ids") if text.isdecimal()]
    found = [tickets[number] for number in numbers if number in tickets]
    return JSONResponse({"tickets": found, "next_page": None, "previous_page": None, "count": len(found)})


async def list_requested(request: Request) -> Response:
    """GET /users/{id}/tickets/requested."""
    store, number = store_of(request), id_of(request)
    store.user(number)
    tickets = [ticket for ticket in store.tickets.values() if ticket["requester_id"] == number]
    return JSONResponse(page_of(request, "tickets", tickets, sorts=LISTED))


async def list_comments(request: Request) -> Response:
    """GET /tickets/{id}/comments, oldest first, or with ``sort=-created_at`` or ``sort_order=desc`` latest first.

    ``include=users`` puts their authors beside them.
    """
    store, number = store_of(request), id_of(request)
    store.ticket(number)
    comments = store.comments[number]
    page = page_of(request, "comments", comments, sorts={"created_at": SORTS["created_at"]})
    if request.query_params.get("sort_order") == "desc" and "sort_by" not in request.query_params:
        page["comments"].reverse()
    if "users" in request.query_params.get("include", "").split(","):
        authors = {comment["author_id"] for comment in page["comments"]}
        page["users"] = [user for number, user in store.users.items() if number in authors]
    return JSONResponse(page)


async def create_ticket(request: Request) -> Response:
    """POST /tickets, once for each ``Idempotency-Key``."""
    store, given = store_of(request), await member_of(request, "ticket")
    key, body = request.headers.get("idempotency-key"), await request.body()
    keys: KeyRing = request.app.state.keys
    if key and (earlier := keys.answer(key, body, store.clock())):
        return earlier
    answer = _file(store, given)
    headers = {"Location": answer["ticket"]["url"]}
    if key:
        keys.keep(key, body, store.clock(), answer)
        headers["x-idempotency-lookup"] = "miss"
    return JSONResponse(answer, 201, headers)


async def update_ticket(request: Request) -> Response:
    """PUT /tickets/{id}: change, comment, solve; with ``safe_update`` only if ``updated_stamp`` still holds."""
    store, ticket = store_of(request), store_of(request).ticket(id_of(request))
    given = await member_of(request, "ticket")
    if ticket["status"] == "closed":
        raise invalid({"status": [("InvalidValue", "closed prevents ticket update")]})
    if given.get("safe_update") and _moment(given.get("updated_stamp")) != _moment(ticket["updated_at"]):
        raise update_conflict()
    _check(given)
    events = _apply(store, ticket, given)
    audit = audit_shape(store.next_number(), ticket["id"], author=AGENT, created=ticket["updated_at"], events=events)
    return JSONResponse({"ticket": ticket, "audit": audit})


async def delete_ticket(request: Request) -> Response:
    """DELETE /tickets/{id}."""
    store, number = store_of(request), id_of(request)
    store.ticket(number)
    del store.tickets[number], store.comments[number]
    return Response(status_code=204)


def _file(store: Store, given: Mapping[str, Any]) -> dict[str, Any]:
    _check(given)
    comment = given.get("comment") or {"body": given.get("description")}
    text = comment.get("body") or comment.get("html_body")
    if not text:
        raise invalid({"base": [("BlankValue", "Description: cannot be blank")]})
    requester = _requester(store, given)
    number, now = max(store.tickets, default=0) + 1, store.now()
    store.tickets[number] = ticket = ticket_shape(
        number, given.get("subject") or text[:80], description=text, requester=requester, created=now, updated=now
    )
    ticket["submitter_id"] = given.get("submitter_id") or AGENT
    store.comments[number] = []
    first = {"body": text, "author_id": comment.get("author_id") or requester, "public": comment.get("public", True)}
    events = _apply(store, ticket, {**given, "comment": first})
    return {
        "ticket": ticket,
        "audit": audit_shape(store.next_number(), number, author=AGENT, created=now, events=events),
    }


def _requester(store: Store, given: Mapping[str, Any]) -> int:
    if (number := given.get("requester_id")) is not None:
        if number not in store.users:
            raise invalid({"requester": [("InvalidValue", "is not a user")]})
        return int(number)
    if not (described := given.get("requester")):
        return AGENT
    email = described.get("email")
    if email and (known := store.owner_of(email)) is not None:
        return known
    if not described.get("name"):
        raise invalid({"requester": [("BlankValue", "Name: is too short")]})
    created, now = max(store.users) + 1, store.now()
    store.users[created] = user_shape(created, described["name"], email=email, created=now, updated=now)
    if email:
        store.add_identity(created, email, primary=True, created=now)
    return created


def _check(given: Mapping[str, Any]) -> None:
    allowed = {"status": STATUSES, "priority": PRIORITIES, "type": TYPES}
    wrong = {
        name: [("InvalidValue", f"{given[name]} is not valid")]
        for name, values in allowed.items()
        if given.get(name) is not None and given[name] not in values
    }
    if wrong:
        raise invalid(wrong)


def _apply(store: Store, ticket: dict[str, Any], given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Change the ticket and return the events of its audit."""
    now = store.now()
    changed = {name: given[name] for name in WRITABLE if name in given}
    if given.get("subject"):
        changed |= {"subject": given["subject"], "raw_subject": given["subject"]}
    if given.get("status"):
        changed |= {"status": given["status"], "custom_status_id": CUSTOM_STATUSES[given["status"]]}
    if given.get("custom_fields"):
        values = {field["id"]: field.get("value") for field in given["custom_fields"] if field["id"] in CUSTOM_FIELDS}
        changed["custom_fields"] = changed["fields"] = [
            {"id": field["id"], "value": values.get(field["id"], field["value"])} for field in ticket["custom_fields"]
        ]
    events: list[dict[str, Any]] = [
        {
            "id": store.next_number(),
            "type": "Change",
            "field_name": name,
            "value": value,
            "previous_value": ticket[name],
        }
        for name, value in changed.items()
        if ticket[name] != value
    ]
    if comment := given.get("comment"):
        events.append(_comment(store, ticket["id"], comment))
    moment = int(store.clock().timestamp())
    ticket |= {**changed, "updated_at": now, "generated_timestamp": moment}
    return events


def _comment(store: Store, ticket: int, given: Mapping[str, Any]) -> dict[str, Any]:
    text = given.get("body") or given.get("html_body")
    if not text:
        raise invalid({"comment": [("BlankValue", "Body: cannot be blank")]})
    comment = comment_shape(
        store.next_number(),
        text,
        author=given.get("author_id") or AGENT,
        created=store.now(),
        public=given.get("public", True),
    )
    store.comments[ticket].append(comment)
    return comment


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
