"""Assembly without dispatch: a plan's answer written out as functions, once, for each way its conditions can fall.

For every selection on an object type one struct is made, whose fields are the response keys, and one function that
fills it. Nothing is looked up for a field while a request runs. What the functions do not express they leave to
graphql-core, by raising `Unassembled`: a non-null field without a value, a number out of range, a value of a type that
the selection does not expect.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import msgspec
from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
)

from klantbeeld.engine.plan import Path, Plan
from klantbeeld.engine.run import Run
from klantbeeld.engine.selections import Selected, SelectedField, Selections, holds
from klantbeeld.errors import Unanswered
from klantbeeld.graph.joined import Computed, Entered, Joined
from klantbeeld.graph.published import publishes

INT_32 = 2**31

Place = tuple[Any, ...]
"""A response path as a chain, innermost first: `(chain above, key)`; the root is `()`."""

Assemble = Callable[[Run, list[GraphQLError]], Any]


class Unassembled(Exception):
    """This answer is left to graphql-core."""


def compile_assembly(
    schema: GraphQLSchema, plan: Plan, selections: Selections, conditions: Mapping[str, Any]
) -> Assemble | None:
    """Write out the assembly of a plan, given the variables of its conditions; None for what it cannot express."""
    root = schema.get_root_type(plan.operation.operation)
    assert root is not None  # noqa: S101 - a valid operation has a root type
    writer = _Writer(schema, plan, selections, conditions)
    try:
        name = writer.selection(root, [Selected(plan.operation.selection_set)], ())
    except Unassembled:
        return None
    scope = writer.scope
    exec("\n".join(writer.lines), scope)  # noqa: S102 - made of our own names; response keys go in as constants
    fill: Callable[..., Any] = scope[name]
    return lambda run, errors: fill(None, (), run, errors)


@dataclass(slots=True)
class _Writer:
    """Writes the functions; every foreign thing they use is a constant in `scope`, under a name of ours.

    A function is `def oN(v, p, r, e)`: the value, its place, the run, and the list that errors go to.
    """

    schema: GraphQLSchema
    plan: Plan
    selections: Selections
    conditions: Mapping[str, Any]
    lines: list[str] = field(default_factory=list)
    scope: dict[str, Any] = field(
        default_factory=lambda: {"U": Unassembled, "failed": _failed, "integer": _integer, "number": _number}
    )

    def constant(self, value: Any) -> str:
        """Give a value a name that the functions can use."""
        name = f"k{len(self.scope)}"
        self.scope[name] = value
        return name

    def function(self, body: list[str]) -> str:
        """Write a function; returns its name."""
        name = f"f{len(self.scope)}"
        self.scope[name] = None
        self.lines += [f"def {name}(v, p, r, e):", *(f"    {line}" for line in body)]
        return name

    def selection(self, kind: GraphQLObjectType, selected: list[Selected], path: Path) -> str:
        """Write what fills a selection on an object type; returns the function's name."""
        keys, values = [], []
        for key, found in self.selections.fields_of(kind, selected).items():
            chosen = [one for one in found if holds([one.condition], self.conditions)]
            if chosen:
                keys.append(key)
                values.append(self.value(kind, key, chosen, (*path, key)))
        if not keys:
            return self.function(["return {}"])
        # The struct's own names are ours; the response keys are what it is called on the wire.
        names = [f"a{number}" for number in range(len(keys))]
        struct = msgspec.defstruct("Selection", names, rename=dict(zip(names, keys, strict=True)), gc=False)
        return self.function([f"return {self.constant(struct)}({', '.join(values)})"])

    def value(self, kind: GraphQLObjectType, key: str, found: list[SelectedField], path: Path) -> str:
        """Return the expression of one field's completed value."""
        name = found[0].node.name.value
        if name == "__typename":
            return self.constant(kind.name)
        definition = kind.fields.get(name)
        if definition is None:
            raise Unassembled  # __schema and __type
        nodes = [one.node for one in found]
        if refusal := self.plan.denied.get((path, kind.name)):
            return self.refused(refusal, definition, nodes, key)
        below = [Selected(one.node.selection_set, one.condition) for one in found if one.node.selection_set]
        declared = definition.extensions["strawberry-definition"]
        extension = next((made for made in declared.extensions if isinstance(made, Joined | Entered | Computed)), None)
        if isinstance(extension, Joined | Entered):
            joint = self.constant(self.plan.joints[path, kind.name])
            got = f"r.taken({joint}, v)" if isinstance(extension, Joined) else f"r.entered_at({joint})"
            return self.guarded(got, definition, nodes, below, path)
        if declared.base_resolver is not None:
            return self.guarded(self.computed(declared), definition, nodes, below, path)
        return self.completed(definition.type, f"v.{declared.python_name}", below, path)

    def computed(self, declared: Any) -> str:
        """Return the call of a field's own function."""
        resolver = declared.base_resolver
        if resolver.arguments or resolver.is_async:
            raise Unassembled
        info = f", {resolver.info_parameter.name}=r.info" if resolver.info_parameter else ""
        return f"{self.constant(resolver.wrapped_func)}(v{info})"

    def refused(self, code: str, definition: GraphQLField, nodes: list[FieldNode], key: str) -> str:
        """Return what a refused field is: null, with its error."""
        if isinstance(definition.type, GraphQLNonNull):
            raise Unassembled
        return f"failed({self.constant(Unanswered(code))}, {self.constant(nodes)}, (p, {key!r}), e)"

    def guarded(
        self, got: str, definition: GraphQLField, nodes: list[FieldNode], below: list[Selected], path: Path
    ) -> str:
        """Write a field whose function may fail, which costs the field alone; returns the call."""
        key = path[-1]
        completed = self.completed(definition.type, "x", below, path, place=f"(p, {key!r})")
        failed = (
            "raise U" if isinstance(definition.type, GraphQLNonNull) else "return failed(error, {0}, (p, {1!r}), e)"
        )
        name = self.function(
            [
                "try:",
                f"    x = {got}",
                "except Exception as error:",
                f"    {failed.format(self.constant(nodes), key)}",
                f"return {completed}",
            ]
        )
        return f"{name}(v, p, r, e)"

    def completed(
        self, kind: GraphQLOutputType, value: str, below: list[Selected], path: Path, *, place: str | None = None
    ) -> str:
        """Return the expression that completes a value of a type (GraphQL, section 6.4.3)."""
        where = place or f"(p, {path[-1]!r})"
        if isinstance(kind, GraphQLNonNull):
            inner = self.completed(kind.of_type, "v", below, path, place="p")
            filled = self.function([f"x = {inner}", "if x is None: raise U", "return x"])
            return f"{filled}({value}, {where}, r, e)"
        if isinstance(kind, GraphQLList):
            inner = self.completed(kind.of_type, "x", below, path, place="(p, i)")
            lines = ["if v is None: return None", f"return [{inner} for i, x in enumerate(v)]"]
            return f"{self.function(lines)}({value}, {where}, r, e)"
        if isinstance(kind, GraphQLScalarType | GraphQLEnumType):
            return self.leaf(kind, value)
        return self.composite(kind, value, below, path, where)

    def leaf(self, kind: GraphQLScalarType | GraphQLEnumType, value: str) -> str:
        """Return the expression of a scalar or an enum; JSON's encoder knows dates, decimals and enums."""
        if isinstance(kind, GraphQLEnumType):
            members = [found.value for found in kind.values.values()]
            by_name = all(
                getattr(member, "value", member) == name for name, member in zip(kind.values, members, strict=True)
            )
            return value if by_name else f"{self.constant(_name_of)}({value})"
        checks = {"Int": "integer", "Float": "number"}
        if kind.name == "ID":
            return f"{self.constant(_text)}({value})"
        return f"{checks[kind.name]}({value})" if kind.name in checks else value

    def composite(self, kind: Any, value: str, below: list[Selected], path: Path, where: str) -> str:
        """Return the expression of an object, or of whatever an interface stands for."""
        if isinstance(kind, GraphQLObjectType):
            fill = self.selection(kind, below, path)
            lines = ["if v is None: return None", f"return {fill}(v, p, r, e)"]
            return f"{self.function(lines)}({value}, {where}, r, e)"
        assert isinstance(kind, GraphQLInterfaceType | GraphQLUnionType)  # noqa: S101 - no other output types are left
        fills = {_class_of(each): self.selection(each, below, path) for each in self.schema.get_possible_types(kind)}
        table = self.constant({})
        self.lines += [f"{table}[{self.constant(cls)}] = {fill}" for cls, fill in fills.items()]
        lines = [
            "if v is None: return None",
            f"f = {table}.get(type(v))",
            "if f is None: raise U",
            "return f(v, p, r, e)",
        ]
        return f"{self.function(lines)}({value}, {where}, r, e)"


def _class_of(kind: GraphQLObjectType) -> type[Any]:
    origin: type[Any] = kind.extensions["strawberry-definition"].origin
    return publishes(origin) or origin


def _failed(error: Exception, nodes: list[FieldNode], place: Place, errors: list[GraphQLError]) -> None:
    if isinstance(error, Unassembled):
        raise error
    keys = []
    while place:
        place, key = place
        keys.append(key)
    errors.append(GraphQLError(str(error), nodes, path=keys[::-1], original_error=error))


def _integer(value: Any) -> Any:
    if value is not None and (type(value) is not int or not -INT_32 <= value < INT_32):
        raise Unassembled
    return value


def _number(value: Any) -> Any:
    if value is not None and (type(value) not in {int, float} or not math.isfinite(value)):
        raise Unassembled
    return value


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _name_of(value: Enum | None) -> str | None:
    return None if value is None else value.name
