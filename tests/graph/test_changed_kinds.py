"""Each act names the kinds of record that it changes, as the customer's fields are named, for those who listen."""

import pytest

from klantbeeld.graph.subscription import rules
from klantbeeld.sdk.acts import Act, ReportDataError
from klantbeeld.sdk.roles import ROLES

ACTS: set[type[Act]] = {act for role in ROLES.values() for act in role.acts.values()}


@pytest.mark.parametrize("act", sorted(ACTS, key=str))
def test_what_an_act_changes_are_fields_of_the_customer(act: type[Act]) -> None:
    assert set(act.kinds) <= rules().keys()


def test_only_where_a_mistake_is_noted_depends_on_the_source() -> None:
    assert {act for act in ACTS if not act.kinds} == {ReportDataError}
