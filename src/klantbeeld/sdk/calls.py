"""Calls: what a connector says instead of doing I/O.

A capability returns a `Call`, or, for a dialogue (log in, search, then read), is a generator that yields Calls,
receives a `Reply` for each and returns the last Call. The gateway sends them; tests and recorded examples read them.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from klantbeeld.errors import SourceError
from klantbeeld.sdk.percent import form_encoded, quoted
from klantbeeld.sdk.replies import Reply

W = TypeVar("W")

Pairs = Sequence[tuple[str, str]]


class Call(msgspec.Struct, Generic[W], frozen=True, kw_only=True):
    """One HTTP request, and how its answer is read.

    `path` is quoted already (`segment` quotes an id). `record` is the wire struct of one item; only the members that a
    plan selects are decoded. `items` leads to the list of items in the body; with `None` the body is one item.
    `envelope` is a struct of what stands beside the items; `next_page` makes the position of the next page from the
    envelope and the last item, and gives None on the last page; `needs` are the members of the item that it reads,
    selected or not. `complete` tells an item, with the envelope before it, what stands elsewhere: beside the items, in
    the options, in what was asked; it sets members that no wire has. `refusal` finds an error in an answer whose status
    says that all is well. A status in `absent` means that there is no such record. `sends` is true for a call that
    changes something, which is never repeated by the gateway unless its owner refuses a second one.
    """

    method: str = "GET"
    path: str
    query: Pairs = ()
    headers: Pairs = ()
    form: Pairs | None = None
    json: Any = None
    record: type[W]
    items: tuple[str, ...] | None = None
    envelope: type[msgspec.Struct] | None = None
    next_page: Callable[[Any, Any], str | None] | None = None
    needs: frozenset[str] = frozenset()
    complete: Callable[[Any, Any], None] | None = None
    refusal: Callable[[Any], SourceError | None] | None = None
    absent: frozenset[int] = frozenset({404})
    sends: bool = False

    @property
    def target(self) -> str:
        """Path and query as they stand in the request line."""
        if not self.query:
            return self.path
        return f"{self.path}?{'&'.join([f'{quoted(name)}={quoted(value)}' for name, value in self.query])}"

    def content(self) -> tuple[bytes, str | None]:
        """Return the body and its media type."""
        if self.form is not None:
            return form_encoded(self.form), "application/x-www-form-urlencoded"
        if self.json is not None:
            return msgspec.json.encode(self.json), "application/json"
        return b"", None

    def with_headers(self, *more: tuple[str, str]) -> "Call[W]":
        """Return the same call with more headers."""
        return msgspec.structs.replace(self, headers=(*self.headers, *more))

    def with_query(self, *more: tuple[str, str]) -> "Call[W]":
        """Return the same call with more members in its query."""
        return msgspec.structs.replace(self, query=(*self.query, *more))

    def with_form(self, *more: tuple[str, str]) -> "Call[W]":
        """Return the same call with more members in its form."""
        return msgspec.structs.replace(self, form=(*(self.form or ()), *more))


Dialogue = Generator[Call[Any], Reply, Call[W]]


class Ask(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a reading is asked for.

    `keys` are the source's ids: of customers, or of records where the reading goes by record; never more than the
    reading's `batch`. `select` names the wire members that are needed. `first` is the size of a page, `after` the
    position that the source gave for it. `arguments` are the GraphQL arguments that the read hands on, by their Python
    names, as Python values.
    """

    keys: tuple[str, ...]
    select: frozenset[str]
    first: int | None = None
    after: str | None = None
    arguments: Mapping[str, Any]

    @property
    def key(self) -> str:
        """The only key, for readings that take one."""
        (key,) = self.keys
        return key


def segment(value: str) -> str:
    """Quote a value that is one segment of a path, slashes and dots included."""
    written = quoted(value)
    return written.replace(".", "%2E") if written.strip(".") == "" else written
