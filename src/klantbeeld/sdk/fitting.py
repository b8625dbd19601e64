"""Fitting: whether a mapping's wire members and functions give what the record's members hold.

An answer is checked against the wire's types as it is decoded. Where a mapping fits, the records that are made of it
are of their types too, and nothing has to be looked at again while a request runs.
"""

import types
from collections.abc import Iterable
from collections.abc import Mapping as Table
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

from klantbeeld.sdk.mapping import Mapping, Member

UNKNOWN: Any = Any
"""The type of what says nothing of its type; it fits everywhere."""


def misfits(mapping: Mapping[Any]) -> list[str]:
    """Name the members that do not fit, each with the reason.

    The record does not have them, or they are made of what the wire does not have, or get a value of another type.
    """
    item = _items(_given(mapping.each, mapping.wire)) if mapping.each else mapping.wire
    hints = get_type_hints(mapping.record)
    found = []
    for table, struct in ((mapping.members, item), (mapping.outer, mapping.wire)):
        for name, member in table.items():
            if name not in hints:
                found.append(f"{name}: is no member of {mapping.record.__name__}")
            elif missing := [one for one in member.wire if not _has(struct, one)]:
                found.append(f"{name}: {', '.join(missing)} is no member of {_words(struct)}")
            elif not fits(given := _given(member, struct), hints[name]):
                found.append(f"{name}: {_words(given)} is no {_words(hints[name])}")
    return found


def fits(given: Any, wanted: Any) -> bool:
    """Say whether each value of a type is one of the wanted; a whole number is where a number is wanted (PEP 484)."""
    return all(_one_fits(one, wanted) for one in _alternatives(given))


def _given(member: Member, struct: Any) -> Any:
    """Return the declared type of what a member makes of a struct; a class as function makes its own kind."""
    if not member.wire:
        return type(member.value)
    if isinstance(member.via, Table):
        return reduce(or_, map(type, member.via.values()), type(None))
    if member.via is None:
        return UNKNOWN if struct is UNKNOWN else get_type_hints(struct).get(member.wire[0], UNKNOWN)
    if isinstance(member.via, type):
        return member.via
    return get_type_hints(member.via).get("return", UNKNOWN)


def _has(struct: Any, name: str) -> bool:
    return struct is UNKNOWN or hasattr(struct, name)


def _items(many: Any) -> Any:
    """Return the type of a list's items."""
    kinds = [get_args(one)[0] for one in _alternatives(many) if get_args(one)]
    return kinds[0] if len(kinds) == 1 else UNKNOWN


def _alternatives(kind: Any) -> Iterable[Any]:
    if get_origin(kind) in {Union, types.UnionType}:
        return [found for one in get_args(kind) for found in _alternatives(one)]
    if isinstance(kind, NewType):
        return _alternatives(kind.__supertype__)
    if get_origin(kind) is Annotated:
        return _alternatives(get_args(kind)[0])
    if get_origin(kind) is Literal:
        return [type(value) for value in get_args(kind)]
    return [type(None) if kind is None else kind]


def _one_fits(given: Any, wanted: Any) -> bool:
    kinds = _alternatives(wanted)
    is_open = any(isinstance(one, TypeVar) or one in (UNKNOWN, object) for one in (given, *kinds))
    return is_open or any(_is_a(given, one) for one in kinds)


def _is_a(given: Any, wanted: Any) -> bool:
    ours, theirs = get_origin(given) or given, get_origin(wanted) or wanted
    if not (isinstance(ours, type) and isinstance(theirs, type)):
        return bool(given == wanted)
    if not issubclass(ours, theirs) and (ours, theirs) != (int, float):
        return False
    return all(fits(one, other) for one, other in zip(get_args(given), get_args(wanted), strict=False))


def _words(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind)
