"""The judge sees what it is for; each fault that it knows is put before it once."""

import random
from typing import Any

import pytest
from tests.faults.writes.clients import Client, Told
from tests.faults.writes.judge import Effects, judge
from tests.faults.writes.operations import KINDS, Operation

MARK = "op1ax"


def entry(before: str | None, after: str | None, at: float = 1.0) -> dict[str, Any]:
    return {"system": "crm", "customer": "C1", "at": at, "before": before, "after": after}


DONE, BACK = entry(None, MARK), entry(MARK, None)
APPLIED, NOT_APPLIED = Told(2.0, "APPLIED", "1"), Told(2.0, "NOT_APPLIED", "1")


@pytest.mark.parametrize(
    ("effects", "told", "fault"),
    [
        ([DONE, DONE], [APPLIED], "2 effects in crm"),
        ([DONE, entry(MARK, MARK)], [APPLIED], "2 effects in crm"),
        ([], [APPLIED], "acknowledged, and not in crm"),
        ([DONE, BACK], [APPLIED], "acknowledged, and not in crm"),
        ([DONE], [NOT_APPLIED], "told NOT_APPLIED, and done in crm"),
        ([DONE, BACK, BACK], [Told(2.0, "COMPENSATED", "1")], "taken back 2 times in crm"),
        ([DONE], [Told(2.0, "COMPENSATED", "1")], "told COMPENSATED, and done in crm"),
        ([DONE], [Told(2.0, code="INTERNAL")], "no answer told what came of it (last: INTERNAL)"),
        ([DONE], [], "no answer told what came of it (last: none)"),
        ([DONE], [Told(2.0, "UNKNOWN", "1")], "not known, and not listed as such"),
        ([], [Told(2.0, "PENDING_APPROVAL", "1")], "left PENDING_APPROVAL"),
        ([DONE], [NOT_APPLIED, Told(3.0, "APPLIED", "1")], "told NOT_APPLIED after it was done"),
        ([DONE], [APPLIED, Told(3.0, "APPLIED", "2")], "one key, 2 operations"),
        ([DONE], [APPLIED, Told(3.0, "UNKNOWN", "1")], "told APPLIED, then UNKNOWN"),
    ],
)
def test_each_fault_is_seen(effects: list[dict[str, Any]], told: list[Told], fault: str) -> None:
    assert f"{MARK}: {fault}" in judged(effects, told)


@pytest.mark.parametrize(
    ("effects", "told"),
    [
        ([DONE], [APPLIED]),
        ([DONE], [Told(1.5, "UNKNOWN", "1"), APPLIED, APPLIED]),
        ([], [NOT_APPLIED]),
        ([entry(None, MARK, at=3.0)], [NOT_APPLIED, Told(4.0, "APPLIED", "1")]),
        ([DONE, BACK], [Told(2.0, "COMPENSATED", "1")]),
    ],
)
def test_what_is_right_is_let_pass(effects: list[dict[str, Any]], told: list[Told]) -> None:
    assert judged(effects, told) == []


@pytest.mark.parametrize("effects", [[], [DONE]])
def test_what_is_not_known_may_be_listed_as_such(effects: list[dict[str, Any]]) -> None:
    client = Client(Operation(MARK, KINDS["version"], "C1", "id"), "token", random.Random(1))
    client.told.append(Told(2.0, "UNKNOWN", "1"))
    client.is_listed = True
    seen = Effects(0)
    seen.of_customer["C1"] = list(effects)

    assert judge(client, seen) == []


def test_another_input_under_the_same_key_must_not_be_taken() -> None:
    client = Client(Operation(MARK, KINDS["version"], "C1", "id"), "token", random.Random(1), [NOT_APPLIED])
    client.told_otherwise = Told(3.0, "APPLIED", "1")

    assert judge(client, Effects(0)) == [f"{MARK}: another input under its key was taken: APPLIED"]


def test_an_acknowledged_write_has_to_be_seen() -> None:
    client = Client(Operation(MARK, KINDS["version"], "C1", "id"), "token", random.Random(1), [APPLIED])
    client.unseen_by.append(2)
    seen = Effects(0)
    seen.of_customer["C1"] = [DONE]

    assert judge(client, seen) == [f"{MARK}: acknowledged, and not seen by a read through replica 2"]


def judged(effects: list[dict[str, Any]], told: list[Told]) -> list[str]:
    client = Client(Operation(MARK, KINDS["version"], "C1", "id"), "token", random.Random(1), told)
    seen = Effects(0)
    seen.of_customer["C1"] = list(effects)
    return judge(client, seen)
