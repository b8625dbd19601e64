"""A request tells what it did to those who may see it."""

import pytest
from tests.engine.house import CUSTOMER, House

from klantbeeld.engine.explanation import Laps, refuse_explaining
from klantbeeld.errors import Forbidden

QUERY = 'query A { customer(id: "%s") { complaints(first: 2, open: true) { nodes { subject about { name } } } } }'


@pytest.mark.asyncio
async def test_the_plan_the_calls_and_the_time_of_each_stage_are_told() -> None:
    answer = await House().ask(QUERY % CUSTOMER, explain=True)
    told = answer["extensions"]["explain"]

    assert told["plan"][0] == "query A"
    assert (
        "rights of agent, for service: 5 fields are released, by billing:read, complaints:read, customer:read"
        in told["plan"][1]
    )
    assert "    then, together: 1 call" in told["plan"]
    assert "      complaints.complaints(open: true): a call for each customer; for complaints" in told["plan"]
    assert list(told["milliseconds"]) == ["document", "fetch", "assembly"]
    assert [(call["source"], call["call"], call["state"]) for call in told["calls"]] == [
        ("billing", "product", "OK"),
        ("complaints", "complaints", "OK"),
    ]


@pytest.mark.asyncio
async def test_a_document_that_shares_a_plan_is_told_with_its_own_literals() -> None:
    house = House()
    kinds = []
    for is_open in ("true", "false", "true"):
        answer = await house.ask((QUERY % CUSTOMER).replace("true", is_open), explain=True)
        told = answer["extensions"]["explain"]
        kinds.append(told["document"])
        assert any(f"complaints(open: {is_open})" in line for line in told["plan"])
    assert kinds == ["known", "shared", "known"]


@pytest.mark.asyncio
async def test_who_may_not_see_plans_is_refused_before_anything_is_read() -> None:
    house = House()
    with pytest.raises(Forbidden) as caught:
        await house.ask(QUERY % CUSTOMER, explain=True, without=["explain:read"])
    assert (caught.value.reason, caught.value.place) == ("SCOPE_MISSING", "header Klantbeeld-Explain")
    assert house.questions() == []


@pytest.mark.asyncio
async def test_without_the_header_nothing_is_told() -> None:
    assert "extensions" not in await House().ask(QUERY % CUSTOMER)


def test_laps_follow_one_another() -> None:
    times = iter([1.0, 1.5, 4.0])
    laps = Laps(clock=lambda: next(times))
    laps.end("first")
    laps.end("second")
    assert laps.taken == {"first": 0.5, "second": 2.5}


def test_all_others_may_see_them() -> None:
    class All:
        fingerprint = ""

        def refusal(self, *_: object, **__: object) -> None:
            return None

    refuse_explaining(All())  # type: ignore[arg-type]  # as much of rights as is asked
