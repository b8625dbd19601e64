"""Decoding: the bytes of an answer into wire structs that hold only what was asked.

Types are checked while decoding; an answer that does not fit is `SourceInvalid`, with the place and never the value.
"""

from functools import lru_cache
from typing import Any, cast

import msgspec

from klantbeeld.errors import SourceInvalid
from klantbeeld.sdk.calls import Call

ITEMS = "items_"


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """The items of one answer and the position of the next page, None on the last."""

    items: list[Any]
    next_page: str | None


def decode(call: Call[Any], body: bytes, select: frozenset[str]) -> Decoded:
    """Decode the answer to a call; raises SourceError, the connector's own where the body refuses."""
    try:
        envelope = decoder(cast("Any", call.envelope)).decode(body) if call.envelope else None
        if envelope is not None and call.refusal and (refusal := call.refusal(envelope)):
            raise refusal
        found = decoder_of(cast("Any", call.record), select, call.needs, call.items).decode(body)
        items = [found] if call.items is None else _at(found, call.items)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SourceInvalid(f"answer to {call.method} is not what was declared: {_place(error)}") from error
    if call.complete:
        for item in items:
            call.complete(envelope, item)
    last = items[-1] if items else None
    return Decoded(items, call.next_page(envelope, last) if call.next_page else None)


@lru_cache(maxsize=4096)
def narrow(record: Any, select: frozenset[str]) -> Any:
    """Return a struct with the selected fields of `record` alone, under the same names on the wire."""
    fields = [found for found in msgspec.structs.fields(record) if found.name in select]
    if len(fields) == len(msgspec.structs.fields(record)):
        return record
    return msgspec.defstruct(
        record.__name__,
        [_field(found) for found in fields],
        rename={found.name: found.encode_name for found in fields},
        kw_only=True,
        gc=False,
    )


@lru_cache(maxsize=4096)
def listing(record: Any, path: tuple[str, ...]) -> Any:
    """Return the type of a body that holds a list of records at `path`."""
    kind: Any = list[record]
    for name in reversed(path):
        kind = msgspec.defstruct("Body", [(ITEMS, kind)], rename={ITEMS: name})
    return kind


@lru_cache(maxsize=4096)
def decoder_of(
    record: Any, select: frozenset[str], needs: frozenset[str], items: tuple[str, ...] | None
) -> msgspec.json.Decoder[Any]:
    """Return the decoder of a body that has the record, or a list of them at `items`, with what is selected alone."""
    narrowed = narrow(record, select | needs)
    return decoder(narrowed if items is None else listing(narrowed, items))


@lru_cache(maxsize=4096)
def decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """Return the decoder of a type; made once."""
    return msgspec.json.Decoder(kind)


def _field(found: msgspec.structs.FieldInfo) -> tuple[str, Any] | tuple[str, Any, Any]:
    if found.default is not msgspec.NODEFAULT:
        return (found.name, found.type, found.default)
    if found.default_factory is not msgspec.NODEFAULT:
        return (found.name, found.type, msgspec.field(default_factory=found.default_factory))
    return (found.name, found.type)


def _at(body: Any, path: tuple[str, ...]) -> list[Any]:
    for _ in path:
        body = getattr(body, ITEMS)
    found: list[Any] = body
    return found


def _place(error: Exception) -> str:
    # msgspec's message for a type names types and a path; for malformed JSON it names a byte position. Neither quotes
    # a value, but an invalid enum value is quoted, so only what stands behind the last "at" is kept.
    _, found, place = str(error).rpartition(" - at ")
    return place if found else "malformed"
