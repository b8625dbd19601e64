"""Lists of the Stripe API: cursors by object id, ranges of time, search pages, and ``expand``."""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from klantbeeld.sandbox.stripe.errors import ApiError, no_such
from klantbeeld.sandbox.stripe.objects import list_of
from klantbeeld.sandbox.stripe.parameters import Kind, integer, span, text, texts
from klantbeeld.sandbox.stripe.store import Object, Store

LIST_PARAMETERS: Mapping[str, Kind] = {
    "limit": integer,
    "starting_after": text,
    "ending_before": text,
    "expand": texts,
}
CREATED: Mapping[str, Kind] = {"created": span}
SEARCH_PARAMETERS: Mapping[str, Kind] = {"query": text, "limit": integer, "page": text, "expand": texts}
DEFAULT_LIMIT = 10
MAXIMUM_LIMIT = 100
MAXIMUM_EXPANSION = 4
BOUNDS: Mapping[str, Callable[[int, int], bool]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
EXPANDABLE: Mapping[str, str] = {
    "credit_note": "credit_note",
    "customer": "customer",
    "customer_balance_transaction": "customer_balance_transaction",
    "default_price": "price",
    "invoice": "invoice",
    "latest_invoice": "invoice",
    "product": "product",
    "subscription": "subscription",
}


def within(value: int | None, bounds: Mapping[str, int] | None) -> bool:
    """Say whether a moment lies within a range; without a range everything does."""
    if not bounds:
        return True
    return value is not None and all(BOUNDS[name](value, bound) for name, bound in bounds.items())


def limit_of(values: Mapping[str, Any]) -> int:
    """Return how many objects are asked for."""
    limit = values.get("limit")
    if limit is None:
        return DEFAULT_LIMIT
    if limit < 1:
        raise ApiError(f"This value must be greater than or equal to 1 (it currently is '{limit}').", param="limit")
    if limit > MAXIMUM_LIMIT:
        message = f"This value must be less than or equal to {MAXIMUM_LIMIT} (it currently is '{limit}')."
        raise ApiError(message, param="limit")
    return int(limit)


def page_of(things: Sequence[Object], values: Mapping[str, Any], *, url: str, kind: str) -> Object:
    """Return the page of ``things`` (newest first) that the cursors point at, as a list object."""
    limit = limit_of(values)
    after, before = values.get("starting_after"), values.get("ending_before")
    if after and before:
        raise ApiError("You cannot parameterize ending_before and starting_after.", param="ending_before")
    ids = [thing["id"] for thing in things]
    if before:
        end = place_of(ids, before, kind=kind, param="ending_before")
        start = max(0, end - limit)
        return list_of(things[start:end], url, has_more=start > 0)
    start = place_of(ids, after, kind=kind, param="starting_after") + 1 if after else 0
    return list_of(things[start : start + limit], url, has_more=start + limit < len(things))


def place_of(ids: list[str], object_id: str, *, kind: str, param: str) -> int:
    """Return where a cursor stands; raise ``ApiError`` for one that points at nothing in this list."""
    try:
        return ids.index(object_id)
    except ValueError:
        raise no_such(kind, object_id, param=param) from None


def search_page(things: Iterable[Object], values: Mapping[str, Any], *, url: str) -> Object:
    """Return one page of search results; the page token is opaque to a client."""
    limit = limit_of(values)
    found = list(things)
    token = values.get("page")
    if token is not None and not token.isdecimal():
        raise ApiError("Invalid page token.", param="page")
    start = int(token or 0)
    has_more = start + limit < len(found)
    page: Object = {
        "object": "search_result",
        "data": found[start : start + limit],
        "has_more": has_more,
        "next_page": str(start + limit) if has_more else None,
        "url": url,
    }
    return page | {"total_count": len(found)} if "total_count" in values.get("expand", ()) else page


def expanded(store: Store, answer: Object, paths: Iterable[str]) -> Object:
    """Return an answer in which the ids at ``paths`` are replaced by the objects themselves."""
    for path in paths:
        parts = path.split(".")
        if len(parts) > MAXIMUM_EXPANSION:
            message = f"You cannot expand more than {MAXIMUM_EXPANSION} levels of a property ({path})."
            raise ApiError(message, code="property_expansion_max_depth", param="expand")
        if path != "total_count":
            answer = expand_below(store, answer, parts, path=path)
    return answer


def expand_below(store: Store, thing: Any, parts: list[str], *, path: str) -> Any:
    """Return ``thing`` with what the rest of the path names expanded."""
    if isinstance(thing, list):
        return [expand_below(store, each, parts, path=path) for each in thing]
    if thing is None or not parts:
        return thing
    head, rest = parts[0], parts[1:]
    if head == "subscriptions" and thing.get("object") == "customer":
        found = store.having("subscription", "customer", thing["id"])
        current = [each for each in found if each["status"] != "canceled"]
        url = f"/v1/customers/{thing['id']}/subscriptions"
        inner: Any = list_of(current[:DEFAULT_LIMIT], url, has_more=len(current) > DEFAULT_LIMIT)
    elif head not in thing or (not rest and head not in EXPANDABLE):
        raise ApiError(f"This property cannot be expanded ({path}).", param="expand")
    else:
        inner = thing[head]
        if isinstance(inner, str) and head in EXPANDABLE:
            inner = store.get(EXPANDABLE[head], inner)
    return {**thing, head: expand_below(store, inner, rest, path=path)}
