"""How a field of the graph says what it needs.

A field is a member of a record, `computed` from members of its record, `joined` from reads of sources, or `entered`: a
root field that finds customers or writes, before anything below it is read. The engine reads these declarations. The
functions do no I/O, except those of `entered`; their docstrings are the descriptions of the schema.
"""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import strawberry
from strawberry.extensions.field_extension import AsyncExtensionResolver, FieldExtension, SyncExtensionResolver
from strawberry.types import Info
from strawberry.types.field import StrawberryField

from klantbeeld.graph.data import Data
from klantbeeld.sdk.read import Read

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ruled:
    """A read beside the field's own: asked only for a caller who may see what it brings, and otherwise not there."""

    read: Read
    rule: Data


def joined(*reads: Read | Ruled, data: Data | None = None) -> Callable[[Callable[..., T]], T]:
    """Make a field that is combined from the answers to reads.

        @joined(Read(BILLING, "billing_accounts"), data=FINANCIAL)
        def billing_accounts(answers: Parent[Answers[records.BillingAccount]]) -> list[BillingAccount] | None:
            \"\"\"Accounts on which invoices are made.\"\"\"
            return answers.records if answers.some() else None

    The function is called once for each parent, with the answers and the field's arguments. It hands on the records
    that it was given: fields below find their parents among them.
    """
    return _field(Joined(*reads), data)


def computed(*uses: str, data: Data | None = None, tells_members: bool = False) -> Callable[[Callable[..., T]], T]:
    """Make a field that a pure function makes of its record; `uses` names the members that it needs.

    One that `tells_members` speaks of every member that its record has, and gets it with those alone that are selected
    beside it, on the same object, conditions decided: what else was read, and for whom, it does not show.
    """
    return _field(Telling(*uses) if tells_members else Computed(*uses), data)


def entered(data: Data | None = None) -> Callable[[Callable[..., Awaitable[T]]], T]:
    """Make a root field: its function is awaited with `roots` before anything below it is read."""
    return cast("Callable[[Callable[..., Awaitable[T]]], T]", _field(Entered(), data))


def subscribed(
    listen: Callable[..., Awaitable[Any]], *, data: Data | None = None
) -> Callable[[Callable[..., Awaitable[T]]], T]:
    """Make a field of the subscription: `listen` is awaited once with `roots` and arguments, and gives events.

    The function is awaited for each event, or for several that came meanwhile, which are in `roots.events`. It returns
    None where there is nothing to tell of them, and ends the subscription by raising RequestError.
    """
    return cast("Callable[[Callable[..., Awaitable[T]]], T]", _field(Subscribed(listen), data))


class Joined(FieldExtension):
    """What `joined` declares."""

    combine: Callable[..., Any]

    def __init__(self, *reads: Read | Ruled) -> None:
        self.reads = tuple(one.read if isinstance(one, Ruled) else one for one in reads)
        self.rules = {one.read: one.rule for one in reads if isinstance(one, Ruled)}

    def apply(self, field: StrawberryField) -> None:
        """Keep the field's function."""
        self.combine = _function(field)

    # By position alone, as strawberry calls it: a field's argument may be called `source`.
    def resolve(  # type: ignore[override]  # strawberry's own signature names them
        self, next_: SyncExtensionResolver, source: Any, info: Info[Any, Any], /, **arguments: Any
    ) -> Any:
        """Take what the engine combined, or have it combined now."""
        return info.context.combined(info.path, source)


class Computed(FieldExtension):
    """What `computed` declares."""

    def __init__(self, *uses: str) -> None:
        self.uses = uses


class Telling(Computed):
    """What `computed` declares of a field that tells of the members of its record."""

    tell: Callable[..., Any]

    def apply(self, field: StrawberryField) -> None:
        """Keep the field's function."""
        self.tell = _function(field)

    def resolve(  # type: ignore[override]  # as above
        self, next_: SyncExtensionResolver, source: Any, info: Info[Any, Any], /, **arguments: Any
    ) -> Any:
        """Tell of the members that are selected beside it."""
        return self.tell(info.context.as_told(info.path, source))


class Entered(FieldExtension):
    """What `entered` declares."""

    enter: Callable[..., Awaitable[Any]]

    def apply(self, field: StrawberryField) -> None:
        """Keep the field's function."""
        self.enter = _function(field)

    async def resolve_async(  # type: ignore[override]  # as above
        self, next_: AsyncExtensionResolver, source: Any, info: Info[Any, Any], /, **arguments: Any
    ) -> Any:
        """Take the value that was found or written."""
        return info.context.entered(info.path)


class Subscribed(Entered):
    """What `subscribed` declares."""

    def __init__(self, listen: Callable[..., Awaitable[Any]]) -> None:
        self.listen = listen


def _field(extension: FieldExtension, data: Data | None) -> Callable[[Callable[..., T]], T]:
    def make(function: Callable[..., T]) -> T:
        field = strawberry.field(
            description=inspect.getdoc(function), extensions=[extension], directives=[data] if data else []
        )
        return cast("T", field(function))

    return make


def _function(field: StrawberryField) -> Callable[..., Any]:
    if field.base_resolver is None:
        message = f"{field.python_name} declares what it needs and has no function"
        raise TypeError(message)
    return cast("Callable[..., Any]", field.base_resolver.wrapped_func)
