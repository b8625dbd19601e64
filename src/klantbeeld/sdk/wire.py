"""Names on the wire: what a product that can select is asked for, made from the wire structs themselves."""

from collections.abc import Hashable, Iterable
from functools import lru_cache
from typing import Any, cast

import msgspec

MOST_SELECTIONS = 1_024  # whose names are remembered; a plan has one for each of its calls


def wire_names(record: type[Any], members: Iterable[str] | None = None) -> tuple[str, ...]:
    """Return the names on the wire of a struct's members, in the struct's order; of all without `members`.

    `members` are Python names, as in `Ask.select`; those that the struct does not have are passed over.
    """
    return _names(cast("Hashable", record), None if members is None else frozenset(members))


@lru_cache(MOST_SELECTIONS)
def _names(record: Hashable, wanted: frozenset[str] | None) -> tuple[str, ...]:
    fields = msgspec.structs.fields(cast("type[msgspec.Struct]", record))
    return tuple(found.encode_name for found in fields if wanted is None or found.name in wanted)
