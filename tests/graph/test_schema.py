"""The schema is the register of what is processed, and a contract: what it must say of itself."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    get_named_type,
    get_nullable_type,
    is_required_argument,
)
from tests.engine.house import SCHEMA

from klantbeeld.graph.data import Data
from klantbeeld.graph.joined import Entered, Joined
from klantbeeld.graph.schema import export_schema
from klantbeeld.sdk.roles import ROLES
from klantbeeld.sdk.words import Sensitivity

CORE = SCHEMA._schema
ROOT = Path(__file__).parents[2]

# Types whose fields need no directive of their own, and why.
EXEMPT: Mapping[str, str] = {
    "Blocker": "cut to what the caller may see by the field that holds it; evidence is records with rules of their own",
    "Candidate": "masked, and only under `identify`, which has a rule",
    "Capabilities": "about a system",
    "Conflict": "holds records, whose fields have rules of their own",
    "CustomerChange": "holds a customer, whose fields have rules of their own",
    "DataDisclosure": "personal by `dataUse`, which has a rule",
    "DataGrant": "personal by `dataUse`, which has a rule",
    "DataHolding": "about a system",
    "DataPurpose": "about the settings",
    "DataQuality": "says how good data is and never the data; under `dataQuality`, which has a rule",
    "DataUse": "personal by `dataUse`, which has a rule",
    "Eligibility": "released by the rule of the field that holds it, and nothing else of it is",
    "Link": "personal by `links`, which has a rule",
    "Lock": "about a system",
    "Measure": "says how good data is and never the data",
    "MeasuredField": "names fields, and never what is in them",
    "Money": "personal or not by the field that holds it, whose rule counts",
    "Mutation": "checked beside it: every field has a rule",
    "OtherValue": "a value of a record by `origins`, which has a rule",
    "PageInfo": "about a page",
    "ProfileGap": "names fields, and never what is in them",
    "Provenance": "about a record of which something else has to be released",
    "RecordChange": "names the customer's fields that changed, of those alone whose rules let the caller read them",
    "Source": "about a system",
    "SourceHealth": "about a system",
    "SourceStatus": "about a system",
    "Operation": "about a write, without values; the fields that lead to it have rules",
    "StepResult": "about a write of the caller's own",
    "Task": "names an operation and who may decide it, under `tasks`, which has a rule; its customer has one too",
    "ValueOrigin": "about a record's members by `origins`, which has a rule",
}

# Single fields that need no directive, and why.
EXEMPT_FIELDS: Mapping[str, str] = {
    "Customer.sources": "about systems",
    "IdentifyResult.outcome": "the answer itself; `identify` has a rule",
    "IdentifyResult.candidates": "masked; `identify` has a rule",
}

# What every record and list has beside what it is about, and what a payload has.
PLAIN = {"id", "provenance", "version", "nodes", "edges", "pageInfo", "incomplete", "node", "cursor"}

# Fields that are never null though a rule or a source has part in them, and why.
NEVER_NULL: Mapping[str, str] = {
    "Customer.id": "a Node has one; where it is refused, the customer is null with an error at its id",
    "Customer.sources": "tells what failed, and cannot itself",
    "Eligibility.allowed": "fails closed: false when somebody is silent",
    "Eligibility.asOf": "now, when nobody said anything",
    "Eligibility.blockers": "a silent source is a blocker",
    "DataQuality.completeness": "what is not known is within it: its value is null",
    "DataQuality.accuracy": "what is not known is within it: its value is null",
    "DataQuality.currency": "what is not known is within it: its value is null",
    "DataQuality.conflicts": "what is not known is within it: its value is null",
}

VERBS = {
    *("change", "close", "comment", "credit", "file", "give", "merge", "record", "report", "set", "solve", "undo"),
    *("claim", "complete", "enrich", "register", "resolve", "run", "signal", "withdraw"),
}


def objects() -> Iterator[GraphQLObjectType | GraphQLInterfaceType]:
    for name, kind in CORE.type_map.items():
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) and not name.startswith("__"):
            yield kind


def fields() -> Iterator[tuple[str, GraphQLField]]:
    for kind in objects():
        for name, field in kind.fields.items():
            yield f"{kind.name}.{name}", field


def rule_of(field: GraphQLField) -> Data | None:
    declared = field.extensions["strawberry-definition"]
    return next((made for made in declared.directives if isinstance(made, Data)), None)


def is_read(field: GraphQLField) -> bool:
    return any(isinstance(one, Joined | Entered) for one in field.extensions["strawberry-definition"].extensions)


def test_the_published_schema_is_the_one_that_answers() -> None:
    assert (ROOT / "schema.graphql").read_text(encoding="utf-8") == export_schema()


def test_every_field_of_personal_data_says_whose_it_is_and_who_may_read_it() -> None:
    bare = [
        place
        for place, field in fields()
        if rule_of(field) is None
        and place.partition(".")[0] not in EXEMPT
        and place not in EXEMPT_FIELDS
        and place.partition(".")[2] not in PLAIN
        and not place.partition(".")[0].endswith("Payload")
    ]
    assert bare == []


def test_no_exemption_is_left_that_nothing_needs() -> None:
    bare = {place.partition(".")[0] for place, field in fields() if rule_of(field) is None}
    assert set(EXEMPT) - bare - {"Mutation"} == set()
    assert set(EXEMPT_FIELDS) <= {place for place, field in fields() if rule_of(field) is None}


@pytest.mark.parametrize("root", ["Query", "Mutation", "Subscription"])
def test_every_way_in_has_a_rule(root: str) -> None:
    bare = [place for place, field in fields() if place.startswith(f"{root}.") and rule_of(field) is None]
    assert bare == []


def test_a_rule_names_a_role_and_a_scope_of_our_words() -> None:
    for place, field in fields():
        rule = rule_of(field)
        if rule:
            assert rule.owner in ROLES, place
            assert re.fullmatch(r"[a-z]+:[a-z]+", rule.scope), place


def test_the_right_to_read_is_no_right_to_write() -> None:
    writing = {rule.scope for place, field in fields() if place.startswith("Mutation.") and (rule := rule_of(field))}
    reading = {
        rule.scope for place, field in fields() if not place.startswith("Mutation.") and (rule := rule_of(field))
    }
    assert writing
    assert not writing & reading


def test_nothing_special_and_no_national_number_is_in_the_schema() -> None:
    kinds = {rule.sensitivity for _, field in fields() if (rule := rule_of(field))}
    assert kinds == {Sensitivity.ORDINARY, Sensitivity.FINANCIAL}


def test_what_depends_on_a_source_or_can_be_refused_is_nullable() -> None:
    never = {
        place
        for place, field in fields()
        if isinstance(field.type, GraphQLNonNull) and (rule_of(field) or is_read(field))
    }
    assert never == set(NEVER_NULL)


def test_every_type_and_field_is_described() -> None:
    bare = [name for name, kind in CORE.type_map.items() if not name.startswith("__") and not kind.description]
    bare += [place for place, field in fields() if not field.description]
    kinds = [kind for kind in CORE.type_map.values() if isinstance(kind, GraphQLInputObjectType)]
    bare += [f"{kind.name}.{name}" for kind in kinds for name, member in kind.fields.items() if not member.description]
    assert bare == []


def test_every_argument_is_described() -> None:
    bare = [f"{place}({name})" for place, name, argument in arguments() if not argument.description]
    assert bare == []


def arguments() -> Iterator[tuple[str, str, GraphQLArgument]]:
    for place, field in fields():
        yield from ((place, name, argument) for name, argument in field.args.items())


@pytest.mark.parametrize("text", ["todo", "tbd", "fixme", "xxx"])
def test_no_description_is_left_for_later(text: str) -> None:
    assert not re.search(rf"\b{text}\b", export_schema(), re.IGNORECASE)


def test_names_are_spelt_as_graphql_has_them() -> None:
    for kind in CORE.type_map.values():
        if kind.name.startswith("__"):
            continue
        assert re.fullmatch(r"[A-Z][A-Za-z0-9]*", kind.name)
        if isinstance(kind, GraphQLEnumType):
            assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*", value) for value in kind.values), kind.name
        elif not isinstance(kind, GraphQLScalarType):
            assert all(re.fullmatch(r"[a-z][A-Za-z0-9]*", name) for name in getattr(kind, "fields", {})), kind.name


def test_a_mutation_is_a_verb_and_a_noun_with_one_input_and_one_payload() -> None:
    assert CORE.mutation_type is not None
    for name, field in CORE.mutation_type.fields.items():
        found = re.fullmatch(r"([a-z]+)[A-Z]\w*", name)
        assert found and found[1] in VERBS, name  # noqa: PT018 - one fact
        assert list(field.args) == ["input"], name
        assert isinstance(field.args["input"].type, GraphQLNonNull)
        payload = get_named_type(field.type)
        assert payload.name == f"{name[0].upper()}{name[1:]}Payload"
        assert isinstance(payload, GraphQLObjectType)
        assert [one.name for one in payload.interfaces] == ["MutationPayload"]


def test_every_mutation_carries_its_channel_and_may_carry_a_key() -> None:
    assert CORE.mutation_type is not None
    for name, field in CORE.mutation_type.fields.items():
        members = get_named_type(field.args["input"].type).fields
        assert str(members["channel"].type) == "Channel!", name
        assert str(members["idempotencyKey"].type) == "String", name


def test_a_query_is_a_noun_or_a_way_to_find_one() -> None:
    assert CORE.query_type is not None
    verbs = {"identify", "searchCustomers"}
    for name in CORE.query_type.fields:
        assert name in verbs or not re.match(r"(get|list|find|fetch|all|search)[A-Z]", name), name


def test_no_field_gives_customers_whom_the_caller_did_not_name() -> None:
    """A list of customers needs their ids, or three characters of a text; nothing selects them by what they are."""
    found = {}
    for place, field in fields():
        if _gives_customers(field):
            found[place] = [name for name, one in field.args.items() if is_required_argument(one)]
    assert found == {
        "Query.customers": ["ids"],
        "Query.marketingEligibilities": ["customers", "channel"],
        "Query.searchCustomers": ["text"],
        "CustomerConnection.nodes": [],
        "CustomerConnection.edges": [],
        "IdentifyResult.candidates": [],
        "RegisterCustomerPayload.candidates": [],
    }


def _gives_customers(field: GraphQLField) -> bool:
    named = get_named_type(field.type).name
    is_list = isinstance(get_nullable_type(field.type), GraphQLList)
    return named == "CustomerConnection" or (
        is_list and named in {"Customer", "CustomerEdge", "Candidate", "Eligibility"}
    )


def test_a_list_that_grows_is_a_connection_with_a_bounded_page() -> None:
    for place, field in fields():
        if get_named_type(field.type).name.endswith("Connection"):
            first, after = field.args["first"], field.args["after"]
            assert (str(first.type), first.default_value) == ("Int!", 20), place
            assert str(after.type) == "String", place
            assert "1 to 100" in (first.description or ""), place


def test_connections_have_the_shape_that_relay_reads() -> None:
    for kind in objects():
        if kind.name.endswith("Connection"):
            item = kind.name.removesuffix("Connection")
            assert {"edges", "nodes", "pageInfo", "incomplete"} == set(kind.fields)
            assert str(kind.fields["edges"].type) == f"[{item}Edge!]!"
            assert str(kind.fields["pageInfo"].type) == "PageInfo!"
            edge = CORE.type_map[f"{item}Edge"]
            assert isinstance(edge, GraphQLObjectType)
            assert str(edge.fields["cursor"].type) == "String!"
    page = CORE.type_map["PageInfo"]
    assert isinstance(page, GraphQLObjectType)
    assert {"hasNextPage", "hasPreviousPage", "startCursor", "endCursor"} == set(page.fields)


def test_every_record_of_a_source_says_where_it_comes_from() -> None:
    for kind in objects():
        if "provenance" in kind.fields:
            assert {one.name for one in kind.interfaces} >= {"Node"} or kind.name == "Sourced"
            assert kind.fields["provenance"].description
