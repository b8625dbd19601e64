"""From an HTTP request's bytes to a GraphQLRequest, strictly: what is ambiguous is refused, never guessed.

JSON is that of RFC 8259 without its liberties: no duplicate names, no NaN, no number with a fraction or an exponent
beyond a double, no lone surrogates, at most 64 levels and 1,000 members of an object.
"""

import asyncio
import json
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl

from starlette.types import Receive

from klantbeeld.gateway.errors import Refusal
from klantbeeld.gateway.ports import GraphQLRequest

DEEPEST: Final = 64
MOST_MEMBERS: Final = 1_000  # of an object: graphql-core has something to say about each that it does not know
CLOSE: Final = (b"connection", b"close")  # what is still on its way must not be taken for the next request
MOST_PARAMETERS: Final = 16
MEMBERS: Final[tuple[tuple[str, type], ...]] = (
    ("query", str),
    ("operationName", str),
    ("variables", dict),
    ("extensions", dict),
    ("documentId", str),
)


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], *, limit: int, within: float) -> bytes:
    """Read a request's body of at most `limit` bytes that comes within so many seconds.

    Raises Refusal (413, 408) and ClientGone.
    """
    try:
        async with asyncio.timeout(within):
            return await _read_body(receive, headers, limit)
    except TimeoutError as error:
        raise Refusal("BODY_TOO_SLOW", status=408, headers=(CLOSE,)) from error


async def _read_body(receive: Receive, headers: Mapping[bytes, bytes], limit: int) -> bytes:
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or int(declared[:20]) > limit:
        raise _too_large(limit)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        return body
    return await _read_rest(receive, message, limit)


def request_of_body(body: bytes) -> GraphQLRequest:
    """Read the JSON body of a POST. Raises Refusal."""
    return request_of(parse_json(body, place="body"))


def request_of_query_string(query_string: bytes, *, limit: int) -> GraphQLRequest:
    """Read the parameters of a GET. Raises Refusal."""
    if len(query_string) > limit:
        raise Refusal("BODY_TOO_LARGE", status=414, place="URL", limit=limit)
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS
        )
    except UnicodeDecodeError as error:
        raise Refusal("INVALID_UTF8", place="URL") from error
    except ValueError as error:
        raise Refusal("BAD_REQUEST", place="URL") from error
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Refusal("DUPLICATE_NAME", place=f"URL parameter {name[:64]}")
        found[name] = value
    for name in ("variables", "extensions"):
        if name in found:
            found[name] = parse_json(found[name].encode(), place=f"URL parameter {name}") if found[name] else None
    return request_of(found)


def request_of(message: object) -> GraphQLRequest:
    """Read the members of a request map. Raises Refusal naming the member."""
    if isinstance(message, list):
        raise Refusal("BATCHING_NOT_SUPPORTED", place="body")
    if not isinstance(message, dict):
        raise Refusal("BAD_REQUEST", place="body")
    for name, expected in MEMBERS:
        value = message.get(name)
        if value is not None and type(value) is not expected:
            raise Refusal("BAD_REQUEST", place=name)
    query, document_id = message.get("query"), message.get("documentId")
    extensions = message.get("extensions") or {}
    if query is None and document_id is None and "persistedQuery" not in extensions:
        raise Refusal("BAD_REQUEST", place="query")
    return GraphQLRequest(
        query=query,
        operation_name=message.get("operationName") or None,
        variables=message.get("variables") or {},
        extensions=extensions,
        document_id=document_id,
    )


def parse_json(body: bytes, *, place: str) -> Any:
    """Parse JSON strictly. Raises Refusal with a code for each way of being wrong."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal("INVALID_UTF8", place=f"{place}, byte {error.start}") from error
    try:
        value = _decoder.decode(text)
    except RecursionError as error:
        raise Refusal("JSON_TOO_DEEP", place=place, limit=DEEPEST) from error
    except json.JSONDecodeError as error:
        raise Refusal("INVALID_JSON", place=f"{place}, character {error.pos}") from error
    except ValueError as error:  # an integer of more digits than Python converts
        raise Refusal("INVALID_JSON", place=place) from error
    if "\\u" in text:
        _refuse_lone_surrogates(value, place)
    if text.count("{") + text.count("[") > DEEPEST:
        _refuse_depth(value, place)
    return value


async def _read_rest(receive: Receive, message: Any, limit: int) -> bytes:
    chunks = []
    size = 0
    while True:
        if message["type"] != "http.request":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)
        message = await receive()


def _too_large(limit: int) -> Refusal:
    return Refusal("BODY_TOO_LARGE", status=413, place="body", headers=(CLOSE,), limit=limit)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MOST_MEMBERS:
        raise Refusal("JSON_TOO_WIDE", limit=MOST_MEMBERS)
    members = dict(pairs)
    if len(members) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise Refusal("DUPLICATE_NAME", place=f"member {twice[:64]!r}")
    return members


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise Refusal("INVALID_JSON", place="a number beyond the range of a double")
    return value


def _refuse_constant(text: str) -> NoReturn:
    raise Refusal("INVALID_JSON", place=text)


def _refuse_lone_surrogates(value: object, place: str) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise Refusal("INVALID_UTF8", place=f"{place}, a lone surrogate") from error


def _refuse_depth(value: object, place: str) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _members(outer)]
        if not level:
            return
    raise Refusal("JSON_TOO_DEEP", place=place, limit=DEEPEST)


def _members(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


_decoder: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_refuse_constant)
