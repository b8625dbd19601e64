"""Zendesk's two ways of paging: by cursor (``page[size]``, ``page[after]``) and by offset (``page``, ``per_page``)."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from klantbeeld.sandbox.zendesk.errors import Refused, bad_attribute

LARGEST_PAGE = 100
Record = Mapping[str, Any]


def page_of(
    request: Request,
    name: str,
    records: Sequence[Record],
    *,
    sorts: Mapping[str, Callable[[Record], Any]] | None = None,
    largest: int = LARGEST_PAGE,
) -> dict[str, Any]:
    """Return the page of ``records`` that the request asks for, under ``name``, with the way to the next one.

    ``sorts`` names the keys that ``sort`` (cursor paging) and ``sort_by`` (offset paging) may order by; without an
    order the records come by id. Whoever asks for ``page[size]`` or a cursor gets cursor paging.
    """
    query = request.query_params
    if any(key.startswith("page[") for key in query):
        ordered = _ordered(records, sorts or {}, query.get("sort"))
        return _cursor_page(request, name, ordered, largest=largest)
    wanted = query.get("sort_by")
    if wanted and query.get("sort_order") == "desc":
        wanted = f"-{wanted}"
    return _offset_page(request, name, _ordered(records, sorts or {}, wanted), largest=largest)


def _ordered(
    records: Sequence[Record], sorts: Mapping[str, Callable[[Record], Any]], wanted: str | None
) -> list[Record]:
    by_id = sorted(records, key=lambda record: record["id"])
    if not wanted:
        return by_id
    key = sorts.get(wanted.removeprefix("-"))
    if key is None:
        raise bad_attribute("sort", f"one of {', '.join(sorts) or 'none'}")
    return sorted(by_id, key=key, reverse=wanted.startswith("-"))


def _cursor_page(request: Request, name: str, records: Sequence[Record], *, largest: int) -> dict[str, Any]:
    size = _number(request, "page[size]", largest, largest)
    places = {record["id"]: place for place, record in enumerate(records)}
    after, before = request.query_params.get("page[after]"), request.query_params.get("page[before]")
    start = 0
    if after:
        start = places.get(_read_cursor(after, "page[after]"), -1) + 1
    elif before:
        start = max(0, places.get(_read_cursor(before, "page[before]"), 0) - size)
    page = records[start : start + size]
    has_more = start + size < len(records)
    first, last = (write_cursor(page[0]["id"]), write_cursor(page[-1]["id"])) if page else (None, None)
    return {
        name: list(page),
        "meta": {"has_more": has_more, "after_cursor": last, "before_cursor": first},
        "links": {
            "next": _url(request, {"page[after]": last}) if has_more else None,
            "prev": _url(request, {"page[before]": first}) if start else None,
        },
    }


def _offset_page(request: Request, name: str, records: Sequence[Record], *, largest: int) -> dict[str, Any]:
    size = _number(request, "per_page", largest, largest)
    page = _number(request, "page", 1, None)
    start = (page - 1) * size
    return {
        name: list(records[start : start + size]),
        "next_page": _url(request, {"page": page + 1}) if start + size < len(records) else None,
        "previous_page": _url(request, {"page": page - 1}) if page > 1 else None,
        "count": len(records),
    }


def write_cursor(*parts: object) -> str:
    """Return an opaque cursor."""
    return base64.urlsafe_b64encode("|".join(map(str, parts)).encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> list[str]:
    """Return the parts of a cursor, or refuse one that we did not write."""
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("|")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Refused(400, {"error": "InvalidPaginationParameter", "description": "Invalid cursor"}) from error


def _read_cursor(cursor: str, parameter: str) -> int:
    text = read_cursor(cursor)[0]
    if not text.isdecimal():
        raise bad_attribute(parameter, "a cursor from an earlier page")
    return int(text)


def _url(request: Request, changed: Mapping[str, object]) -> str:
    dropped = {"page[after]", "page[before]"}
    kept = {key: value for key, value in request.query_params.items() if key not in dropped}
    return f"{request.base_url}{request.url.path.lstrip('/')}.json?{urlencode(kept | dict(changed))}"


def _number(request: Request, name: str, default: int, largest: int | None) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise bad_attribute(name, "a positive integer")
    return min(int(text), largest) if largest else int(text)
