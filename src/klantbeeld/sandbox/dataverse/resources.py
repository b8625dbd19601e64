"""The resources of the Web API: an entity set, a row of it, what a row leads to, and the two functions around them."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from klantbeeld.sandbox.dataverse.answers import context_of, etag_of, pointing_back, shown, sorted_rows
from klantbeeld.sandbox.dataverse.columns import Table
from klantbeeld.sandbox.dataverse.errors import (
    BAD_REQUEST,
    UNKNOWN_SEGMENT,
    Refused,
    bad_query,
    no_such_row,
    version_mismatch,
)
from klantbeeld.sandbox.dataverse.keys import alternate_key, guid_text, row_at, row_or_none
from klantbeeld.sandbox.dataverse.pages import Cookie, delta_token, link, read_cookie, read_delta, start_of
from klantbeeld.sandbox.dataverse.queries import (
    MAXIMUM_PAGE,
    Preferences,
    Query,
    parse_preferences,
    parse_query,
    target_of,
)
from klantbeeld.sandbox.dataverse.store import TABLES_BY_SET, Deletion, Row, Store
from klantbeeld.sandbox.dataverse.writes import create, read_payload, update, values_of

ROOT = "/api/data/v9.2"
RESOURCE = re.compile(r"^(?P<set>\w+)(?:\((?P<key>.*)\))?(?:/(?P<rest>[$\w]+))?$")
WHO = {
    "BusinessUnitId": "6a1d3b0e-5c3f-4d0b-8a53-1f0c9d2b7e11",
    "UserId": "b7c8a2f4-0f5e-4a7e-9d0c-3e6b1a2d4c55",
    "OrganizationId": "0e4d6c52-9a1b-4f6f-bb1e-7c2a5d3f8e90",
}
UNTRACKABLE = ("$filter", "$orderby", "$expand", "$top")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, taken apart: the table, the key and what follows it, the options and the preferences."""

    base: str
    method: str
    headers: Mapping[str, str]
    body: bytes
    table: Table
    key: str | None
    rest: str | None
    options: Mapping[str, str]
    prefer: Preferences

    @property
    def query(self) -> Query:
        """The ``$`` options, read against the table."""
        return parse_query(self.table, self.options)


class Resources:
    """Answers requests from one store; lives as long as the app."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def answer(self, request: Request, body: bytes) -> Response:
        """Answer one request that has shown a good token; raise ``Refused`` where the answer is an error."""
        base = f"{request.url.scheme}://{request.url.netloc}{ROOT}"
        path = request.path_params["resource"]
        if request.method == "GET" and path in ("", "WhoAmI", "WhoAmI()"):
            return _answer(service_document(base) if not path else who_am_i(base))
        match = RESOURCE.match(path)
        table = TABLES_BY_SET.get(match["set"]) if match else None
        if match is None or table is None:
            raise Refused(404, f"Resource not found for the segment '{path}'.", code=UNKNOWN_SEGMENT)
        asked = Asked(
            base=base,
            method=request.method,
            headers=request.headers,
            body=body,
            table=table,
            key=match["key"],
            rest=match["rest"],
            options=dict(parse_qsl(request.url.query, keep_blank_values=True)),
            prefer=parse_preferences(",".join(request.headers.getlist("prefer"))),
        )
        return self._route(asked)

    def _route(self, asked: Asked) -> Response:
        on_row = asked.key is not None
        handlers: dict[tuple[str, bool, bool], Callable[[Asked], Response]] = {
            ("GET", False, False): self._collection,
            ("GET", False, True): self._count,
            ("GET", True, False): self._row,
            ("GET", True, True): self._related,
            ("POST", False, False): self._create,
            ("PATCH", True, False): self._patch,
            ("DELETE", True, False): self._delete,
        }
        handler = handlers.get((asked.method, on_row, asked.rest is not None))
        if handler is None:
            message = f"The requested resource does not support http method '{asked.method}'."
            raise Refused(405, message, code="")
        return handler(asked)

    def _collection(self, asked: Asked) -> Response:
        query = asked.query
        if "$deltatoken" in asked.options:
            return self._changes(asked, query)
        cookie = read_cookie(asked.options.get("$skiptoken"))
        if asked.prefer.tracks_changes and cookie.tracked_from is None:
            refuse_untrackable(asked.options)
            cookie = Cookie(cookie.number, cookie.after, self.store.version)
        rows = sorted_rows(self.store, query, self.store.select(query.table, query.condition))
        answer: dict[str, Any] = {
            "@odata.context": f"{asked.base}/$metadata#{asked.table.entity_set}{context_of(query)}"
        }
        if query.is_counted:
            answer["@odata.count"] = min(len(rows), MAXIMUM_PAGE)
        page, links = self._page(asked, rows if query.top is None else rows[: query.top], cookie)
        answer["value"] = [shown(self.store, query, row, annotations=asked.prefer.annotations) for row in page]
        return _answer(answer | links, preferences=asked.prefer)

    def _page(self, asked: Asked, rows: Sequence[Row], cookie: Cookie) -> tuple[Sequence[Row], dict[str, str]]:
        url = f"{asked.base}/{asked.table.entity_set}"
        size = asked.prefer.page_size or MAXIMUM_PAGE
        if asked.query.top is not None:
            size = max(len(rows), 1)
        ids = [row[asked.table.key] for row in rows]
        start = start_of(ids, cookie, size=size)
        page = rows[start : start + size]
        if start + size < len(rows):
            following = Cookie(cookie.number + 1, ids[start + size - 1], cookie.tracked_from)
            return page, {"@odata.nextLink": link(url, asked.options, skiptoken=str(following))}
        if cookie.tracked_from is None:
            return page, {}
        token = delta_token(cookie.tracked_from, self.store.clock())
        return page, {"@odata.deltaLink": link(url, asked.options, skiptoken=None, deltatoken=token)}

    def _changes(self, asked: Asked, query: Query) -> Response:
        now = self.store.clock()
        since = read_delta(asked.options["$deltatoken"], now=now)
        refuse_untrackable(asked.options)
        url = f"{asked.base}/{asked.table.entity_set}"
        items = sorted(self._changed(asked.table, since), key=version_of)
        size = asked.prefer.page_size or MAXIMUM_PAGE
        page = items[:size]
        seen = version_of(page[-1]) if len(items) > size else self.store.version
        following = link(url, asked.options, deltatoken=delta_token(seen, now))
        name = "@odata.nextLink" if len(items) > size else "@odata.deltaLink"
        answer = {
            "@odata.context": f"{asked.base}/$metadata#{asked.table.entity_set}{context_of(query)}/$delta",
            name: following,
            "value": [self._change(asked, query, item) for item in page],
        }
        return _answer(answer, preferences=asked.prefer)

    def _changed(self, table: Table, since: int) -> list[Row | Deletion]:
        return [*self.store.changed_since(table.name, since), *self.store.deleted_since(table.name, since)]

    def _change(self, asked: Asked, query: Query, item: Row | Deletion) -> dict[str, Any]:
        if isinstance(item, Deletion):
            context = f"{asked.base}/$metadata#{asked.table.entity_set}/$deletedEntity"
            return {"@odata.context": context, "id": item.row_id, "reason": "deleted"}
        return shown(self.store, query, item, annotations=asked.prefer.annotations)

    def _count(self, asked: Asked) -> Response:
        if asked.rest != "$count":
            raise Refused(404, f"Resource not found for the segment '{asked.rest}'.", code=UNKNOWN_SEGMENT)
        if "$deltatoken" in asked.options:
            since = read_delta(asked.options["$deltatoken"], now=self.store.clock())
            found = len(self._changed(asked.table, since))
        else:
            found = sum(1 for _ in self.store.select(asked.table, asked.query.condition))
        return PlainTextResponse(f"\ufeff{min(found, MAXIMUM_PAGE)}")

    def _row(self, asked: Asked) -> Response:
        row = row_at(self.store, asked.table, asked.key or "")
        query = asked.query
        is_known = asked.headers.get("if-none-match") == etag_of(row)
        if is_known and not query.expand and not asked.prefer.annotations:
            return Response(status_code=304)
        return self._representation(asked, query, row)

    def _related(self, asked: Asked) -> Response:
        row = row_at(self.store, asked.table, asked.key or "")
        navigation = asked.rest or ""
        target = target_of(asked.table, navigation)
        if target is None:
            raise Refused(404, f"Resource not found for the segment '{navigation}'.", code=UNKNOWN_SEGMENT)
        query = parse_query(target, asked.options)
        annotations = asked.prefer.annotations
        context = f"{asked.base}/$metadata#{target.entity_set}{context_of(query)}"
        if navigation in asked.table.lookups:
            lookup = asked.table.lookups[navigation]
            found = self.store.get(target.name, row.get(lookup.column) or "")
            if found is None:
                return Response(status_code=204)
            entity = shown(self.store, query, found, annotations=annotations)
            return _answer({"@odata.context": f"{context}/$entity", **entity}, preferences=asked.prefer)
        rows = sorted_rows(self.store, query, pointing_back(self.store, asked.table, navigation, query, row))
        value = [shown(self.store, query, each, annotations=annotations) for each in rows[: query.top]]
        return _answer({"@odata.context": context, "value": value}, preferences=asked.prefer)

    def _create(self, asked: Asked) -> Response:
        values = values_of(self.store, asked.table, payload_of(asked))
        return self._written(asked, create(self.store, asked.table, values), status=201)

    def _patch(self, asked: Asked) -> Response:
        key = asked.key or ""
        row = row_or_none(self.store, asked.table, key)
        refuse_by_condition(asked, row)
        values = values_of(self.store, asked.table, payload_of(asked))
        if row is not None:
            return self._written(asked, update(self.store, asked.table, row, values), status=200)
        column, value = alternate_key(asked.table, key) or (asked.table.key, guid_text(key))
        return self._written(asked, create(self.store, asked.table, {**values, column: value}), status=201)

    def _delete(self, asked: Asked) -> Response:
        row = row_at(self.store, asked.table, asked.key or "")
        refuse_by_condition(asked, row)
        self.store.delete(asked.table, row)
        return Response(status_code=204)

    def _written(self, asked: Asked, row: Row, *, status: int) -> Response:
        address = f"{asked.base}/{asked.table.entity_set}({row[asked.table.key]})"
        if not asked.prefer.returns_representation:
            return Response(status_code=204, headers={"odata-entityid": address})
        response = self._representation(asked, asked.query, row, status=status)
        if status == 201:  # noqa: PLR2004 - Created has a Location
            response.headers["location"] = address
        return response

    def _representation(self, asked: Asked, query: Query, row: Row, *, status: int = 200) -> Response:
        context = f"{asked.base}/$metadata#{asked.table.entity_set}{context_of(query)}/$entity"
        entity = shown(self.store, query, row, annotations=asked.prefer.annotations)
        return _answer({"@odata.context": context, **entity}, status=status, preferences=asked.prefer)


def refuse_by_condition(asked: Asked, row: Row | None) -> None:
    """Raise ``Refused`` where ``If-Match`` or ``If-None-Match`` speaks against writing ``row``."""
    expected, unexpected = asked.headers.get("if-match"), asked.headers.get("if-none-match")
    if row is None:
        if expected is not None:
            raise no_such_row(asked.table.name, asked.key or "")
        return
    if unexpected == "*":
        raise Refused(412, "A record with matching key values already exists.", code="0x80060892")
    if expected is not None and expected != "*" and etag_of(row) not in map(str.strip, expected.split(",")):
        raise version_mismatch()


def refuse_untrackable(options: Mapping[str, str]) -> None:
    """Raise ``Refused`` (400) for options that do not go with change tracking."""
    for name in UNTRACKABLE:
        if name in options:
            message = f'The "{name}" query parameter isn\'t supported when Change Tracking is enabled.'
            raise bad_query(message)


def payload_of(asked: Asked) -> dict[str, Any]:
    """Return the JSON object that a write carries; it must say that it is JSON."""
    if not asked.headers.get("content-type", "").startswith("application/json"):
        message = "A missing or unsupported content type header was found when trying to read a message."
        raise Refused(415, message, code=BAD_REQUEST)
    return read_payload(asked.body, asked.table.entity_set)


def version_of(item: Row | Deletion) -> int:
    """Return the version at which a row was written or went."""
    return item.version if isinstance(item, Deletion) else int(item["versionnumber"])


def service_document(base: str) -> dict[str, Any]:
    """Return the list of entity sets."""
    sets = [{"name": name, "kind": "EntitySet", "url": name} for name in sorted(TABLES_BY_SET)]
    return {"@odata.context": f"{base}/$metadata", "value": sets}


def who_am_i(base: str) -> dict[str, Any]:
    """Return the answer of the function that says whom a token stands for."""
    return {"@odata.context": f"{base}/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse", **WHO}


def _answer(body: Mapping[str, Any], *, status: int = 200, preferences: Preferences | None = None) -> Response:
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    response = Response(content, status, media_type="application/json; odata.metadata=minimal")
    if preferences and preferences.applied:
        response.headers["preference-applied"] = preferences.applied
    return response
