"""Publishing records: a GraphQL type made of a unified record, member by member.

    @published(records.Invoice, Data(owner="BILLING", category=Category.CUSTOM, scope="billing:read"))
    class Invoice(Sourced):
        total: Money | None

Members that the class does not name are taken over with their types; each gets the docstring under the record's member
as its description, and the directive. Only members whose type is itself published are named in the class; one that is
given a field there keeps it.
"""

import ast
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any, TypeVar, get_type_hints

import msgspec
import strawberry

from klantbeeld.graph.data import Data
from klantbeeld.sdk.records import Record

T = TypeVar("T")

# Members of every record that the graph shows in its own way, through `Sourced`, or not at all.
CARRIED = frozenset(Record.__struct_fields__)

PUBLISHES = "__klantbeeld_publishes__"


def published(
    record: type[msgspec.Struct], data: Data | None, *, hidden: tuple[str, ...] = (), **special: Data
) -> Callable[[type[T]], type[T]]:
    """Make a GraphQL type of a record; `special` gives members a directive of their own, `hidden` leaves some out.

    Without `data` it is a value that is personal or not by the field that holds it, whose directive counts.
    """

    def publish(cls: type[T]) -> type[T]:
        descriptions = member_descriptions(record)
        annotations: dict[str, Any] = {}
        carried = CARRIED if issubclass(record, Record) else frozenset()
        for name, kind in get_type_hints(record).items():
            if name in carried or name in hidden:
                continue
            annotations[name] = cls.__annotations__.get(name, kind)
            if name in cls.__dict__:
                continue
            directive = special.get(name, data)
            directives = [replace(directive)] if directive else []
            field = strawberry.field(description=descriptions[name], directives=directives)
            setattr(cls, name, field)
        cls.__annotations__ = annotations
        setattr(cls, PUBLISHES, record)
        is_type_of = classmethod(lambda _, value, __: isinstance(value, record))
        cls.is_type_of = is_type_of  # type: ignore[attr-defined]  # strawberry looks for it on the class
        made: type[T] = strawberry.type(cls, description=inspect.getdoc(record))
        return made

    return publish


def publishes(cls: type[Any]) -> type[msgspec.Struct] | None:
    """Return the record that a GraphQL type publishes, or None."""
    return cls.__dict__.get(PUBLISHES)


@cache
def member_descriptions(record: type[msgspec.Struct]) -> Mapping[str, str]:
    """Return the docstring under each member of a record, which is a class of a module's first level."""
    body = _classes_of(record.__module__)[record.__name__].body
    return {
        member.target.id: text.value.value
        for member, text in pairwise(body)
        if isinstance(member, ast.AnnAssign)
        and isinstance(member.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


@cache
def _classes_of(module: str) -> Mapping[str, ast.ClassDef]:
    """Read a module's source once: the gateway starts sooner than if each class were looked for in it."""
    source = inspect.getsource(sys.modules[module])
    return {node.name: node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}
