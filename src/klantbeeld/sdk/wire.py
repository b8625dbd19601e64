"""Names on the wire: what a product that can select is asked for, made from the wire structs themselves."""

from collections.abc import Hashable, Iterable
from functools import cache
from typing import Any, cast

import msgspec


def wire_names(record: type[Any], members: Iterable[str] | None = None) -> tuple[str, ...]:
    """Return the names on the wire of a struct's members, in the struct's order; of all without `members`.

    `members` are Python names, as in `Ask.select`; those that the struct does not have are passed over.
    """
    wanted = None if members is None else frozenset(members)
    return tuple(encoded for name, encoded in _names(cast("Hashable", record)) if wanted is None or name in wanted)


@cache
def _names(record: Hashable) -> tuple[tuple[str, str], ...]:
    fields = msgspec.structs.fields(cast("type[msgspec.Struct]", record))
    return tuple((found.name, found.encode_name) for found in fields)
