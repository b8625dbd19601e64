"""What the tree takes for granted about the schema."""

from klantbeeld.engine.plan_tree import ACTS, ASKED_AT_THE_ROOT
from klantbeeld.graph.schema import build_schema
from klantbeeld.sdk.roles import ROLES


def test_every_mutation_is_an_act_of_a_role() -> None:
    schema = build_schema()._schema
    assert schema.mutation_type is not None
    names = {field.extensions["strawberry-definition"].python_name for field in schema.mutation_type.fields.values()}
    acts = {act for role in ROLES.values() for act in role.acts}
    assert {ACTS.get(name, name) for name in names} - acts == set()


def test_every_root_field_that_asks_sources_is_in_the_schema() -> None:
    schema = build_schema()._schema
    assert schema.query_type is not None
    assert ASKED_AT_THE_ROOT.keys() - schema.query_type.fields.keys() == set()
