"""Assembly without dispatch: a plan's answer written out as functions, once, for each way its conditions can fall.

For every selection on an object type one struct is made, whose fields are the response keys, and one expression that
fills it; a function stands where a field may fail by itself, or several types may come. Nothing is looked up for a
field while a request runs. What the functions do not express they leave to
graphql-core, by raising `Unassembled`: a non-null field without a value, a number out of range, a value of a type that
the selection does not expect. Texts, dates and decimals are not looked at: answers are decoded by their types, and a
mapping that does not fit its record is refused when its connector is loaded (`sdk.fitting`).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import msgspec
from graphql import (
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

from klantbeeld.engine.lines import placed_like
from klantbeeld.engine.plan import Joint, Plan, Way, class_of
from klantbeeld.engine.run import Run, refused, with_only
from klantbeeld.engine.selections import Selected, SelectedField, Selections, left_of
from klantbeeld.graph.joined import Entered, Joined, Telling

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
        filled = writer.filled(root, [Selected(plan.operation.selection_set)], (), "None", "p")
    except Unassembled:
        return None
    writer.lines += ["def assemble(r, e):", "    p = ()", f"    return {filled.text}"]
    exec("\n".join(writer.lines), writer.scope)  # noqa: S102 - made of our own names; keys and types are constants
    assemble: Assemble = writer.scope["assemble"]
    return assemble


@dataclass(frozen=True, slots=True)
class _Expression:
    """An expression that was written, and what it needs beside its value.

    `p` is the place of the object around it, `r` the run, `e` the list that errors go to.
    """

    text: str
    needs: frozenset[str] = frozenset()


FAILING = frozenset("pre")
NOTHING = frozenset[str]()


@dataclass(slots=True)
class _Writer:
    """Writes the functions; every foreign thing they use is a constant in `scope`, under a name of ours."""

    schema: GraphQLSchema
    plan: Plan
    selections: Selections
    conditions: Mapping[str, Any]
    names: int = 0
    lines: list[str] = field(default_factory=list)
    scope: dict[str, Any] = field(default_factory=lambda: dict(SCOPE))

    def constant(self, value: Any) -> str:
        """Give a value a name that the functions can use."""
        name = f"k{len(self.scope)}"
        self.scope[name] = value
        return name

    def name(self) -> str:
        """Return a name for a value on its way, unlike all others."""
        self.names += 1
        return f"v{self.names}"

    def function(self, body: list[str], value: str, place: str, needs: frozenset[str]) -> _Expression:
        """Write a function of `v`; returns its call."""
        name = f"f{len(self.scope)}"
        self.scope[name] = None
        self.lines += [f"def {name}({', '.join(['v', *sorted(needs)])}):", *(f"    {line}" for line in body)]
        given = {"p": place, "r": "r", "e": "e"}
        return _Expression(f"{name}({', '.join([value, *(given[need] for need in sorted(needs))])})", needs)

    def filled(
        self, kind: GraphQLObjectType, selected: list[Selected], way: Way, value: str, place: str
    ) -> _Expression:
        """Write what fills a selection on an object, which is there."""
        keys, values = [], []
        needs = NOTHING
        for key, found in self.chosen(kind, selected):
            made = self.value(kind, key, found, (*way, f"{kind.name}.{key}"), value=value, place=place)
            keys.append(key)
            values.append(made.text)
            needs |= made.needs
        # The struct's own names are ours; the response keys are what it is called on the wire.
        names = [f"a{number}" for number in range(len(keys))]
        renamed = dict(zip(names, keys, strict=True))
        struct = self.constant(msgspec.defstruct("Selection", names, rename=renamed, gc=False))
        return _Expression(f"{struct}({', '.join(values)})", needs)

    def chosen(self, kind: GraphQLObjectType, selected: list[Selected]) -> list[tuple[str, list[SelectedField]]]:
        """Return the fields that the conditions leave, by response key, in the order of the answer."""
        every = self.selections.fields_of(kind, selected).items()
        left = ((key, left_of(found, self.conditions)) for key, found in every)
        return sorted(((key, found) for key, found in left if found), key=lambda field: field[1][0].place)

    def value(
        self, kind: GraphQLObjectType, key: str, found: list[SelectedField], way: Way, *, value: str, place: str
    ) -> _Expression:
        """Return the expression of one field's completed value on an object."""
        name = found[0].node.name.value
        if name == "__typename":
            return _Expression(self.constant(kind.name))
        definition = kind.fields.get(name)
        if definition is None:
            raise Unassembled  # __schema and __type
        if refusal := self.plan.denied.get(way):
            if isinstance(definition.type, GraphQLNonNull):
                raise Unassembled
            error = self.constant(refused(self.plan, way, refusal))
            return _Expression(f"failed({error}, {self.at(found)}, ({place}, {key!r}), e)", frozenset("pe"))
        declared = definition.extensions["strawberry-definition"]
        extension = next((made for made in declared.extensions if isinstance(made, Joined | Entered)), None)
        if extension:
            return self.guarded(extension, definition, found, self.plan.joints[way], value=value, place=place)
        is_ours = declared.base_resolver is not None
        got = _Expression(f"{value}.{declared.python_name}")
        if is_ours:
            got = self.computed(declared, self.told(declared, way, value))
        completed = self.completed(
            definition.type, got.text, _below(found), way, place=f"({place}, {key!r})", is_ours=is_ours
        )
        return _Expression(completed.text, completed.needs | got.needs)

    def at(self, found: list[SelectedField]) -> str:
        """Give a name to the places of a field in the document, for its errors."""
        return self.constant(GraphQLError("", [one.node for one in found]))

    def told(self, declared: Any, way: Way, value: str) -> str:
        """Return what a field's function gets: the object, with only what is selected beside it if it tells of that."""
        if not any(isinstance(made, Telling) for made in declared.extensions):
            return value
        return f"only({value}, {self.constant(self.plan.told_at(way, self.conditions))})"

    def computed(self, declared: Any, value: str) -> _Expression:
        """Return the call of a field's own function."""
        resolver = declared.base_resolver
        if resolver.arguments or resolver.is_async:
            raise Unassembled
        function = self.constant(resolver.wrapped_func)
        if resolver.info_parameter:
            return _Expression(f"{function}({value}, {resolver.info_parameter.name}=r.info)", frozenset("r"))
        return _Expression(f"{function}({value})")

    def guarded(
        self,
        extension: Joined | Entered,
        definition: GraphQLField,
        found: list[SelectedField],
        joint: Joint,
        *,
        value: str,
        place: str,
    ) -> _Expression:
        """Write a field whose function may fail, which costs the field alone; returns its call."""
        name = self.constant(joint)
        got = f"r.taken({name}, v)" if isinstance(extension, Joined) else f"r.entered_at({name})"
        here = f"(p, {joint.path[-1]!r})"
        completed = self.completed(definition.type, "x", _below(found), joint.way, place=here, is_ours=True)
        failed = f"return failed(error, {self.at(found)}, {here}, e)"
        body = [
            "try:",
            f"    x = {got}",
            "except Exception as error:",
            "    raise U" if isinstance(definition.type, GraphQLNonNull) else f"    {failed}",
            f"return {completed.text}",
        ]
        return self.function(body, value, place, FAILING)

    def completed(
        self, kind: GraphQLOutputType, value: str, below: list[Selected], way: Way, *, place: str, is_ours: bool
    ) -> _Expression:
        """Return the expression that completes a value of a type (GraphQL, section 6.4.3).

        A value that `is_ours` was made by a typed function, and is what its type says; any other is looked at.
        """
        is_needed = isinstance(kind, GraphQLNonNull)
        kind = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        if isinstance(kind, GraphQLScalarType | GraphQLEnumType):
            leaf = self.leaf(kind, value, is_ours=is_ours)
            if not is_needed or is_ours:
                return _Expression(leaf)
            return _Expression(f"{leaf} or needed({leaf})")  # what is there is rarely nothing, zero or false
        is_named = value.isidentifier()
        name = value if is_named else self.name()
        if isinstance(kind, GraphQLList):
            filled = self.listed(kind, name, below, way, place)
        elif isinstance(kind, GraphQLObjectType):
            filled = self.filled(kind, below, way, name, place)
        else:
            filled = self.abstract(kind, below, way, name, place)
        otherwise = "missing()" if is_needed else "None"
        given = name if is_named else f"({name} := {value})"
        return _Expression(f"{filled.text} if {given} is not None else {otherwise}", filled.needs)

    def listed(self, kind: GraphQLList[Any], value: str, below: list[Selected], way: Way, place: str) -> _Expression:
        """Write what fills each element of a list, which is there."""
        one, number = self.name(), self.name()
        filled = self.completed(kind.of_type, one, below, way, place=f"({place}, {number})", is_ours=False)
        loop = f"for {number}, {one} in enumerate({value})" if "p" in filled.needs else f"for {one} in {value}"
        return _Expression(f"[{filled.text} {loop}]", filled.needs)

    def leaf(self, kind: GraphQLScalarType | GraphQLEnumType, value: str, *, is_ours: bool) -> str:
        """Return the expression of a scalar or an enum; JSON's encoder knows dates, decimals and enums."""
        if isinstance(kind, GraphQLEnumType):
            members = [found.value for found in kind.values.values()]
            named = zip(kind.values, members, strict=True)
            is_named_alike = all(getattr(member, "value", member) == name for name, member in named)
            return value if is_named_alike else f"name({value})"
        check = {"Int": "integer", "Float": "number", "ID": "text"}.get(kind.name)
        return f"{check}({value})" if check and not (is_ours and check == "text") else value

    def abstract(self, kind: Any, below: list[Selected], way: Way, value: str, place: str) -> _Expression:
        """Write what fills whatever an interface or a union stands for."""
        assert isinstance(kind, GraphQLInterfaceType | GraphQLUnionType)  # noqa: S101 - no other output types are left
        possible = self.schema.get_possible_types(kind)
        fills = {class_of(each): self.filled(each, below, way, "v", "p") for each in possible}
        needs = NOTHING.union(*(fill.needs for fill in fills.values()))
        table = self.constant({})
        given = ", ".join(["v", *sorted(needs)])
        for cls, fill in fills.items():
            self.lines.append(f"{table}[{self.constant(cls)}] = lambda {given}: {fill.text}")
        lines = [f"f = {table}.get(type(v))", "if f is None: raise U", f"return f({given})"]
        return self.function(lines, value, place, needs)


def _below(found: list[SelectedField]) -> list[Selected]:
    return [Selected(one.node.selection_set, one.condition) for one in found if one.node.selection_set]


def _failed(error: Exception, at: GraphQLError, place: Place, errors: list[GraphQLError]) -> None:
    if isinstance(error, Unassembled):
        raise error
    if isinstance(error, GraphQLError) and error.locations:  # it knows better, as graphql-core has it
        at = error
    keys = []
    while place:
        place, key = place
        keys.append(key)
    # As text an error of GraphQL's shows the lines around its places, which takes as long as the document is.
    said = error.message if isinstance(error, GraphQLError) else str(error)
    errors.append(placed_like(at, said, path=keys[::-1], original_error=error))


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


def _missing() -> Any:
    raise Unassembled


def _needed(value: Any) -> Any:
    if value is None:
        raise Unassembled
    return value


SCOPE: Mapping[str, Any] = {
    "U": Unassembled,
    "failed": _failed,
    "integer": _integer,
    "missing": _missing,
    "needed": _needed,
    "name": _name_of,
    "number": _number,
    "only": with_only,
    "text": _text,
}
