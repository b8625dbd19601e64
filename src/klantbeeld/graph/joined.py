"""How a field of the graph says what it needs.

A field is a member of a record, `Computed` from members of its record, `Joined` from reads of sources, or `Entered`: a
root field that finds customers or writes, before anything is read. The engine reads these declarations; the functions
below them do no I/O, except those of `Entered`.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from strawberry.extensions.field_extension import AsyncExtensionResolver, FieldExtension, SyncExtensionResolver
from strawberry.types import Info
from strawberry.types.field import StrawberryField

from klantbeeld.sdk.reads import Read


class Joined(FieldExtension):
    """A field that is combined from the answers to reads.

        @strawberry.field(extensions=[Joined(Read(BILLING, "billing_accounts"))], directives=[...])
        def billing_accounts(answers: Parent[Answers[records.BillingAccount]]) -> list[BillingAccount] | None:
            return answers.records if answers.some() else None

    The function is called once for each parent, with the answers and the field's arguments. It hands on the records
    that it was given: fields below find their parents among them.
    """

    combine: Callable[..., Any]

    def __init__(self, *reads: Read) -> None:
        self.reads = reads

    def apply(self, field: StrawberryField) -> None:
        """Keep the field's function."""
        self.combine = _function(field)

    def resolve(self, next_: SyncExtensionResolver, source: Any, info: Info[Any, Any], **arguments: Any) -> Any:  # noqa: ARG002
        """Take what the engine combined, or combine it now."""
        return info.context.combined(self, info.path, source, arguments)


class Computed(FieldExtension):
    """A field that a pure function makes of members of its own record; `uses` names them."""

    def __init__(self, *uses: str) -> None:
        self.uses = uses


class Entered(FieldExtension):
    """A root field: its function is awaited before anything below it is read, and gives the root value."""

    enter: Callable[..., Awaitable[Any]]

    def apply(self, field: StrawberryField) -> None:
        """Keep the field's function."""
        self.enter = _function(field)

    async def resolve_async(
        self,
        next_: AsyncExtensionResolver,  # noqa: ARG002
        source: Any,  # noqa: ARG002
        info: Info[Any, Any],
        **arguments: Any,  # noqa: ARG002
    ) -> Any:
        """Take the value that was found or written."""
        return info.context.entered(info.path)


def _function(field: StrawberryField) -> Callable[..., Any]:
    if field.base_resolver is None:
        message = f"{field.python_name} declares what it needs and has no function"
        raise TypeError(message)
    return field.base_resolver.wrapped_func
