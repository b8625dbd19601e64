"""A third executor, as plain as can be: graphql-core asks for each field by itself.

No plan, no batches, nothing shared: a joined field asks each of its reads, one call for each key, for all members, when
graphql-core comes to it. It shares the declarations of the graph and the format of errors with the engine, and nothing
of how the engine plans, fetches or assembles.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
from graphql import FieldNode, GraphQLObjectType, GraphQLResolveInfo, MiddlewareManager, is_abstract_type, parse
from graphql.execution import experimental_execute_incrementally
from graphql.execution.values import get_directive_values, get_variable_values
from graphql.pyutils import Path
from graphql.type import GraphQLIncludeDirective, GraphQLSkipDirective
from strawberry.types.arguments import convert_arguments
from tests.engine.house import CURSOR_KEY, SCHEMA, House, caller_of
from tests.engine.memory import NOW
from tests.engine.naive_roots import NaiveRoots, finish, told

from klantbeeld.engine.cursors import Cursors, binding_of
from klantbeeld.errors import Unanswered
from klantbeeld.gateway import errors as gateway_errors
from klantbeeld.graph.answers import Answer, Answers, Moment, Position
from klantbeeld.graph.connections import check_size
from klantbeeld.graph.customer import Customer
from klantbeeld.graph.data import Data
from klantbeeld.graph.data_use import REGISTER, Holding
from klantbeeld.graph.eligibility import Eligibility
from klantbeeld.graph.joined import Entered, Joined, Telling
from klantbeeld.sdk.connector import Reading
from klantbeeld.sdk.read import Read
from klantbeeld.sdk.records import Record
from klantbeeld.sources.questions import Outcome, Question, SourceState, Subject
from klantbeeld.writes.outcomes import WriteStatus

CORE = SCHEMA._schema
SCALARS = SCHEMA.schema_converter.scalar_registry


def answer_naively(
    house: House, again: House, query: str, variables: Mapping[str, Any], *, without: Sequence[str] = ()
) -> dict[str, Any]:
    """Answer a valid document, without suspending; gives the response as a client reads it.

    It takes two houses that hold the same: what an operation asked is known at its end, and `sources` tells it at its
    own place, so the operation is answered a second time with what the first one asked.
    """
    first = _Naive(house, query, variables, without)
    first.answer()
    return _Naive(again, query, variables, without, told=first.asked).answer()


@dataclass
class _Naive:
    """One operation; `told` are the answers that `sources` speaks of."""

    house: House
    query: str
    variables: Mapping[str, Any]
    without: Sequence[str]
    told: Mapping[str, list[Answer[Any]]] = field(default_factory=dict)
    asked: dict[str, list[Answer[Any]]] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    releases: dict[str, Any] = field(default_factory=dict)
    parents: dict[tuple[Any, ...], Any] = field(default_factory=dict)
    nodes: dict[tuple[Any, ...], Sequence[FieldNode]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.caller = caller_of(self.without)
        self.moment = Moment(NOW, "en", self.house.settings, self.caller.rights)
        self.cursors = Cursors(CURSOR_KEY)
        self.document = parse(self.query)
        own: Any = _OwnSource(self.house)
        self.sources = [own, *(self.house.sources[name] for name in sorted(self.house.sources))]

    def answer(self) -> dict[str, Any]:
        operation: Any = self.document.definitions[0]
        coerced = get_variable_values(CORE, operation.variable_definitions or (), dict(self.variables), max_errors=20)
        if isinstance(coerced, list):
            return {"errors": gateway_errors.shown_before_execution(coerced, "en")}
        result: Any = experimental_execute_incrementally(
            CORE,
            self.document,
            context_value=self,
            variable_values=dict(self.variables),
            middleware=MiddlewareManager(self),
        )
        response: dict[str, Any] = {"data": result.data}
        if result.errors:
            response["errors"] = [gateway_errors.shown(error, "en") for error in result.errors]
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(response))
        return plain

    def resolve(self, next_: Any, source: Any, info: GraphQLResolveInfo[Any], /, **arguments: Any) -> Any:
        """Resolve one field: asking, where it is joined; with its function, where it is entered."""
        self.parents[tuple(info.path.prev.as_list()) if info.path.prev else ()] = source
        self.nodes[_keys(info.path)] = info.field_nodes
        definition = info.parent_type.fields.get(info.field_name)
        declared = definition.extensions.get("strawberry-definition") if definition else None
        if declared is None:
            return next_(source, info, **arguments)
        data = next((one for one in declared.directives if isinstance(one, Data)), None)
        if refusal := data and self._refusal(data):
            error = Unanswered(refusal)
            if info.parent_type is CORE.mutation_type:
                error.write_status = WriteStatus.NOT_APPLIED
            raise error
        given = convert_arguments(arguments, declared.arguments, scalar_registry=SCALARS, config=SCHEMA.config)
        for extension in declared.extensions:
            if isinstance(extension, Entered):
                return finish(extension.enter(roots=NaiveRoots(self), **given))
            if isinstance(extension, Joined):
                answers = self._joined(extension, source, info, given, data)
                return extension.combine(answers=answers, **given)
            if isinstance(extension, Telling):
                return extension.tell(_of(source, self._beside(info)))
        return next_(source, info, **arguments)

    def _beside(self, info: GraphQLResolveInfo[Any]) -> set[str]:
        """Return the members that are selected on the same object and that the caller may see."""
        found = _selected_on(info.parent_type, self.nodes[_keys(info.path.prev)], info)
        refused = {name for name in found if name in info.parent_type.fields and self._refuses(info, name)}
        return {_snake(name) for name in found - refused}

    def _refuses(self, info: GraphQLResolveInfo[Any], name: str) -> bool:
        declared = info.parent_type.fields[name].extensions["strawberry-definition"]
        return any(isinstance(one, Data) and self._refusal(one) for one in declared.directives)

    def _refusal(self, data: Data) -> str | None:
        refusal: str | None = self.caller.rights.refusal(
            data.scope, category=data.category.value, sensitivity=data.sensitivity.value
        )
        return refusal

    def _joined(
        self, extension: Joined, parent: Any, info: GraphQLResolveInfo[Any], given: Mapping[str, Any], data: Data | None
    ) -> Answers[Any]:
        customer = self._customer_at(info.path.prev.as_list() if info.path.prev else [])
        customer_id, coordinate = str(customer.id), f"{info.parent_type.name}.{info.field_name}"
        check_size(given.get("first"))
        binding = binding_of(coordinate, customer_id, given)
        positions = self.cursors.open(given["after"], binding) if given.get("after") else {}
        release = self.releases[customer_id]
        if data and not release.covers(data.scope, coordinate):
            raise Unanswered("NOT_GRANTED")
        every: list[Answer[Any]] = []
        for read in extension.reads:
            rule = extension.rules.get(read)
            if rule and (self._refusal(rule) or not release.covers(rule.scope, coordinate)):
                continue
            if read.only_when is None or read.only_when in _selected_below(info):
                every += self.ask(read, customer, parent, given, positions)
        every.sort(key=lambda answer: (answer.source, answer.call, answer.key))
        self.asked.setdefault(customer_id, []).extend(every)
        return Answers(
            parent=parent,
            moment=self.moment,
            every=tuple(every),
            seal=partial(self.cursors.seal, binding=binding),
            asked=lambda: self.told.get(customer_id, []),
            covers=lambda scope: release.covers(scope, coordinate),
        )

    def ask(
        self, read: Read, customer: Customer, parent: Any, given: Mapping[str, Any], positions: Mapping[str, Position]
    ) -> Iterator[Answer[Any]]:
        """Ask one read, a call for each key."""
        customer_id = str(customer.id)
        of_role = [source for source in self.sources if read.role.name in source.roles]
        able = [source for source in of_role if read.call in source.readings]
        if not of_role and not read.optional:
            yield _unasked("", read, customer_id, SourceState.NOT_CONFIGURED)
        for source in able if able or read.optional else of_role:
            owners = {link.record_id for link in customer.known.links if link.source == source.name}
            if not source.name:
                owners = {customer_id, *customer.known.redirected_from}
            if not owners:
                yield _unasked(source.name, read, customer_id, SourceState.NOT_LINKED)
                continue
            if source not in able:
                yield _unasked(source.name, read, customer_id, SourceState.NOT_SUPPORTED)
                continue
            keys = sorted(owners) if read.key is None else [getattr(parent, read.key)]
            for key in filter(None, keys):
                position = positions.get(f"{source.name}/{read.call}/{key}", Position())
                subject = Subject(customer_id, frozenset(owners))
                yield self._call(source, read, subject, key, given=given, position=position)

    def _call(
        self, source: Any, read: Read, subject: Subject, key: str, *, given: Mapping[str, Any], position: Position
    ) -> Answer[Any]:
        if position.ended:
            return told(source, read, subject, key, outcome=Outcome(SourceState.NOT_ASKED), position=position)
        handed = {name: given[name] for name in read.args if name not in {"first", "after"} and given[name] is not None}
        question = Question(
            subjects={key: subject},
            members={read.call: frozenset(read.role.reads[read.call].__struct_fields__)},
            arguments=handed,
            by_record=source.readings[read.call].by_record,
            everything=True,
        )
        return told(source, read, subject, key, outcome=source.answer(question), position=position)

    def _customer_at(self, path: Sequence[Any]) -> Customer:
        """Return the customer on whose behalf an object is there: what lies above it tells."""
        for end in range(len(path), -1, -1):
            found = _customer_id(self.parents.get(tuple(path[:end])))
            if found:
                return self.customers[found]
        message = f"nobody's object at {path}"
        raise AssertionError(message)


class _OwnSource:
    """What we keep of a customer ourselves, asked like a source."""

    name = ""
    roles = frozenset({REGISTER.name})

    def __init__(self, house: House) -> None:
        self.readings = {call: Reading(call, (), call) for call in REGISTER.reads}
        self._house = house

    def answer(self, question: Question) -> Outcome:
        (call,), (key,) = question.members, question.keys
        kept: dict[str, Any] = {
            "disclosures": self._house.register.disclosed,
            "grants": self._house.register.granted,
            "holdings": [_holding(source) for source in self._house.sources.values()],
        }
        return Outcome(SourceState.OK, {call: {key: list(kept[call])}})


def _holding(source: Any) -> Holding:
    return Holding(
        record_id=source.name,
        source=source.name,
        roles=sorted(source.roles),
        categories=list(source.categories),
        hosted_in=source.settings.hosted_in,
        processor=source.settings.processor,
        retention=source.settings.retention,
    )


def _customer_id(value: Any) -> str | None:
    if isinstance(value, Customer):
        return str(value.id)
    if isinstance(value, Eligibility):
        return value.customer_id
    return value.origin.customer_id if isinstance(value, Record) and value.origin else None


def _unasked(source: str, read: Read, customer_id: str, state: SourceState) -> Answer[Any]:
    return Answer(source, read.role.name, read.call, state, [], code=state.value, customer_id=customer_id)


def _of(record: Record, members: set[str]) -> Record:
    """Return a record with these members alone, and the choices made for them."""
    carried = set(Record.__struct_fields__)
    others = [name for name in record.__struct_fields__ if name not in members | carried]
    chosen = tuple(one for one in record.choices if one.member in members)
    return msgspec.structs.replace(record, **dict.fromkeys(others), choices=chosen)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _keys(path: Path | None) -> tuple[str, ...]:
    """Return the response keys of a path, without indices."""
    return tuple(key for key in path.as_list() if isinstance(key, str)) if path else ()


def _selected_below(info: GraphQLResolveInfo[Any]) -> set[str]:
    """Return the paths that are selected below a field, conditions decided."""
    found: set[str] = set()
    for node in info.field_nodes:
        _note(node.selection_set, (), info, found)
    return found


def _note(selection_set: Any, above: tuple[str, ...], info: GraphQLResolveInfo[Any], found: set[str]) -> None:
    for node in selection_set.selections if selection_set else ():
        if not _is_selected(node, info):
            continue
        if isinstance(node, FieldNode):
            path = (*above, node.name.value)
            found.add(".".join(path))
            _note(node.selection_set, path, info, found)
        else:
            _note(_fragment(node, info).selection_set, above, info, found)


def _selected_on(kind: GraphQLObjectType, nodes: Sequence[FieldNode], info: GraphQLResolveInfo[Any]) -> set[str]:
    """Return the fields that are selected on an object of a type, conditions decided, by the fields that hold it."""
    found: set[str] = set()
    pending: list[Any] = [node.selection_set for node in nodes]
    while pending:
        for node in pending.pop().selections:
            if not _is_selected(node, info):
                continue
            if isinstance(node, FieldNode):
                found.add(node.name.value)
                continue
            fragment = _fragment(node, info)
            condition = fragment.type_condition and CORE.type_map[fragment.type_condition.name.value]
            if condition in {None, kind} or (is_abstract_type(condition) and CORE.is_sub_type(condition, kind)):
                pending.append(fragment.selection_set)
    return found


def _fragment(node: Any, info: GraphQLResolveInfo[Any]) -> Any:
    return node if hasattr(node, "selection_set") else info.fragments[node.name.value]


def _is_selected(node: Any, info: GraphQLResolveInfo[Any]) -> bool:
    skip = get_directive_values(GraphQLSkipDirective, node, info.variable_values)
    include = get_directive_values(GraphQLIncludeDirective, node, info.variable_values)
    return not (skip and skip["if"]) and not (include and not include["if"])
