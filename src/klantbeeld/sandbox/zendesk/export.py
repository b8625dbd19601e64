"""Zendesk's incremental export by cursor: what changed since a time, without the last minute."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from klantbeeld.sandbox.zendesk.bodies import store_of
from klantbeeld.sandbox.zendesk.errors import bad_attribute, start_too_recent
from klantbeeld.sandbox.zendesk.pages import read_cursor, write_cursor

LEFT_OUT = timedelta(minutes=1)
LARGEST_PAGE = 1000
CURSOR_PARTS = 2


async def export_tickets(request: Request) -> Response:
    """GET /incremental/tickets/cursor."""
    return JSONResponse(_export(request, "tickets", store_of(request).tickets))


async def export_users(request: Request) -> Response:
    """GET /incremental/users/cursor."""
    return JSONResponse(_export(request, "users", store_of(request).users))


def _export(request: Request, name: str, records: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    position, until = _position(request), store_of(request).clock() - LEFT_OUT
    changed = sorted(
        ((_changed_at(record), record["id"]) for record in records.values()),
    )
    waiting = [
        (moment, number) for moment, number in changed if (moment, number) > position and moment < until.timestamp()
    ]
    size = _size(request)
    page = waiting[:size]
    last = page[-1] if page else position
    cursor = write_cursor(*last)
    path = request.url.path.lstrip("/")
    return {
        name: [records[number] for _, number in page],
        "after_cursor": cursor,
        "after_url": f"{request.base_url}{path}.json?cursor={cursor}&per_page={size}",
        "before_cursor": None,
        "before_url": None,
        "end_of_stream": len(waiting) <= size,
    }


def _position(request: Request) -> tuple[int, int]:
    """Return the place after which the page begins: a time in Unix seconds, and an id."""
    if cursor := request.query_params.get("cursor"):
        parts = read_cursor(cursor)
        if len(parts) != CURSOR_PARTS or not all(part.isdecimal() for part in parts):
            raise bad_attribute("cursor", "a cursor from an earlier page")
        return int(parts[0]), int(parts[1])
    start = request.query_params.get("start_time", "")
    if not start.isdecimal():
        raise bad_attribute("start_time", "a Unix time")
    if datetime.fromtimestamp(int(start), UTC) > store_of(request).clock() - LEFT_OUT:
        raise start_too_recent()
    return int(start), 0


def _changed_at(record: Mapping[str, Any]) -> int:
    return int(datetime.fromisoformat(record["updated_at"]).timestamp())


def _size(request: Request) -> int:
    text = request.query_params.get("per_page", str(LARGEST_PAGE))
    if not text.isdecimal() or int(text) < 1:
        raise bad_attribute("per_page", "a positive integer")
    return min(int(text), LARGEST_PAGE)
