"""The plan: what an operation needs, collected once from the declarations of its fields and pruned by rights.

A plan is a tree of joints. A joint is a field that gets its value from outside its parent: entered at the root, or
joined from reads. Between a joint and the joints below it lie plain values, along which its children find their
parents. The plan knows no values: arguments, conditions and customers are those of a request.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, cast

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    get_named_type,
)
from graphql.execution.values import get_argument_values
from strawberry.types.field import StrawberryField

from klantbeeld.engine.coercion import PLAIN
from klantbeeld.engine.selections import Condition, Selected, SelectedField, Selections, holds
from klantbeeld.engine.variables import VariableReader
from klantbeeld.graph.data import Data
from klantbeeld.graph.joined import Computed, Entered, Joined, Telling
from klantbeeld.graph.published import publishes
from klantbeeld.sdk.read import Read
from klantbeeld.sdk.words import Category

Path = tuple[str, ...]
"""Response keys from the root, without indices."""

Way = tuple[str, ...]
"""The same with the type of the object that each field is on (`Customer.party`): a way names one field, a path may not.

Objects of several types may stand at one place and select different fields under one key (GraphQL, section 5.3.2).
"""


@dataclass(frozen=True, slots=True)
class Only:
    """A place on a route where an interface or a union may bring several types, and one goes on."""

    kind: type[Any]


# What leads from one object to the next: an attribute, or the function of a field that has one.
Step = str | Callable[[Any], Any] | Only
Route = tuple[Step, ...]


class Rights(Protocol):
    """What a plan is compiled for, as far as the compiler has to know."""

    @property
    def fingerprint(self) -> str:
        """The same for all callers who may share a plan."""
        ...

    def refusal(self, scope: str, *, category: str, sensitivity: str) -> str | None:
        """Return the code of the refusal, or None."""
        ...


@dataclass(frozen=True)
class PlannedRead:
    """A read with the members that this operation selects and the field's function uses.

    `scope` is that of the read's own rule, if it has one beside the field's. `conditions` are those of the selection
    that it is made for, where it is only made for one; None for a read that the field always needs.
    """

    read: Read
    members: frozenset[str]
    scope: str | None = None
    conditions: tuple[Condition, ...] | None = None

    @cached_property
    def handed(self) -> tuple[str, ...]:
        """Names of the arguments that go to the source as they are; a page's own go in their own way."""
        return tuple(name for name in self.read.args if name not in {"first", "after"})


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a joint, by their Python names: those that are settled, and the variables of the others.

    `constant` is None where they have to be coerced for each request.
    """

    constant: Mapping[str, Any] | None
    variables: tuple[tuple[str, str], ...] = ()

    def fill(self, variables: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the arguments; None where they have to be coerced."""
        if self.constant is None or not self.variables:
            return self.constant
        if any(variables.get(variable) is None for _, variable in self.variables):
            return None
        return {**self.constant, **{name: variables[variable] for name, variable in self.variables}}


OPEN = Arguments(None)


@dataclass(frozen=True, slots=True)
class Joint:
    """A field that gets its value from outside its parent.

    `number` is its own within the plan. `route` leads from the value of the joint above to the object that has this
    field, and `type_name` is the type of that object.
    """

    number: int
    path: Path
    way: Way
    type_name: str
    route: Route
    definition: GraphQLField
    node: FieldNode
    extension: Joined | Entered
    scope: str | None
    reads: tuple[PlannedRead, ...]
    conditions: tuple[Condition, ...]
    children: tuple["Joint", ...]
    coordinate: str
    arguments: "Arguments"


@dataclass(frozen=True, slots=True)
class Plan:
    """What an operation needs; lives in a cache by document and rights, shared by requests.

    `released` are the coordinates of the fields of personal data that the caller may see, and `denied` the code for
    each field that a rule refuses. `beside` are the members that are selected beside each field that tells of its
    record, with the conditions of each. All are by the ways of fields. `deciding` are the variables of the
    conditions; `shapes` are filled as requests need them, one for each way that these can fall.
    """

    operation: OperationDefinitionNode
    roots: tuple[Joint, ...]
    joints: Mapping[Way, Joint]
    released: tuple[str, ...]
    denied: Mapping[Way, str]
    beside: Mapping[Way, Mapping[str, Sequence[Condition]]]
    variables: VariableReader
    deciding: frozenset[str] = frozenset()
    shapes: dict[Any, "Shape"] = field(default_factory=dict, compare=False, repr=False)

    @property
    def name(self) -> str | None:
        """Of the operation, if it has one."""
        return name_of(self.operation)

    @property
    def is_serial(self) -> bool:
        """Whether the root fields are carried out one after another (GraphQL, section 6.2.2)."""
        return self.operation.operation is OperationType.MUTATION

    @property
    def is_live(self) -> bool:
        """Whether it is carried out for each event."""
        return self.operation.operation is OperationType.SUBSCRIPTION

    def told_at(self, way: Way, conditions: Mapping[str, Any]) -> frozenset[str]:
        """Return the members that a field tells of, given the variables of the conditions."""
        return frozenset(member for member, found in self.beside[way].items() if holds(found, conditions))


@dataclass(slots=True)
class Shape:
    """A plan with its conditions decided, over the sources of a configuration.

    `levels` say what is asked below each of the `roots`, by number. `assemble` writes the answer once it `is_written`,
    or is None for what graphql-core has to assemble; a shape that is not kept never gets one.
    """

    conditions: Mapping[str, Any]
    roots: tuple[Joint, ...]
    levels: Mapping[int, Any]
    is_kept: bool
    is_written: bool = False
    assemble: Callable[..., Any] | None = None


INTROSPECTION = frozenset({"__schema", "__type"})

# What the schema is for those who read it: nobody's data, and yet not for every token.
MAY_INTROSPECT = Data(owner="", category=Category.SYSTEM, scope="introspect")

ToPython = Callable[[GraphQLField, dict[str, Any]], Mapping[str, Any]]


def name_of(operation: OperationDefinitionNode) -> str | None:
    """Return the name of an operation; None for one without."""
    return operation.name.value if operation.name else None


def compile_plan(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    selections: Selections,
    rights: Rights,
    to_python: ToPython,
) -> Plan:
    """Collect the joints of a valid operation; `to_python` makes Python values of coerced arguments."""
    root_type = schema.get_root_type(operation.operation)
    assert root_type is not None  # noqa: S101 - a valid operation has a root type
    deciding = selections.deciding(operation)
    compiler = _Compiler(schema, selections, rights, to_python)
    top = _Above(())
    compiler.visit(root_type, [Selected(operation.selection_set)], at=_Place((), (), ()), above=top)
    return Plan(
        operation=operation,
        roots=tuple(top.joints),
        joints=compiler.joints,
        released=tuple(sorted(compiler.released)),
        denied=compiler.denied,
        beside=compiler.beside,
        variables=VariableReader(schema, operation, deciding),
        deciding=deciding,
    )


@dataclass(slots=True)
class _Above:
    """The joint that is being compiled: its reads, the members found for each, the paths selected, its children."""

    reads: tuple[Read, ...]
    rules: Mapping[Read, Data] = field(default_factory=dict)
    members: dict[Read, set[str]] = field(default_factory=dict)
    selected: dict[str, list[Condition]] = field(default_factory=dict)
    joints: list[Joint] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.members = {read: set(read.uses) for read in self.reads}

    def note(self, record: type[Any] | None, members: tuple[str, ...]) -> None:
        """Remember members that were selected on a type that publishes `record`."""
        for read, found in self.members.items():
            if record is not None and record is read.role.reads[read.call]:
                found.update(members)

    def planned(self, rights: Rights) -> tuple[PlannedRead, ...]:
        """Return the reads that this operation needs, without those that a rule of their own refuses."""
        return tuple(
            PlannedRead(
                read,
                frozenset(self.members[read]),
                self.rules[read].scope if read in self.rules else None,
                None if read.only_when is None else tuple(self.selected[read.only_when]),
            )
            for read in self.reads
            if (read.only_when is None or read.only_when in self.selected)
            and (read not in self.rules or refusal_of(self.rules[read], rights) is None)
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the compiler is: path and way from the root, and the route from the joint above."""

    path: Path
    way: Way
    route: Route


@dataclass(frozen=True, slots=True)
class _Found:
    """A field that is selected on a type, with all its occurrences under one response key."""

    parent: GraphQLObjectType
    definition: GraphQLField
    declared: StrawberryField
    fields: list[SelectedField]

    @property
    def below(self) -> list[Selected]:
        """The selections below it."""
        return [Selected(one.node.selection_set, one.condition) for one in self.fields if one.node.selection_set]

    @property
    def record(self) -> type[Any] | None:
        """The record that the parent publishes, if it does."""
        return publishes(self.parent.extensions["strawberry-definition"].origin)


class _Compiler:
    def __init__(self, schema: GraphQLSchema, selections: Selections, rights: Rights, to_python: ToPython) -> None:
        self.to_python = to_python
        self.schema = schema
        self.selections = selections
        self.rights = rights
        self.joints: dict[Way, Joint] = {}
        self.released: set[str] = set()
        self.denied: dict[Way, str] = {}
        self.beside: dict[Way, dict[str, list[Condition]]] = {}

    def visit(self, parent: GraphQLObjectType, selected: list[Selected], *, at: _Place, above: _Above) -> None:
        """Walk the fields that are selected on an object type."""
        members: dict[str, list[Condition]] = {}
        for key, fields in self.selections.fields_of(parent, selected).items():
            node = fields[0].node
            here = _Place((*at.path, key), (*at.way, f"{parent.name}.{key}"), at.route)
            definition = parent.fields.get(node.name.value)
            if definition is None:  # __typename, __schema and __type, which graphql-core answers
                if node.name.value in INTROSPECTION and (refusal := refusal_of(MAY_INTROSPECT, self.rights)):
                    self.denied[here.way] = refusal
                continue
            declared = definition.extensions["strawberry-definition"]
            if refusal := self._refusal(f"{parent.name}.{node.name.value}", declared):
                self.denied[here.way] = refusal
                continue
            joining = next((made for made in declared.extensions if isinstance(made, Joined | Entered)), None)
            found = _Found(parent, definition, declared, fields)
            if joining:
                self._join(found, joining, here, above)
            else:
                self._pass(found, here, above, members)

    def _join(self, found: "_Found", joining: Joined | Entered, at: _Place, above: _Above) -> None:
        here = _Above(joining.reads, joining.rules) if isinstance(joining, Joined) else _Above(())
        for kind, only in self._possible(found.definition):
            self.visit(kind, found.below, at=_Place(at.path, at.way, only), above=here)
        joint = Joint(
            number=len(self.joints),
            path=at.path,
            way=at.way,
            type_name=found.parent.name,
            route=at.route,
            definition=found.definition,
            node=found.fields[0].node,
            extension=joining,
            scope=next((made.scope for made in found.declared.directives if isinstance(made, Data)), None),
            reads=here.planned(self.rights),
            conditions=tuple(one.condition for one in found.fields),
            children=tuple(here.joints),
            coordinate=f"{found.parent.name}.{found.fields[0].node.name.value}",
            arguments=self._arguments(found),
        )
        above.joints.append(joint)
        # A key stands in the parent's record, and is read with it whether it was selected or not.
        above.note(found.record, tuple(planned.read.key for planned in joint.reads if planned.read.key))
        self.joints[at.way] = joint

    def _pass(self, found: "_Found", at: _Place, above: _Above, members: dict[str, list[Condition]]) -> None:
        """Note a field that is there with its parent; `members` are those that are selected on the parent."""
        name = found.declared.python_name
        computed = next((made for made in found.declared.extensions if isinstance(made, Computed)), None)
        above.note(found.record, computed.uses if computed else (name,))
        conditions = [one.condition for one in found.fields]
        if computed is None:
            members.setdefault(name, []).extend(conditions)
        elif isinstance(computed, Telling):
            self.beside[at.way] = members  # which fills as the walk goes on
        way = ".".join((*(_name(step) for step in at.route if not isinstance(step, Only)), name))
        above.selected.setdefault(way, []).extend(conditions)
        resolver = found.declared.base_resolver
        step: str | Callable[[Any], Any] = cast("Callable[[Any], Any]", resolver.wrapped_func) if resolver else name
        for kind, only in self._possible(found.definition):
            self.visit(kind, found.below, at=_Place(at.path, at.way, (*at.route, step, *only)), above=above)

    def _arguments(self, found: "_Found") -> "Arguments":
        """Settle the arguments as far as no variable decides; a plain variable is filled in, any other left open."""
        definition, node = found.definition, found.fields[0].node
        plain, given = {}, []
        for argument in node.arguments or ():
            if isinstance(argument.value, VariableNode) and _is_plain(definition.args[argument.name.value].type):
                plain[argument.name.value] = argument.value.name.value
            else:
                given.append(argument)
        if any(_holds_variable(argument.value) for argument in given):
            return OPEN
        left = {name: argument for name, argument in definition.args.items() if name not in plain}
        settled = GraphQLField(definition.type, args=left)
        try:
            values = get_argument_values(settled, FieldNode(name=node.name, arguments=tuple(given)))
        except GraphQLError:
            return OPEN  # it is raised again where the request can say so
        python = {
            name: argument.extensions["strawberry-definition"].python_name for name, argument in definition.args.items()
        }
        filled = tuple((python[name], variable) for name, variable in plain.items())
        return Arguments(self.to_python(definition, values), filled)

    def _possible(self, definition: GraphQLField) -> Iterator[tuple[GraphQLObjectType, Route]]:
        named = get_named_type(definition.type)
        if isinstance(named, GraphQLObjectType):
            yield named, ()
        elif isinstance(named, GraphQLInterfaceType | GraphQLUnionType):
            for kind in self.schema.get_possible_types(named):
                yield kind, (Only(class_of(kind)),)

    def _refusal(self, coordinate: str, declared: StrawberryField) -> str | None:
        data = next((made for made in declared.directives if isinstance(made, Data)), None)
        if data is None:
            return None
        refusal = refusal_of(data, self.rights)
        if refusal is None:
            self.released.add(coordinate)
        return refusal


def _is_plain(kind: Any) -> bool:
    """Say whether a variable of this type, once coerced, is the argument: a plain scalar, or a list of them."""
    return get_named_type(kind).name in PLAIN


def _holds_variable(value: Any) -> bool:
    if isinstance(value, VariableNode):
        return True
    inner = [*getattr(value, "values", ()), *(field.value for field in getattr(value, "fields", ()))]
    return any(_holds_variable(one) for one in inner)


def class_of(kind: GraphQLObjectType) -> type[Any]:
    """Return the Python class whose objects are of a GraphQL type."""
    origin: type[Any] = kind.extensions["strawberry-definition"].origin
    return publishes(origin) or origin


def _name(step: str | Callable[[Any], Any]) -> str:
    return step if isinstance(step, str) else step.__name__


def refusal_of(data: Data, rights: Rights) -> str | None:
    """Return the code of the refusal of what a directive describes, or None."""
    return rights.refusal(data.scope, category=data.category, sensitivity=data.sensitivity)
