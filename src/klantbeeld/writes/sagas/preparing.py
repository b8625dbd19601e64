"""What is looked up just before a step of a saga is sent: what is there now, and what an earlier step wrote."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from klantbeeld.errors import SourceInvalid
from klantbeeld.sdk.acts import Act
from klantbeeld.sdk.sagas import Do, Saga
from klantbeeld.sources.context import CallContext
from klantbeeld.sources.source import Source
from klantbeeld.writes.planning import PlannedStep, Prepared, Preparer
from klantbeeld.writes.rows import OperationView, StepRow
from klantbeeld.writes.sagas.linking import REMEMBER
from klantbeeld.writes.sagas.planning import compensation
from klantbeeld.writes.sagas.reading import members_of, read_what_is_there

VERSIONED = "party"  # the record that tells the version of what an act about a customer changes
NOTHING: frozenset[str] = frozenset()  # besides the version


def preparers(sagas: Mapping[str, Saga], sources: Mapping[str, Source]) -> dict[str, Preparer]:
    """Return a preparer for each call of each saga, and for each step that takes one back."""
    found: dict[str, Preparer] = {}
    for saga in sagas.values():
        for step in saga.steps:
            if isinstance(step, Do):
                found[f"{saga.name}/{step.name}"] = Forward(saga.name, step, sources)
                found[f"{saga.name}/{step.name}/undo"] = Backward(step)
    return found


@dataclass(frozen=True, slots=True)
class Forward:
    """Prepares a call: what is there before is read, so that it can be put back; where nothing follows, nothing is."""

    saga: str
    step: Do
    sources: Mapping[str, Source]

    async def prepare(self, view: OperationView, step: StepRow, act: Act, context: CallContext, /) -> Prepared:
        """Read what has to be known; raises SourceError where it cannot be."""
        undo = self.step.undo
        if undo is None or undo.reads is None or not may_be_taken_back(view, step):
            return Prepared(act)
        source = self.sources[step.source or ""]
        # The version first: a change between the two reads is then refused, and not taken for what was there.
        wanted = {VERSIONED: NOTHING, undo.reads: members_of(undo.reads)}
        found = await read_what_is_there(source, wanted, act.customer, context)
        before = found[undo.reads]
        seen = next((record.version for record in found[VERSIONED] if record.version), None)
        done = PlannedStep(act=step.act, source=step.source, role=step.role, payload=act)
        return Prepared(act, compensation(self.saga, self.step, done, before, place=step.seq), seen)


@dataclass(frozen=True, slots=True)
class Backward:
    """Prepares a step that takes another back: which record that wrote, and at which version it may be changed.

    What puts an earlier value back goes only over the version that was written, so that nobody's later change is lost;
    what says something anew goes over the present one.
    """

    step: Do

    async def prepare(self, view: OperationView, step: StepRow, act: Act, _context: CallContext, /) -> Prepared:
        """Fill in what is known of the step that is taken back."""
        undo = self.step.undo
        if step.compensates is None or undo is None:
            raise SourceInvalid("the step takes nothing back", sent=False)
        done = view.step(step.compensates)
        if undo.takes:
            later: dict[str, Any] = {undo.takes: done.record_id or ""}
            act = structs.replace(act, **later)
        return Prepared(structs.replace(act, expected=done.version) if undo.reads else act)


def may_be_taken_back(view: OperationView, step: StepRow) -> bool:
    """Say whether anything comes after a step that can be refused; renewing what records are found by cannot."""
    return any(
        one.seq > step.seq and one.compensates is None and one.kind != REMEMBER and not one.was_left_out
        for one in view.steps
    )
