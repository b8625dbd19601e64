"""Drift: how a system's answer differs in shape from the one that was recorded.

A shape is the members of a JSON body, by their paths, each with the types of its values: `data[].due_date: string`. No
value is in it. A member that the connector reads matters; another one is told, and does not.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import msgspec

from klantbeeld.sdk.calls import Call
from klantbeeld.sdk.examples import Exchange
from klantbeeld.sdk.replies import Reply

Kind = Literal["status", "added", "gone", "not seen", "type"]
Shape = Mapping[str, frozenset[str]]

NULL = "null"
NAMES: Mapping[type, str] = {
    dict: "object",
    list: "list",
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: where, what was recorded, what is answered now. `matters` where the connector depends on it."""

    kind: Kind
    where: str
    was: str = ""
    now: str = ""
    matters: bool = False


def changes(recorded: Sequence[Exchange], spoken: Sequence[tuple[Call[Any], Reply]], *, is_same: bool) -> list[Change]:
    """Compare the answers of a conversation with the recorded ones.

    `is_same` says that the same was asked, so that a member which is not there any more is gone; elsewhere it may be
    that somebody else has no value for it.
    """
    found = []
    for number, (exchange, (call, reply)) in enumerate(zip(recorded, spoken, strict=False), 1):
        place = f"{call.method} {number}" if len(recorded) > 1 else call.method
        found += list(_of_answer(exchange, call, reply, place=place, is_same=is_same))
    return found


def shape_of(value: Any) -> Shape:
    """Return the shape of a JSON value."""
    found: dict[str, set[str]] = {}
    for path, name in _members(value, ""):
        found.setdefault(path, set()).add(name)
    return {path: frozenset(names) for path, names in found.items()}


def _of_answer(exchange: Exchange, call: Call[Any], reply: Reply, *, place: str, is_same: bool) -> Iterator[Change]:
    before = exchange.reply
    if not is_same and {before.status, reply.status} & call.absent:
        return  # one of the two is not there, which says nothing of the other
    if before.status != reply.status:
        yield Change("status", place, str(before.status), str(reply.status), matters=True)
        return
    if not isinstance(before.body, dict | list):
        return
    old, new = shape_of(before.body), shape_of(_json(reply.body))
    read = _read(call, before.body)
    for path in sorted(old.keys() | new.keys()):
        if path not in old:
            if _parent(path) in old:  # below a member that is new itself, nothing more is said
                yield Change("added", path, now=_types(new[path]))
        elif path not in new:
            if _parent(path) in new:
                is_gone = is_same and _is_certain(path, new)
                matters = is_gone and path in read
                yield Change("gone" if is_gone else "not seen", path, was=_types(old[path]), matters=matters)
        elif _differ(old[path], new[path]):
            yield Change("type", path, _types(old[path]), _types(new[path]), matters=path in read)


def _members(value: Any, path: str) -> Iterator[tuple[str, str]]:
    yield path, NULL if value is None else NAMES[type(value)]
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _members(member, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for item in value:
            yield from _members(item, f"{path}[]")


def _read(call: Call[Any], body: Any) -> frozenset[str]:
    """Return the paths of the members that the connector reads of a recorded answer."""
    place = ".".join(call.items) if call.items else ""
    items = body
    for name in call.items or ():
        items = items.get(name) if isinstance(items, dict) else None
    found: set[str] = set()
    for item in items if call.items is not None and isinstance(items, list) else [items]:
        try:
            kept = msgspec.to_builtins(msgspec.convert(item, cast("Any", call.record), strict=False))
        except (msgspec.ValidationError, TypeError):
            continue
        prefix = f"{place}[]" if call.items is not None else ""
        found |= {f"{prefix}.{path}" if prefix and path else prefix or path for path in shape_of(kept)}
    return frozenset(found)


def _is_certain(path: str, new: Shape) -> bool:
    """Say whether a member would be there if it still existed: there is something that it could be a member of."""
    return "object" in new.get(_parent(path), ())


def _parent(path: str) -> str:
    return path.removesuffix("[]") if path.endswith("[]") else path.rpartition(".")[0]


def _differ(old: frozenset[str], new: frozenset[str]) -> bool:
    """Say whether the types cannot be the same member's; null may stand for each."""
    known, seen = old - {NULL}, new - {NULL}
    return bool(known and seen and not known & seen)


def _types(names: frozenset[str]) -> str:
    return " or ".join(sorted(names))


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
