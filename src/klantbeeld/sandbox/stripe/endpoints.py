"""What an endpoint of the sandbox's Stripe is: a method, a path, the parameters it takes, and a function."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from klantbeeld.sandbox.stripe.parameters import Kind
from klantbeeld.sandbox.stripe.store import Object, Store

PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, its parameters read: the store, the path's own values, and the parameters by name."""

    store: Store
    path: Mapping[str, str]
    values: Mapping[str, Any]


Answer = Callable[[Asked], Object]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method on one path, with ``{name}`` where an id stands."""

    method: str
    path: str
    answer: Answer
    accepts: Mapping[str, Kind] = field(default_factory=dict)

    @property
    def pattern(self) -> re.Pattern[str]:
        """The path as a regular expression over a whole URL path."""
        return re.compile("^" + PLACE.sub(r"(?P<\1>[^/]+)", self.path) + "$")


def merged_metadata(thing: Object, changes: Mapping[str, str] | None) -> dict[str, str]:
    """Return the metadata of an object after a change: empty values unset their keys, None unsets all."""
    if changes is None:
        return {}
    merged = {**thing["metadata"], **changes}
    return {key: value for key, value in merged.items() if value}
