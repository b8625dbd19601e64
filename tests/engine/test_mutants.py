"""Engines with one fault each: the comparison with the executor without a plan catches every one.

A mutant is a function of the engine whose source has one piece changed. Where the piece is not there any more, the
table below has to be brought up to date: a mutant that changes nothing would prove nothing.
"""

from typing import Any

import pytest
from tests.engine.cases import case_of, differ
from tests.mutation import mutated

from klantbeeld.engine import fetch, lanes, outlines, plan, run
from klantbeeld.engine.assembly import _Writer
from klantbeeld.engine.calls import Calls
from klantbeeld.engine.conversion import Conversion
from klantbeeld.engine.engine import Engine
from klantbeeld.engine.fetch import Fetch
from klantbeeld.engine.lanes import Lane
from klantbeeld.engine.plan import _Above, _Compiler
from klantbeeld.engine.roots import RunRoots

# Cases among which a mutant has to be caught.
ENOUGH = 300

MUTANTS: dict[str, tuple[Any, str, str, str]] = {
    "drops an error": (Engine, "_shown", "for error in errors:", "for error in list(errors)[:-1]:"),
    "tells errors without their place": (
        Engine,
        "_shown",
        "shown(error, language)",
        "shown(error, language) | {'path': []}",
    ),
    "ignores a skip": (_Writer, "chosen", "left_of(found, self.conditions)", "found"),
    "puts a skipped field where it stood": (
        _Writer,
        "chosen",
        "key=lambda field: field[1][0].place",
        "key=lambda _: 0",
    ),
    "reorders the answers": (fetch, "_filled", "sort(key=ORDER)", "sort(key=ORDER, reverse=True)"),
    "shares a record between customers": (
        Calls,
        "take",
        "known = (lane, key, subject.customer_id, at)",
        "known = (lane, key, at)",
    ),
    "shares a call between arguments": (lanes, "_handed", "return repr(given) if given else None", "return None"),
    "takes the members of the first alias": (
        Lane,
        "_share",
        "members.get(call, frozenset()) | planned.members",
        "members.get(call, planned.members)",
    ),
    "forgets what a field uses": (_Above, "__post_init__", "set(read.uses)", "set()"),
    "forgets the key of what is below": (
        _Compiler,
        "_join",
        "above.note(found.record, tuple(",
        "above.note(None, tuple(",
    ),
    "asks one source of a role": (lanes, "spots_of", "for source in able:", "for source in able[:1]:"),
    "asks under one number of a customer": (fetch, "_keys", "sorted(owners)", "sorted(owners)[:1]"),
    "takes an unlinked source for a silent one": (fetch, "_want", "SourceState.NOT_LINKED", "SourceState.UNAVAILABLE"),
    "skips the check of rows": (
        RunRoots,
        "_met",
        "links is None or links.customer_id not in self.run.releases",
        "not links",
    ),
    "skips what a customer did not release": (
        Fetch,
        "_prepare",
        "if joint.scope and not covers(joint.scope, joint.coordinate):",
        "if False:",
    ),
    "skips the rule of a read": (Fetch, "_prepare", "spot.scope is None or covers", "True or covers"),
    "skips the rights": (plan, "refusal_of", "return rights.refusal", "return None and rights.refusal"),
    "asks what is only needed when selected": (_Above, "planned", "read.only_when is None or", "True or"),
    "tells of sources what was asked for somebody": (
        fetch,
        "_answered",
        "setdefault(place.customer_id, [])",
        "setdefault('', [])",
    ),
    "asks for the last read of a call alone": (outlines, "_entry", "errand.mask |= spot.bit", "errand.mask = spot.bit"),
    "asks at once whatever was not released": (
        fetch,
        "_outline_for",
        "if sources is None or not run.releases",
        "if sources is None or 0 and not run.releases",
    ),
    "asks at once under one number of a customer": (
        fetch,
        "_subjects",
        "if len(subjects) == 1 + len(known.links) and",
        "if",
    ),
    "forgets a member of an input": (Conversion, "_input", "if name in given:", "if name in list(given)[1:]:"),
    "binds a cursor to no customer": (run, "binding_of", "customer_id, kept", "kept"),
}


@pytest.mark.parametrize("name", MUTANTS)
@pytest.mark.asyncio
async def test_a_mutant_of_the_engine_is_caught(name: str) -> None:
    with mutated(*MUTANTS[name]):
        assert await _caught(), "no case tells this engine from the right one"


@pytest.mark.asyncio
async def test_an_engine_without_a_fault_is_not_caught() -> None:
    with mutated(Engine, "_shown", "for error in errors:", "for error in list(errors):"):
        assert not await _caught(40)


async def _caught(cases: int = ENOUGH) -> bool:
    for seed in sorted(range(cases), key=lambda seed: seed % 5 != 0):  # those that are written first: they reach more
        case = case_of(seed)
        try:
            ours, house = await case.compiled()
        except Exception:  # noqa: BLE001 - a mutant that breaks is caught
            return True
        if differ(ours, case.naive(), "naive", in_order=not house.fallbacks):
            return True
    return False
