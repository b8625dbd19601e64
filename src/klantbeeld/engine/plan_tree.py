"""A plan as a tree to read: what is asked of which source, what waits for what, and what is refused.

Pure: it is made of a plan, the schema and what the sources can do. A level of the tree is a level of waiting: what
stands side by side starts together, as soon as the field above them has its value. `klantbeeld explain` prints it, and
a request may ask for it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from graphql import GraphQLObjectType, GraphQLSchema, ValueNode, VariableNode, print_ast
from strawberry.types.field import StrawberryField

from klantbeeld.engine.deferral import Deferral, Groups
from klantbeeld.engine.kept import kept
from klantbeeld.engine.plan import Joint, Only, Plan, PlannedRead, Step
from klantbeeld.engine.ports import Rights
from klantbeeld.graph.data import Data
from klantbeeld.graph.identify import ADDRESSES, PARTY
from klantbeeld.graph.nodes import BY_ID
from klantbeeld.graph.search import FOUND
from klantbeeld.sdk.connector import Doing, Reading
from klantbeeld.sdk.read import Read
from klantbeeld.sdk.roles import ROLES
from klantbeeld.sdk.sagas import Do, Saga
from klantbeeld.settings_saga import ApprovalSettings
from klantbeeld.settings_sharing import CacheSettings
from klantbeeld.texts import codes, say
from klantbeeld.writes.sagas.catalogue import built_in

# Root fields that may ask sources before the fields below them, by name.
ASKED_AT_THE_ROOT: Mapping[str, tuple[Read, ...]] = {
    "identify": (PARTY, ADDRESSES),
    "searchCustomers": (FOUND,),
    "node": tuple(BY_ID.values()),
}

# Acts behind mutations that are not called as their act is.
ACTS: Mapping[str, str] = {"give_consent": "set_consent", "withdraw_consent": "set_consent"}

# Mutations over several systems; what is asked here of approvals is only that there may be one.
SAGAS: Mapping[str, Saga] = built_in(ApprovalSettings(), "en")

# Arguments of a page are the engine's own, and do not keep two calls apart.
PAGING = frozenset({"first", "after"})


Mark = Literal["plain", "heading", "note", "missing", "wrong"]


@dataclass(frozen=True, slots=True)
class Branch:
    """A line of the tree, with what kind of line it is, and the lines below it."""

    text: str
    mark: Mark = "plain"
    below: list["Branch"] = field(default_factory=list)

    def add(self, text: str, mark: Mark = "plain") -> "Branch":
        """Add a line below this one, and return it."""
        branch = Branch(text, mark)
        self.below.append(branch)
        return branch

    def lines(self, indent: str = "") -> Iterator[str]:
        """Yield the lines of the tree, each level further in by two."""
        yield indent + self.text
        for branch in self.below:
            yield from branch.lines(indent + "  ")


@dataclass(frozen=True, slots=True)
class Capable:
    """A configured source: the roles that it fills and what its connector can do."""

    name: str
    roles: frozenset[str]
    readings: Mapping[str, Reading]
    doings: Mapping[str, Doing]


@dataclass(frozen=True, slots=True)
class Asking:
    """One read of one field: of whom, and how."""

    joint: Joint
    planned: PlannedRead
    source: Capable
    reading: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a plan is drawn against; `owners` are the declared owners of acts, `whose` says whose rights apply.

    `literals` are what a document has in the places of variables that it does not name itself; `deferral` is what is
    put off for a client that takes an answer in parts.
    """

    schema: GraphQLSchema
    sources: Sequence[Capable]
    owners: Mapping[str, str]
    rights: Rights
    whose: str
    literals: Mapping[str, str] = field(default_factory=dict)
    cache: CacheSettings = field(default_factory=CacheSettings)
    deferral: Deferral | None = None


def plan_tree(plan: Plan, scene: Scene) -> Branch:
    """Draw a plan."""
    drawn = _Drawing(scene)
    kind, name = plan.operation.operation.value, plan.operation.name
    tree = Branch(f"{kind} {name.value if name else '(anonymous)'}", "heading")
    tree.add(f"rights of {scene.whose}: {_scopes(plan, scene.schema)}")
    for joint in plan.roots:
        drawn.root(tree, joint)
    if len(plan.roots) > 1:
        order = "one after another" if plan.is_serial else "together"
        tree.add(f"The fields at the root are carried out {order}.", "note")
    drawn.refusals(tree, plan)
    return tree


def _scopes(plan: Plan, schema: GraphQLSchema) -> str:
    """Say what the rights release, and by which scopes."""
    found: set[str] = set()
    for coordinate in plan.released:
        type_name, _, name = coordinate.partition(".")
        if data := _data(schema, type_name, name):
            found.add(data.scope)
    if not found:
        return "nothing that is anybody's data is released"
    count = "1 field is" if len(plan.released) == 1 else f"{len(plan.released)} fields are"
    return f"{count} released, by {', '.join(sorted(found))}"


def _data(schema: GraphQLSchema, type_name: str, name: str) -> Data | None:
    """Return the directive of a field, if it has one."""
    kind = schema.type_map.get(type_name)
    definition = kind.fields.get(name) if isinstance(kind, GraphQLObjectType) else None
    return None if definition is None else _declared_data(definition.extensions["strawberry-definition"])


def _declared_data(declared: StrawberryField) -> Data | None:
    return next((made for made in declared.directives if isinstance(made, Data)), None)


@dataclass(frozen=True, slots=True)
class _Drawing:
    scene: Scene

    def root(self, above: Branch, joint: Joint) -> None:
        """Draw a field at the root, and what is below it."""
        if joint.type_name == "Mutation":
            branch = self._writing(above, joint)
        else:
            branch = above.add(f"{_field(joint)}: {_way_in(joint)}")
        for read in ASKED_AT_THE_ROOT.get(joint.node.name.value, ()):
            planned = PlannedRead(replace(read, args=()), frozenset(read.uses))
            for line, mark in self._lines(planned):
                branch.add(f"may ask {line}", mark)
        self._level(branch, joint)

    def refusals(self, above: Branch, plan: Plan) -> None:
        """Draw what rights refuse, with the rule."""
        if not plan.denied:
            return
        branch = above.add("refused: not asked of any source", "wrong")
        for way, code in plan.denied.items():
            words = say(code, "en") if code in codes() else code
            path = ".".join(step.partition(".")[2] for step in way)
            branch.add(f"{path}: {code}{self._rule(*way[-1].split('.'))}. {words}")

    def _level(self, above: Branch, joint: Joint) -> None:
        """Draw what starts together below a joint: the calls, then each field with what it reads."""
        if not joint.children:
            return
        for children, later in self._starting(joint):
            calls = self._calls(asking for child in children for asking in self._askings(child))
            if calls:
                least = f"{len(calls)} call" + ("s" if len(calls) > 1 else "")
                together = above.add(f"then, {later}together: {least}", "heading")
                for call in calls:
                    together.add(self._call(call))
        for child in joint.children:
            branch = above.add(_field(child) + _condition(child) + self._put_off(child))
            for planned in child.reads:
                for line in self._lines(planned):
                    branch.add(*line)
            self._level(branch, child)

    def _starting(self, joint: Joint) -> Iterator[tuple[Sequence[Joint], str]]:
        """Give the fields below a joint that start together, with the word for those that are put off."""
        if self.scene.deferral is None:
            yield joint.children, ""
            return
        here = self.scene.deferral.groups_of(joint.path)
        found: dict[Groups, list[Joint]] = {here: []}
        for child in joint.children:
            found.setdefault(self.scene.deferral.groups_of(child.path), []).append(child)
        for groups, children in found.items():
            yield children, "" if groups == here else "deferred, "

    def _put_off(self, joint: Joint) -> str:
        """Say that a field, or most of a list, comes in a later part of the answer."""
        if self.scene.deferral is None:
            return ""
        if self.scene.deferral.groups_of(joint.path):
            return ", deferred"
        inside = (path for path in self.scene.deferral.streams if path[: len(joint.path)] == joint.path)
        return "".join(f", {'.'.join(path)} streamed after {self.scene.deferral.streams[path]}" for path in inside)

    def _askings(self, joint: Joint) -> Iterator[Asking]:
        for planned in joint.reads:
            for source in self.scene.sources:
                if planned.read.role.name in source.roles and planned.read.call in source.readings:
                    yield Asking(joint, planned, source, source.readings[planned.read.call])

    def _lines(self, planned: PlannedRead) -> Iterator[tuple[str, Mark]]:
        """Say of whom a read is asked, one line a source."""
        role, call = planned.read.role.name, planned.read.call
        filling = [source for source in self.scene.sources if role in source.roles]
        if not filling and not planned.read.optional:
            yield f"{role}: no source (NOT_CONFIGURED)", "missing"
        for source in filling:
            if call not in source.readings:
                yield f"{role} {source.name}: cannot {call} (NOT_SUPPORTED)", "missing"
                continue
            members = ", ".join(sorted(planned.members)) or "ids alone"
            yield f"{role} {source.name}.{call}: {members}{_pages(planned.read, source.readings[call])}", "plain"

    def _writing(self, above: Branch, joint: Joint) -> Branch:
        """Draw what a mutation writes: by one owner, step by step over several, or by what its input names."""
        saga, act = SAGAS.get(joint.node.name.value), act_of(joint)
        if saga is not None:
            branch = above.add(f"{_field(joint)}: writes over several systems, one step after another")
            for step in saga.steps:
                if isinstance(step, Do):
                    branch.add(*self._owner(step.act, step.role.name))
                else:
                    branch.add(f"{step.name}: waits for a person, where it is needed", "note")
            return branch
        if all(act not in role.acts for role in ROLES.values()):
            return above.add(f"{_field(joint)}: writes what its input names decides")
        owner, mark = self._owner(act, _role(joint))
        return above.add(f"{_field(joint)}: writes, {owner}", mark)

    def _owner(self, act: str, role: str) -> tuple[str, Mark]:
        able = [source for source in self.scene.sources if role in source.roles and act in source.doings]
        named = self.scene.owners.get(act)
        chosen = [source for source in self.scene.sources if source.name == named] if named else able
        if len(chosen) == 1:
            (owner,) = chosen
            safety = owner.doings[act].safety.value if act in owner.doings else "not able"
            return f"{act} by its owner {owner.name} ({role}; safe by {safety})", "plain"
        if chosen:
            return f"{act} by one of {', '.join(one.name for one in chosen)}: OWNER_AMBIGUOUS", "wrong"
        return f"{act}: no source of {role} can (NOT_SUPPORTED)", "missing"

    def _rule(self, type_name: str, field: str) -> str:
        """Say what a field needs, where its name in the answer is its own."""
        data = _data(self.scene.schema, type_name, field)
        return f", needs {data.scope} ({data.category.value}, {data.sensitivity.value})" if data else ""

    def _calls(self, askings: Iterable[Asking]) -> list[list[Asking]]:
        """Put together what one call answers: one resource of one source, with the same arguments."""
        found: dict[tuple[str, str, str, bool], list[Asking]] = {}
        for asking in askings:
            read, reading = asking.planned.read, asking.reading
            key = (asking.source.name, reading.resource, self._arguments(asking), read.key is not None)
            found.setdefault(key, []).append(asking)
        return list(found.values())

    def _call(self, askings: Sequence[Asking]) -> str:
        """Say what one call is: of whom, for what, of how many keys."""
        first = askings[0]
        capabilities = ", ".join(dict.fromkeys(asking.reading.name for asking in askings))
        keys = "record" if first.planned.read.key is not None else "customer"
        batch = f"up to {first.reading.batch} {keys}s a call" if first.reading.batch > 1 else f"a call for each {keys}"
        arguments = self._arguments(first)
        fields = ", ".join(dict.fromkeys(asking.joint.path[-1] for asking in askings))
        is_fresh = any(asking.planned.read.fresh for asking in askings)
        again = kept(self.scene.cache, (asking.reading for asking in askings), is_fresh=is_fresh)
        return f"{first.source.name}.{capabilities}{arguments}: {batch}{again}; for {fields}"

    def _arguments(self, asking: Asking) -> str:
        """Write down what a read hands on to the source, as the document has it."""
        declared = asking.joint.definition.extensions["strawberry-definition"].arguments
        names = {argument.graphql_name or _camel(argument.python_name): argument.python_name for argument in declared}
        handed = set(asking.planned.read.args) - PAGING
        given = [
            f"{names.get(argument.name.value)}: {self._written(argument.value)}"
            for argument in asking.joint.node.arguments or ()
            if names.get(argument.name.value) in handed
        ]
        return f"({', '.join(sorted(given))})" if given else ""

    def _written(self, value: ValueNode) -> str:
        """Write down an argument as the document has it."""
        if isinstance(value, VariableNode) and value.name.value in self.scene.literals:
            return self.scene.literals[value.name.value]
        return print_ast(value)


def act_of(joint: Joint) -> str:
    """Return the act behind a mutation."""
    name: str = joint.definition.extensions["strawberry-definition"].python_name
    return ACTS.get(name, name)


def _role(joint: Joint) -> str:
    declared = joint.definition.extensions["strawberry-definition"]
    data = _declared_data(declared)
    return data.owner if data else next(role for role in ROLES if act_of(joint) in ROLES[role].acts)


def _pages(read: Read, reading: Reading) -> str:
    if read.everything or ("first" in read.args and reading.newest_first is None):
        return "; all pages"
    return "; one page" if "first" in read.args else ""


def _field(joint: Joint) -> str:
    name, key = joint.node.name.value, joint.path[-1]
    within = ".".join(_step(step) for step in joint.route)
    place = f" under {within}" if within else ""
    return key + (f" ({name})" if key != name else "") + place


def _step(step: Step) -> str:
    if isinstance(step, Only):
        return step.kind.__name__
    return step if isinstance(step, str) else step.__name__


def _condition(joint: Joint) -> str:
    """Say when a field is asked at all, if that is up to the request."""
    if any(not condition for condition in joint.conditions):
        return ""
    terms = [
        " and ".join(f"{'' if wanted else 'not '}${term}" for term, wanted in condition if isinstance(term, str))
        for condition in joint.conditions
    ]
    said = " or ".join(term for term in terms if term)
    return f" if {said}" if said else ""


def _way_in(joint: Joint) -> str:
    if joint.node.name.value == "sources":
        return "the settings and the health of each source"
    return "the identity map"


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)
