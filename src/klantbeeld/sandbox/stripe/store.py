"""The objects of the sandbox's Stripe account, in memory: by type and id, with the events that tell of changes.

An object is the dict that the API shows. It is never changed in place: a change keeps a new dict under the same id, so
an event goes on showing what was. Lives as long as the server.
"""

import secrets
import string
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from klantbeeld.sandbox.stripe.errors import no_such

API_VERSION = "2023-10-16"
EVENT_TERM = 30 * 24 * 3600
ALPHABET = string.ascii_letters + string.digits
ID_LENGTH = 24

Object = dict[str, Any]


def new_id(prefix: str, length: int = ID_LENGTH) -> str:
    """Return an id that nobody has: ``prefix`` and random letters and digits."""
    return f"{prefix}_" + "".join(secrets.choice(ALPHABET) for _ in range(length))


class Store:
    """All objects of one account, newest first where they are listed."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self._objects: dict[str, dict[str, Object]] = defaultdict(dict)
        self._places: dict[tuple[str, str], int] = {}
        self._listed: dict[str, list[Object]] = {}
        self._indexes: dict[tuple[str, str], dict[Any, dict[str, Object]]] = {}

    @property
    def now(self) -> int:
        """The present time in Unix seconds."""
        return int(self.clock().timestamp())

    def get(self, kind: str, object_id: str) -> Object | None:
        """Return an object, or None."""
        return self._objects[kind].get(object_id)

    def need(self, kind: str, object_id: str, *, param: str = "id") -> Object:
        """Return an object; raise ``ApiError`` where there is none, or it was deleted.

        ``param`` is the parameter that named it, ``id`` for the URL itself.
        """
        found = self._objects[kind].get(object_id)
        if found is None or found.get("deleted"):
            raise no_such(kind, object_id, param=param)
        return found

    def all(self, kind: str) -> list[Object]:
        """Return the objects of a type that are not deleted, newest first."""
        if kind not in self._listed:
            living = (each for each in self._objects[kind].values() if not each.get("deleted"))
            self._listed[kind] = self.newest_first(living)
        return self._listed[kind]

    def having(self, kind: str, field: str, value: Any) -> list[Object]:
        """Return the objects whose ``field`` is ``value``, newest first, found by an index."""
        index = self._indexes.get((kind, field))
        if index is None:
            index = self._indexes[kind, field] = defaultdict(dict)
            for each in self._objects[kind].values():
                index[each.get(field)][each["id"]] = each
        return self.newest_first(index[value].values() if value in index else ())

    def newest_first(self, objects: Iterable[Object]) -> list[Object]:
        """Return objects by the moment they were created, the latest first."""
        return sorted(objects, key=self._age, reverse=True)

    def put(self, thing: Object) -> Object:
        """Keep an object, new or changed, without telling anybody."""
        kind, object_id = thing["object"], thing["id"]
        self._places.setdefault((kind, object_id), len(self._places))
        earlier = self._objects[kind].get(object_id)
        self._objects[kind][object_id] = thing
        self._listed.pop(kind, None)
        for (indexed, field), index in self._indexes.items():
            if indexed != kind:
                continue
            if earlier is not None:
                index[earlier.get(field)].pop(object_id, None)
            index[thing.get(field)][object_id] = thing
        return thing

    def make(self, thing: Object, event: str) -> Object:
        """Keep a new object and tell of it."""
        self.put(thing)
        self.tell(event, thing)
        return thing

    def change(self, thing: Object, changes: Mapping[str, Any], event: str) -> Object:
        """Change an object and tell of it, with the earlier values of what changed."""
        previous = {name: thing.get(name) for name, value in changes.items() if thing.get(name) != value}
        changed = self.put({**thing, **changes})
        if previous:
            self.tell(event, changed, previous=previous)
        return changed

    def tell(
        self,
        event: str,
        thing: Object,
        *,
        previous: Mapping[str, Any] | None = None,
        at: int | None = None,
        event_id: str | None = None,
    ) -> None:
        """Add an event with the object as it is now; the API keeps it for 30 days."""
        data: Object = {"object": thing}
        if previous is not None:
            data["previous_attributes"] = dict(previous)
        self.put(
            {
                "id": event_id or new_id("evt"),
                "object": "event",
                "api_version": API_VERSION,
                "created": self.now if at is None else at,
                "data": data,
                "livemode": False,
                "pending_webhooks": 0,
                "request": {"id": None, "idempotency_key": None},
                "type": event,
            }
        )

    def _age(self, thing: Object) -> tuple[int, int]:
        return thing["created"], self._places[thing["object"], thing["id"]]
