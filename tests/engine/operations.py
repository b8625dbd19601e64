"""Operations over the whole schema, made from a seed: valid documents with variables."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    get_named_type,
    is_composite_type,
    is_required_argument,
)
from tests.engine.house import CUSTOMER, OTHER, STRANGER
from tests.engine.worlds import MERGED, PHONE, PRODUCTS, UNKNOWN

from klantbeeld.graph.ids import RecordId, seal_record_id

# Fields of an operation at most, and the deepest nesting below a root field.
MOST_FIELDS = 45
DEEPEST = 5

# How often a field with fields below it is asked, beside once for a value.
OFTEN = 2

# How often a root field is asked, beside once.
WEIGHTS: Mapping[str, int] = {"me": 6, "customer": 6, "customers": 3, "node": 3, "marketingEligibilities": 2}

RECORDS = (
    *(RecordId("Product", CUSTOMER, "billing", one) for one in PRODUCTS),
    RecordId("Complaint", CUSTOMER, "complaints", "c1"),
    RecordId("Complaint", OTHER, "complaints", "c2"),
    RecordId("Invoice", CUSTOMER, "billing", "in_1"),
    RecordId("Invoice", CUSTOMER, "nowhere", "in_1"),
    RecordId("Order", OTHER, "crm", "o1"),
    RecordId("Order", STRANGER, "crm", "o1"),
    RecordId("Interaction", CUSTOMER, "crm", "i1"),
    RecordId("Consent", CUSTOMER, "mail", "con0"),
)
NODES = tuple(seal_record_id(one) for one in RECORDS)
CUSTOMERS = (CUSTOMER, CUSTOMER, CUSTOMER, OTHER, OTHER, STRANGER, UNKNOWN, MERGED, "nonsense")


# Documents that reach what chance seldom does: one record named by two customers, and reads below reads.
WRITTEN = (
    """query ($ids: [ID!]! = ["%(one)s", "%(other)s"]) { customers(ids: $ids) { id sources { source state code }
      complaints { nodes { subject about { id name } comments { nodes { body } } } }
      orders { nodes { lines { product { id code } } } } invoices { nodes { lines { product { id name } } } } } }""",
    """{ marketingEligibilities(customers: ["%(one)s", "%(other)s"], channel: EMAIL, product: "prod_1") {
      allowed asOf blockers { code source evidence { __typename id ... on Complaint { about { name } }
      ... on Order { lines { product { name } } } ... on Invoice { lines { product { code } } } } } } }""",
    """{ me { interactions(first: 40) { edges { cursor node { kind occurredAt record { __typename id
      ... on Invoice { lines { product { id } } } ... on Complaint { about { id } comments { nodes { id } } } } } }
      incomplete { source state } } sources { source state } } }""",
    """query ($yes: Boolean! = true, $no: Boolean! = false) { me { a: invoices(state: OPEN) { nodes { number } }
      b: invoices(state: PAID) { nodes { total { amount } } } c: invoices { nodes { dueOn @skip(if: $yes) id state } }
      d: complaints(open: true) { nodes { id } } e: complaints(open: false) @include(if: $no) { nodes { id } }
      complaints { nodes { subject @include(if: $no) state } } } }""",
    """{ me { party { fullName birthDate origins { field source rule alternatives { source value } } } }
      customer(id: "%(other)s") { party { fullName origins { field } } sources { source state } } }""",
    """mutation { a: giveConsent(input: {customerId: "%(one)s", channel: APP, purpose: "x"}) { status
      steps { source status code } conflicts { source current { id } }
      customer { consents { status } sources { state } } }
      b: solveComplaint(input: {complaintId: "%(complaint)s", channel: APP, resolution: "x"}) { status
      conflicts { source current { id ... on Complaint { about { name } } } }
      customer { complaints { nodes { state } } } } }""",
)


@dataclass(frozen=True)
class Operation:
    """A document with one operation, and the values of its variables."""

    text: str
    variables: dict[str, Any]


def operation_of(seed: int, schema: GraphQLSchema, *, mutations: float = 0.1) -> Operation:
    """Make an operation; the same seed gives the same. Every fifth is one of those that are written."""
    if seed % 5 == 0:
        names = {"one": CUSTOMER, "other": OTHER, "complaint": seal_record_id(RECORDS[3])}
        return Operation(WRITTEN[seed // 5 % len(WRITTEN)] % names, {})
    return _Writer(Random(f"operation {seed}"), schema).operation(mutations)


@dataclass
class _Writer:
    random: Random
    schema: GraphQLSchema
    left: int = MOST_FIELDS
    names: int = 0
    declared: dict[str, str] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    booleans: list[str] = field(default_factory=list)
    fragments: dict[str, str] = field(default_factory=dict)
    pool: dict[tuple[str, bool], list[str]] = field(default_factory=dict)

    def operation(self, mutations: float) -> Operation:
        is_mutation = self.chance(mutations)
        root = self.schema.mutation_type if is_mutation else self.schema.query_type
        assert root is not None
        names = list(root.fields)
        weights = [WEIGHTS.get(name, 1) for name in names]
        chosen = self.random.choices(names, weights, k=self.random.choice([1, 1, 2, 3]))
        body = " ".join(self.field(root, name, 0, "") for name in chosen)
        body += self.maybe(0.1, " __typename")
        head = "mutation" if is_mutation else "query"
        declared = ", ".join(f"${name}: {kind}" for name, kind in self.declared.items())
        text = f"{head} Generated{f'({declared})' if declared else ''} {{ {body} }}"
        return Operation(" ".join([text, *self.fragments.values()]), self.variables)

    def selection(self, kind: Any, depth: int, *, prefixed: bool = False) -> str:
        """Write a selection set; `prefixed` where other types may be selected beside this one under the same keys."""
        parts: list[str] = []
        if isinstance(kind, GraphQLInterfaceType):
            parts = [self.branch(kind, depth) for _ in range(self.random.randint(1, 2))]
        prefix = f"{kind.name}_" if prefixed else ""
        own = list(kind.fields)
        weights = [OFTEN if is_composite_type(get_named_type(kind.fields[name].type)) else 1 for name in own]
        for name in self.random.choices(own, weights, k=self.random.randint(1, min(len(own), 6 if depth < 2 else 4))):
            if self.left > 0 and self.is_shallow(kind.fields[name], depth):
                parts.append(self.field(kind, name, depth, prefix))
        if self.chance(0.15) and self.left > 0:
            parts.append(self.fragment(kind, depth, prefixed=prefixed))
        parts.append(self.maybe(0.15, "__typename"))
        written = " ".join(part for part in parts if part)
        return f"{{ {written or '__typename'} }}"

    def branch(self, kind: GraphQLInterfaceType, depth: int) -> str:
        """Write a fragment on one of the types that an interface stands for, or on another interface of theirs."""
        possible = list(self.schema.get_possible_types(kind))
        chosen: Any = self.random.choice(possible)
        if self.chance(0.2):
            chosen = self.random.choice([kind, *chosen.interfaces])
        prefixed = isinstance(chosen, GraphQLObjectType)
        return self.fragment(chosen, depth, prefixed=prefixed)

    def fragment(self, kind: Any, depth: int, *, prefixed: bool) -> str:
        """Write a fragment: inline, or spread under a name that may be spread again."""
        pool = self.pool.setdefault((kind.name, prefixed), [])
        if pool and self.chance(0.3):
            return f"...{self.random.choice(pool)}{self.directive()}"
        if isinstance(kind, GraphQLInterfaceType):
            body = f"{{ {self.random.choice(list(kind.fields)) if kind.name == 'Node' else 'id version'} }}"
        else:
            body = self.selection(kind, depth, prefixed=prefixed)
        if self.chance(0.5):
            on = f" on {kind.name}" if prefixed or isinstance(kind, GraphQLInterfaceType) or self.chance(0.5) else ""
            return f"...{on}{self.directive()} {body}"
        name = self.new("F")
        self.fragments[name] = f"fragment {name} on {kind.name} {body}"
        pool.append(name)
        return f"...{name}{self.directive()}"

    def field(self, kind: Any, name: str, depth: int, prefix: str) -> str:
        definition = kind.fields[name]
        self.left -= 1
        given = self.arguments(definition)
        alias = self.new("a") if given or self.chance(0.1) else f"{prefix}{name}" if prefix else ""
        head = f"{alias}: {name}" if alias else name
        below = get_named_type(definition.type)
        body = f" {self.selection(below, depth + 1)}" if is_composite_type(below) else ""
        return f"{head}{given}{self.directive()}{body}"

    def is_shallow(self, definition: GraphQLField, depth: int) -> bool:
        return depth < DEEPEST or not is_composite_type(get_named_type(definition.type))

    def directive(self) -> str:
        if not self.chance(0.12):
            return ""
        which = self.random.choice(["skip", "include"])
        if self.chance(0.2):
            return f" @{which}(if: {self.random.choice(['true', 'false'])})"
        if len(self.booleans) < 3 and self.chance(0.6):
            name = self.new("b")
            self.booleans.append(name)
            default = self.maybe(0.3, f" = {self.random.choice(['true', 'false'])}")
            self.declared[name] = f"Boolean!{default}"
            if not default or self.chance(0.5):
                self.variables[name] = self.chance(0.5)
            return f" @{which}(if: ${name})"
        return f" @{which}(if: ${self.random.choice(self.booleans)})" if self.booleans else ""

    def arguments(self, definition: GraphQLField) -> str:
        given = [
            f"{name}: {self.argument(name, argument)}"
            for name, argument in definition.args.items()
            if is_required_argument(argument) or self.chance(0.4)
        ]
        return f"({', '.join(given)})" if given else ""

    def argument(self, name: str, argument: GraphQLArgument) -> str:
        """Write an argument as a literal or a variable; a variable may have a default, be left out, or be null."""
        value = self.value(name, argument.type)
        if not self.chance(0.4):
            return literal(value, argument.type)
        variable = self.new("v")
        kind = argument.type
        if isinstance(kind, GraphQLNonNull) and argument.default_value is not Undefined and self.chance(0.3):
            kind = kind.of_type  # a location with a default takes a variable that may be null
        self.declared[variable] = str(kind)
        if self.chance(0.2):
            self.declared[variable] += f" = {literal(value, kind)}"
            if self.chance(0.5):
                return f"${variable}"
        if not isinstance(kind, GraphQLNonNull) and self.chance(0.2):
            if self.chance(0.5):
                self.variables[variable] = None  # where the location takes none it is an error of the field
            return f"${variable}"
        self.variables[variable] = self.spoiled(value)
        return f"${variable}"

    def spoiled(self, value: Any) -> Any:
        """Return the value, or seldom one that no type takes."""
        return {"no": "value"} if self.chance(0.01) else value

    def value(self, name: str, kind: Any) -> Any:
        if isinstance(kind, GraphQLNonNull):
            return self.value(name, kind.of_type)
        if isinstance(kind, GraphQLList):
            if self.chance(0.1):
                return self.value(name, kind.of_type)  # one value stands for a list of it
            return [self.value(name, kind.of_type) for _ in range(self.random.randint(0, 3))]
        if isinstance(kind, GraphQLEnumType):
            return self.random.choice(list(kind.values))
        if isinstance(kind, GraphQLInputObjectType):
            return {
                one: self.value(one, member.type)
                for one, member in kind.fields.items()
                if isinstance(member.type, GraphQLNonNull) or self.chance(0.4)
            }
        return self.random.choice(SCALARS.get(name, SCALARS.get(kind.name, ("text",))))

    def new(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def maybe(self, share: float, text: str) -> str:
        return text if self.chance(share) else ""


SCALARS: Mapping[str, tuple[Any, ...]] = {
    "id": (*CUSTOMERS, *NODES),
    "ids": CUSTOMERS,
    "customers": CUSTOMERS,
    "customerId": CUSTOMERS,
    "invoiceId": NODES,
    "complaintId": NODES,
    "productId": NODES,
    "product": (*PRODUCTS, *NODES, " "),
    "first": (1, 1, 2, 3, 20, 100, 0, 101),
    "after": ("nonsense", "", "QUJD"),
    "source": ("crm", "billing", "nowhere"),
    "recordId": ("p1", "p9", "p3", "cus_1"),
    "text": ("ada", " a ", "heuvel"),
    "view": ("service-call", "marketing", "nonsense"),
    "phone": (PHONE, "+31000000000"),
    "email": ("one@example.nl", "two@example.nl", "no address"),
    "customerNumber": ("1", "2"),
    "postcode": ("2611 AB",),
    "idempotencyKey": ("key-1", "", "with space"),
    "country": ("NL", "Nederland"),
    "houseNumber": ("1", "1A"),
    "Date": ("1990-02-28", "2020-01-01"),
    "DateTime": ("2026-11-01T00:00:00Z", "2026-11-22T12:00:00+02:00", "2020-01-01T00:00:00"),
    "Decimal": ("1.00", "0", "12.345"),
    "Boolean": (True, False),
    "Int": (1, 2),
}


def literal(value: Any, kind: Any) -> str:
    """Write a value as GraphQL has it."""
    if isinstance(kind, GraphQLNonNull) or (isinstance(kind, GraphQLList) and not isinstance(value, list)):
        return literal(value, kind.of_type)
    if isinstance(kind, GraphQLList):
        return f"[{', '.join(literal(one, kind.of_type) for one in value)}]"
    if isinstance(kind, GraphQLInputObjectType):
        return f"{{{', '.join(f'{name}: {literal(one, kind.fields[name].type)}' for name, one in value.items())}}}"
    return str(value) if isinstance(kind, GraphQLEnumType) else json.dumps(value)
