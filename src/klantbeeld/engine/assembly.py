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

from klantbeeld.engine.plan import Joint, Path, Plan, class_of
from klantbeeld.engine.run import Run
from klantbeeld.engine.selections import Selected, SelectedField, Selections, holds
from klantbeeld.errors import Unanswered
from klantbeeld.graph.joined import Entered, Joined

INT_32 = 2**31

Place = tuple[Any, ...]
"""A response path as a chain, innermost first: `(chain above, key)`; the root is `()`."""

Assemble = Callable[[Run, list[GraphQLError]], Any]


class Unassembled(Exception):
    """This answer is left to graphql-core."""


def compile_assembly(
    schema: GraphQLSchema, plan: Plan, selections: Selections, conditions: Mapping[str, Any]
) -> Assemble | None:
    """Write out the assembly of a plan, given the variables of its conditions; None for what it cannot express.

    What it raises, whatever it is, leaves the answer to graphql-core.
    """
    root = schema.get_root_type(plan.operation.operation)
    assert root is not None  # noqa: S101 - a valid operation has a root type
    writer = _Writer(schema, plan, selections, conditions)
    try:
        fill = writer.selection(root, [Selected(plan.operation.selection_set)], (), missing="")
    except Unassembled:
        return None
    writer.lines += ["def assemble(r, e):", "    p = ()", f"    return {fill.of('None', 'p')}"]
    exec("\n".join(writer.lines), writer.scope)  # noqa: S102 - made of our own names; keys and types are constants
    assemble: Assemble = writer.scope["assemble"]
    return assemble


@dataclass(frozen=True, slots=True)
class _Function:
    """A function that was written: `v` is its value; `needs` says what else it is given.

    `p` is the place of the value, `r` the run, `e` the list that errors go to.
    """

    name: str
    needs: frozenset[str] = frozenset()

    def of(self, value: str, place: str) -> str:
        """Return its call."""
        given = {"p": place, "r": "r", "e": "e"}
        return f"{self.name}({', '.join([value, *(given[need] for need in sorted(self.needs))])})"


FAILING = frozenset("pre")
NOTHING = frozenset[str]()


@dataclass(slots=True)
class _Writer:
    """Writes the functions; every foreign thing they use is a constant in `scope`, under a name of ours."""

    schema: GraphQLSchema
    plan: Plan
    selections: Selections
    conditions: Mapping[str, Any]
    lines: list[str] = field(default_factory=list)
    scope: dict[str, Any] = field(default_factory=lambda: dict(SCOPE))

    def constant(self, value: Any) -> str:
        """Give a value a name that the functions can use."""
        name = f"k{len(self.scope)}"
        self.scope[name] = value
        return name

    def function(self, body: list[str], needs: frozenset[str]) -> _Function:
        """Write a function."""
        name = f"f{len(self.scope)}"
        self.scope[name] = None
        self.lines += [f"def {name}({', '.join(['v', *sorted(needs)])}):", *(f"    {line}" for line in body)]
        return _Function(name, needs)

    def selection(self, kind: GraphQLObjectType, selected: list[Selected], path: Path, *, missing: str) -> _Function:
        """Write what fills a selection on an object type; `missing` is what is done about a null."""
        keys, values = [], []
        needs = NOTHING
        for key, found in self.chosen(kind, selected):
            value, wanted = self.value(kind, key, found, (*path, key))
            keys.append(key)
            values.append(value)
            needs |= wanted
        # The struct's own names are ours; the response keys are what it is called on the wire.
        names = [f"a{number}" for number in range(len(keys))]
        renamed = dict(zip(names, keys, strict=True))
        struct = self.constant(msgspec.defstruct("Selection", names, rename=renamed, gc=False))
        check = [f"if v is None: {missing}"] if missing else []
        return self.function([*check, f"return {struct}({', '.join(values)})"], needs)

    def chosen(self, kind: GraphQLObjectType, selected: list[Selected]) -> list[tuple[str, list[SelectedField]]]:
        """Return the fields that the conditions leave, by response key, in the order of the answer."""
        every = self.selections.fields_of(kind, selected).items()
        left = ((key, [one for one in found if holds([one.condition], self.conditions)]) for key, found in every)
        return sorted(((key, found) for key, found in left if found), key=lambda field: field[1][0].place)

    def value(
        self, kind: GraphQLObjectType, key: str, found: list[SelectedField], path: Path
    ) -> tuple[str, frozenset[str]]:
        """Return the expression of one field's completed value, and what it needs."""
        name = found[0].node.name.value
        if name == "__typename":
            return self.constant(kind.name), NOTHING
        definition = kind.fields.get(name)
        if definition is None:
            raise Unassembled  # __schema and __type
        nodes = [one.node for one in found]
        if refusal := self.plan.denied.get((path, kind.name)):
            if isinstance(definition.type, GraphQLNonNull):
                raise Unassembled
            error = self.constant(Unanswered(refusal))
            return f"failed({error}, {self.constant(nodes)}, (p, {key!r}), e)", frozenset("pe")
        declared = definition.extensions["strawberry-definition"]
        extension = next((made for made in declared.extensions if isinstance(made, Joined | Entered)), None)
        if extension:
            return self.guarded(extension, definition, found, self.plan.joints[path, kind.name]), FAILING
        if declared.base_resolver is None:
            got, needs = f"v.{declared.python_name}", NOTHING
        else:
            got, needs = self.computed(declared)
        completed, wanted = self.completed(definition.type, got, _below(found), path, f"(p, {key!r})")
        return completed, needs | wanted

    def computed(self, declared: Any) -> tuple[str, frozenset[str]]:
        """Return the call of a field's own function."""
        resolver = declared.base_resolver
        if resolver.arguments or resolver.is_async:
            raise Unassembled
        function = self.constant(resolver.wrapped_func)
        if resolver.info_parameter:
            return f"{function}(v, {resolver.info_parameter.name}=r.info)", frozenset("r")
        return f"{function}(v)", NOTHING

    def guarded(
        self, extension: Joined | Entered, definition: GraphQLField, found: list[SelectedField], joint: Joint
    ) -> str:
        """Write a field whose function may fail, which costs the field alone; returns its call."""
        name = self.constant(joint)
        got = f"r.taken({name}, v)" if isinstance(extension, Joined) else f"r.entered_at({name})"
        nodes = [one.node for one in found]
        place = f"(p, {joint.path[-1]!r})"
        completed, _ = self.completed(definition.type, "x", _below(found), joint.path, place)
        failed = f"return failed(error, {self.constant(nodes)}, {place}, e)"
        body = [
            "try:",
            f"    x = {got}",
            "except Exception as error:",
            "    raise U" if isinstance(definition.type, GraphQLNonNull) else f"    {failed}",
            f"return {completed}",
        ]
        return self.function(body, FAILING).of("v", "p")

    def completed(
        self, kind: GraphQLOutputType, value: str, below: list[Selected], path: Path, place: str
    ) -> tuple[str, frozenset[str]]:
        """Return the expression that completes a value of a type (GraphQL, section 6.4.3), and what it needs."""
        missing = "return None"
        if isinstance(kind, GraphQLNonNull):
            kind, missing = kind.of_type, "raise U"
        if isinstance(kind, GraphQLScalarType | GraphQLEnumType):
            leaf = self.leaf(kind, value)
            return (leaf if missing == "return None" else f"present({leaf})"), NOTHING
        if isinstance(kind, GraphQLList):
            inner, needs = self.completed(kind.of_type, "x", below, path, "(p, i)")
            loop = "for i, x in enumerate(v)" if "p" in needs else "for x in v"
            filled = self.function([f"if v is None: {missing}", f"return [{inner} {loop}]"], needs)
        elif isinstance(kind, GraphQLObjectType):
            filled = self.selection(kind, below, path, missing=missing)
        else:
            filled = self.abstract(kind, below, path, missing)
        return filled.of(value, place), filled.needs

    def leaf(self, kind: GraphQLScalarType | GraphQLEnumType, value: str) -> str:
        """Return the expression of a scalar or an enum; JSON's encoder knows dates, decimals and enums."""
        if isinstance(kind, GraphQLEnumType):
            members = [found.value for found in kind.values.values()]
            named = zip(kind.values, members, strict=True)
            is_named_alike = all(getattr(member, "value", member) == name for name, member in named)
            return value if is_named_alike else f"name({value})"
        check = {"Int": "integer", "Float": "number", "ID": "text"}.get(kind.name)
        return f"{check}({value})" if check else value

    def abstract(self, kind: Any, below: list[Selected], path: Path, missing: str) -> _Function:
        """Write what fills whatever an interface or a union stands for."""
        assert isinstance(kind, GraphQLInterfaceType | GraphQLUnionType)  # noqa: S101 - no other output types are left
        possible = self.schema.get_possible_types(kind)
        fills = {class_of(each): self.selection(each, below, path, missing="") for each in possible}
        needs = NOTHING.union(*(fill.needs for fill in fills.values()))
        table = self.constant({})
        for cls, fill in fills.items():
            given = ", ".join(["v", *sorted(needs)])
            self.lines.append(f"{table}[{self.constant(cls)}] = lambda {given}: {fill.of('v', 'p')}")
        call = _Function("f", needs).of("v", "p")
        lines = [f"if v is None: {missing}", f"f = {table}.get(type(v))", "if f is None: raise U", f"return {call}"]
        return self.function(lines, needs)


def _below(found: list[SelectedField]) -> list[Selected]:
    return [Selected(one.node.selection_set, one.condition) for one in found if one.node.selection_set]


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


def _text(value: Any) -> Any:
    return value if value is None or type(value) is str else str(value)


def _name_of(value: Enum | None) -> str | None:
    return None if value is None else value.name


def _present(value: Any) -> Any:
    if value is None:
        raise Unassembled
    return value


SCOPE: Mapping[str, Any] = {
    "U": Unassembled,
    "failed": _failed,
    "integer": _integer,
    "name": _name_of,
    "number": _number,
    "present": _present,
    "text": _text,
}
