"""What a request did, for those who may see it: its plan as `klantbeeld explain` draws it, with timings.

Asked by a header, answered in the response's `extensions.explain`, and never kept.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from klantbeeld.engine.documents import Asked
from klantbeeld.engine.plan_tree import Scene, plan_tree
from klantbeeld.engine.ports import Rights
from klantbeeld.engine.run import Run
from klantbeeld.errors import Forbidden

SCOPE = "explain:read"
HEADER = "header Klantbeeld-Explain"


def refuse_explaining(rights: Rights) -> None:
    """Refuse whoever may not see plans; raises Forbidden with the rule's code."""
    if refusal := rights.refusal(SCOPE, category="SYSTEM", sensitivity="ORDINARY"):
        raise Forbidden("plans are not shown to this caller", code=refusal, place=HEADER)


@dataclass(slots=True)
class Laps:
    """How long each stage of a request took, in seconds, one after another."""

    clock: Callable[[], float] = time.perf_counter
    taken: dict[str, float] = field(default_factory=dict)
    began: float = 0.0

    def __post_init__(self) -> None:
        self.began = self.clock()

    def end(self, stage: str) -> None:
        """End a stage; the next one begins."""
        now = self.clock()
        self.taken[stage] = now - self.began
        self.began = now


def explanation(asked: Asked, run: Run, laps: Laps, scene: Scene) -> dict[str, Any]:
    """Return what goes into the response; times are in milliseconds."""
    document = "shared" if asked.literals else "known" if asked.recurs else "new"
    return {
        "document": document,
        "plan": list(plan_tree(run.plan, scene).lines()),
        "milliseconds": {stage: _milliseconds(seconds) for stage, seconds in laps.taken.items()},
        "calls": _calls(run),
    }


def _calls(run: Run) -> list[dict[str, Any]]:
    """Return what each source said to each read, the answers about several customers together."""
    found: dict[tuple[str, str, str, str], list[float]] = {}
    for answers in run.asked.values():
        for answer in answers:
            if answer.source:
                key = (answer.source, answer.role, answer.call, answer.state.value)
                found.setdefault(key, []).append(answer.seconds)
    return [
        {
            "source": source,
            "role": role,
            "call": call,
            "state": state,
            "answers": len(seconds),
            "milliseconds": _milliseconds(max(seconds)),
        }
        for (source, role, call, state), seconds in sorted(found.items())
    ]


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
