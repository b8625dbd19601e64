"""The answers that the pages print are those that the demo gives.

A comment before a query says who asks, for which purpose and with which variables; the next JSON is the answer. There
`"…"` stands for any value, and the key of one of the cast for that customer's id.
"""

import json
import re
from itertools import pairwise
from typing import Any

import pytest

from klantbeeld.sandbox.facts import SYSTEMS

from .demo import Demo
from .pages import Fence, fences

ASKED = re.compile(
    r"asked by (?P<who>[\w-]+) for (?P<purpose>[\w-]+)"
    r"(?: with (?P<variables>.+?))?(?: while (?P<down>\w+) is down)?$"
)
ANY = "…"


def questions() -> list[tuple[Fence, Fence]]:
    """Return each query that says who asks, with the answer that follows it."""
    every = fences("graphql", "json")
    return [
        (fence, answer)
        for fence, answer in pairwise(every)
        if fence.note and fence.language == "graphql" and fence.note.startswith("asked by")
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize(("question", "answer"), questions(), ids=str)
async def test_the_printed_answer_is_the_one_that_comes(question: Fence, answer: Fence, demo: Demo) -> None:
    asked = ASKED.match(question.note or "")
    assert asked, question.note
    demo.sandbox.start()
    demo.sandbox.reset()
    for name in SYSTEMS:
        if name == asked["down"]:
            demo.sandbox.stop(name)
    variables = with_ids(json.loads(asked["variables"] or "{}"), demo.customers)
    async with demo.client(asked["who"], asked["purpose"]) as client:
        reply = await client.post("/graphql", json={"query": question.text, "variables": variables})
    assert answer.language == "json", f"{question} has no answer"
    came = reply.json()
    assert came == fitting(with_ids(json.loads(answer.text), demo.customers), came)


def test_some_answers_are_printed() -> None:
    assert {"README.md", "docs/schema.md"} <= {question.page for question, _ in questions()}


def with_ids(value: Any, customers: dict[str, str]) -> Any:
    """Put the ids of the cast in the place of their keys."""
    if isinstance(value, dict):
        return {name: with_ids(inner, customers) for name, inner in value.items()}
    if isinstance(value, list):
        return [with_ids(inner, customers) for inner in value]
    return customers.get(value, value) if isinstance(value, str) else value


def fitting(printed: Any, came: Any) -> Any:
    """Return what is printed, with what came in the places where anything may stand."""
    if printed == ANY and came is not None:
        return came
    if isinstance(printed, dict) and isinstance(came, dict):
        return {name: fitting(inner, came.get(name)) for name, inner in printed.items()}
    if isinstance(printed, list) and isinstance(came, list) and len(printed) == len(came):
        return [fitting(inner, other) for inner, other in zip(printed, came, strict=True)]
    return printed
