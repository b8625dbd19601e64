"""Decoding: the bytes of an answer into wire structs that hold only what was asked.

Types are checked while decoding; an answer that does not fit is `SourceInvalid`, with the place and never the value.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

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
    record: Any = call.record
    wanted = select | call.needs if call.needs else select  # a set that is there already is hashed already
    try:
        envelope, items = _read(call, body, _body_of(record, wanted, call.items, call.envelope))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SourceInvalid(f"answer to {call.method} is not what was declared: {_place(error)}") from error
    if call.complete:
        for item in items:
            call.complete(envelope, item)
    last = items[-1] if items else None
    return Decoded(items, call.next_page(envelope, last) if call.next_page else None)


class Body(msgspec.Struct, frozen=True, gc=False):
    """How a body is read: its decoder, whether what that gives is the envelope too, and else how that is read."""

    decode: Callable[[bytes], Any]
    depth: int | None
    is_whole: bool
    decode_envelope: Callable[[bytes], Any] | None


def _read(call: Call[Any], body: bytes, how: Body) -> tuple[Any, list[Any]]:
    """Read the envelope and the items, in one go where that can be; raises the refusal that stands in the body."""
    envelope = None
    if how.decode_envelope is not None and not how.is_whole:
        envelope = _unrefused(call, how.decode_envelope(body))
    try:
        found = how.decode(body)
    except msgspec.DecodeError:
        if how.is_whole and how.decode_envelope is not None and call.refusal:  # whoever refuses may leave out the items
            _unrefused(call, how.decode_envelope(body))
        raise
    if how.is_whole:
        envelope = _unrefused(call, found)
    if how.depth is None:
        return envelope, [found]
    for _ in range(how.depth):
        found = getattr(found, ITEMS)
    return envelope, found


def _unrefused(call: Call[Any], envelope: Any) -> Any:
    if call.refusal and (refusal := call.refusal(envelope)):
        raise refusal
    return envelope


@lru_cache(maxsize=4096)
def _body_of(
    record: Any, select: frozenset[str], items: tuple[str, ...] | None, envelope: type[msgspec.Struct] | None
) -> Body:
    """Work out how the body is read that has the record, or a list of them at `items`, with what is selected alone."""
    narrowed = narrow(record, select)
    kind = narrowed if items is None else listing(narrowed, items)
    beside, is_whole = None, False
    if envelope is not None:
        beside = msgspec.json.Decoder(envelope).decode
        if items and items[0] not in {one.encode_name for one in msgspec.structs.fields(envelope)}:
            inner = listing(narrowed, items[1:])
            kind = msgspec.defstruct(
                "Body", [(ITEMS, inner)], bases=(envelope,), rename={ITEMS: items[0]}, kw_only=True
            )
            is_whole = True
    return Body(msgspec.json.Decoder(kind).decode, None if items is None else len(items), is_whole, beside)


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


def _field(found: msgspec.structs.FieldInfo) -> tuple[str, Any] | tuple[str, Any, Any]:
    if found.default is not msgspec.NODEFAULT:
        return (found.name, found.type, found.default)
    if found.default_factory is not msgspec.NODEFAULT:
        return (found.name, found.type, msgspec.field(default_factory=found.default_factory))
    return (found.name, found.type)


def _place(error: Exception) -> str:
    # msgspec's message for a type names types and a path; for malformed JSON it names a byte position. Neither quotes
    # a value, but an invalid enum value is quoted, so only what stands behind the last "at" is kept.
    _, found, place = str(error).rpartition(" - at ")
    return place if found else "malformed"
