"""``accounts.search``: a page of accounts by query, or all of them by cursor."""

import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from klantbeeld.sandbox.sap_customer_data_cloud.errors import missing, wrong
from klantbeeld.sandbox.sap_customer_data_cloud.query import Query, read_query, values_at
from klantbeeld.sandbox.sap_customer_data_cloud.store import Store

CURSOR_LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The accounts that an open cursor has yet to give, and until when it may be asked."""

    query: Query
    uids: tuple[str, ...]
    total: int
    until: datetime


class Cursors:
    """The open cursors, each for five minutes. Lives as long as the server's store."""

    def __init__(self) -> None:
        self._open: dict[str, Cursor] = {}

    def keep(self, cursor: Cursor, now: datetime) -> str:
        """Open a cursor and return its id."""
        self._open = {name: each for name, each in self._open.items() if each.until > now}
        name = secrets.token_urlsafe(24)
        self._open[name] = cursor
        return name

    def take(self, name: str, now: datetime) -> Cursor:
        """Return an open cursor; refuse one that is unknown or too old."""
        cursor = self._open.get(name)
        if cursor is None or cursor.until <= now:
            raise wrong("cursorId", "the cursor is unknown or has expired")
        return cursor


def search(store: Store, cursors: Cursors, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Answer ``accounts.search``."""
    now = store.clock()
    if name := parameters.get("cursorId"):
        if "query" in parameters:
            raise wrong("query", "it is not sent again with a cursorId")
        cursor = cursors.take(name, now)
        return _batch(store, cursors, cursor)
    if "query" not in parameters:
        raise missing("query")
    query = read_query(parameters["query"])
    found = _ordered([account for account in store.accounts.values() if query.holds(account)], query)
    if query.counts:
        return {"results": [{"count(*)": len(found)}], "objectsCount": 1, "totalCount": len(found)}
    uids = tuple(account["UID"] for account in found)
    if parameters.get("openCursor", "").lower() == "true":
        if query.start:
            raise wrong("openCursor", "START cannot be used with a cursor")
        return _batch(store, cursors, Cursor(query, uids, len(uids), now + CURSOR_LIFETIME))
    page = uids[query.start : query.start + query.limit]
    return _answer(store, query, page, total=len(uids))


def _batch(store: Store, cursors: Cursors, cursor: Cursor) -> dict[str, Any]:
    size = max(cursor.query.limit, 1)
    page, rest = cursor.uids[:size], cursor.uids[size:]
    answer = _answer(store, cursor.query, page, total=cursor.total)
    if rest:
        now = store.clock()
        following = Cursor(cursor.query, rest, cursor.total, now + CURSOR_LIFETIME)
        answer["nextCursorId"] = cursors.keep(following, now)
    return answer


def _answer(store: Store, query: Query, uids: tuple[str, ...], *, total: int) -> dict[str, Any]:
    accounts = [store.accounts[uid] for uid in uids if uid in store.accounts]
    results = [_selected(account, query.fields) for account in accounts]
    return {"results": results, "objectsCount": len(results), "totalCount": total}


def _ordered(accounts: list[dict[str, Any]], query: Query) -> list[dict[str, Any]]:
    """Order by the query's fields; accounts without a value come last."""
    for path, descending in reversed(query.order):
        with_value = [account for account in accounts if _first(account, path) is not None]
        without = [account for account in accounts if _first(account, path) is None]
        with_value.sort(key=lambda account: _rank(_first(account, path)), reverse=descending)
        accounts = with_value + without
    return accounts


def _first(account: Mapping[str, Any], path: str) -> Any:
    return next(values_at(account, path), None)


def _rank(value: Any) -> tuple[float, str]:
    """Return a key that orders numbers by size and everything else as text after them."""
    return (value, "") if isinstance(value, (int, float)) else (math.inf, str(value))


def _selected(account: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    if not fields:
        return dict(account)
    chosen: dict[str, Any] = {}
    for path in fields:
        source: Any = account
        target = chosen
        *parents, last = path.split(".")
        for step in parents:
            source = source.get(step) if isinstance(source, Mapping) else None
            target = target.setdefault(step, {})
        if isinstance(source, Mapping) and last in source:
            target[last] = source[last]
    return chosen
