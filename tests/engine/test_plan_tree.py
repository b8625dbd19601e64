"""What the tree takes for granted about the schema."""

from klantbeeld.engine.plan_tree import ACTS, ASKED_AT_THE_ROOT, SAGAS
from klantbeeld.graph.schema import build_schema
from klantbeeld.sdk.roles import ROLES

# Mutations of which only the input tells what they write: an operation, a task, a saga, an attribute.
NAMED_BY_INPUT = {"claimTask", "completeTask", "enrichProfile", "resolveOperation", "runSaga", "signalOperation"}


def test_every_mutation_is_an_act_of_a_role_or_a_saga_or_told_by_its_input() -> None:
    schema = build_schema()._schema
    assert schema.mutation_type is not None
    acts = {act for role in ROLES.values() for act in role.acts}
    told = set()
    for name, field in schema.mutation_type.fields.items():
        python_name = field.extensions["strawberry-definition"].python_name
        if name not in SAGAS and ACTS.get(python_name, python_name) not in acts:
            told.add(name)
    assert told == NAMED_BY_INPUT


def test_every_root_field_that_asks_sources_is_in_the_schema() -> None:
    schema = build_schema()._schema
    assert schema.query_type is not None
    assert ASKED_AT_THE_ROOT.keys() - schema.query_type.fields.keys() == set()
