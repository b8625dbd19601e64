"""Operations and steps as the journal keeps them: what a row says, in Python's own types."""

from bisect import bisect_left
from collections.abc import Mapping
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, get_type_hints

import msgspec

from klantbeeld.writes.states import CALL, OperationState, Policy, StepState


class StepRow(msgspec.Struct, frozen=True, kw_only=True):
    """One step of an operation; the columns are told in `tables.steps`."""

    operation_id: str
    seq: int
    kind: str
    act: str
    source: str | None = None
    role: str | None = None
    state: StepState = StepState.PENDING
    optional: bool = False
    compensates: int | None = None
    prepare: str | None = None
    step_key: str
    lock_key: bytes | None = None
    attempts: int = 0
    first_sent_at: datetime | None = None
    last_sent_at: datetime | None = None
    expected: str | None = None
    passing: bool = False
    code: str | None = None
    reason: str | None = None
    record_id: str | None = None
    version: str | None = None
    sealed: bytes | None = None

    @property
    def is_call(self) -> bool:
        """Whether it is an act of a source."""
        return self.kind == CALL

    @property
    def was_left_out(self) -> bool:
        """Whether it was known from the beginning that it cannot be done, and does not count."""
        return self.optional and self.state is StepState.NOT_APPLIED and self.attempts == 0


class OperationRow(msgspec.Struct, frozen=True, kw_only=True):
    """An operation; the columns are told in `tables.operations`.

    `token` fences: whoever writes names the token under which it was taken, and writes nothing when that has grown.
    """

    id: str
    scope_key: bytes | None
    fingerprint: bytes
    caller: bytes
    mutation: str
    customer_id: str | None
    channel: str
    policy: Policy = Policy.BACKWARD
    state: OperationState = OperationState.RUNNING
    resumable: bool = False
    parked: bool = False
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    wake_at: datetime | None
    holder: str
    token: int = 1
    leased_until: datetime
    sealed_key: bytes | None


SEQ = attrgetter("seq")


class OperationView(msgspec.Struct, frozen=True):
    """An operation with all its steps, in their order; steps that compensate are among them."""

    operation: OperationRow
    steps: tuple[StepRow, ...]

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.operation.state.is_final

    def step(self, seq: int) -> StepRow:
        """Return one step; KeyError for one that is not there."""
        for step in self.steps:
            if step.seq == seq:
                return step
        raise KeyError(seq)

    def with_step(self, changed: StepRow) -> "OperationView":
        """Return the same with a step changed, or with one more."""
        steps = self.steps
        place = bisect_left(steps, changed.seq, key=SEQ)
        following = place + 1 if place < len(steps) and steps[place].seq == changed.seq else place
        return OperationView(self.operation, (*steps[:place], changed, *steps[following:]))

    def with_steps(self, *changed: StepRow) -> "OperationView":
        """Return the same with several steps changed, or more of them."""
        view = self
        for step in changed:
            view = view.with_step(step)
        return view


def ended(view: OperationView) -> OperationView:
    """Return an operation that is over as it is kept: without its input, and with nothing left to be begun."""
    steps = tuple(
        msgspec.structs.replace(
            step,
            sealed=None,
            lock_key=None,
            state=StepState.SKIPPED if step.state is StepState.PENDING else step.state,
        )
        for step in view.steps
    )
    return OperationView(msgspec.structs.replace(view.operation, sealed_key=None, wake_at=None, parked=False), steps)


STEP_COLUMNS = StepRow.__struct_fields__
OPERATION_COLUMNS = OperationRow.__struct_fields__

IDS = frozenset({"id", "operation_id", "customer_id", "holder"})
BYTES = frozenset({"scope_key", "fingerprint", "caller", "sealed_key", "lock_key", "sealed"})
ENUMS: Mapping[tuple[type[Any], str], type[Any]] = {
    (OperationRow, "policy"): Policy,
    (OperationRow, "state"): OperationState,
    (StepRow, "state"): StepState,
}


def _read(kind: type[Any], name: str, hints: Any) -> Any:
    """Choose how a column is read: the two databases give ids, moments and truth values in types of their own."""
    if enum := ENUMS.get((kind, name)):
        return enum
    if name in IDS:
        return str
    if name in BYTES:
        return bytes
    hint = str(hints[name])
    if "datetime" in hint:
        return _moment
    return bool if hint == "<class 'bool'>" else None


def _readers(kind: type[Any]) -> tuple[Any, ...]:
    hints = get_type_hints(kind)
    return tuple(_read(kind, name, hints) for name in kind.__struct_fields__)


def _moment(value: Any) -> datetime:
    moment: datetime = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone(UTC)


STEP_READERS = _readers(StepRow)
OPERATION_READERS = _readers(OperationRow)


def step_of(row: tuple[Any, ...]) -> StepRow:
    """Make a step of a row whose columns are STEP_COLUMNS."""
    return StepRow(**_values(row, STEP_COLUMNS, STEP_READERS))


def operation_of(row: tuple[Any, ...]) -> OperationRow:
    """Make an operation of a row whose columns are OPERATION_COLUMNS."""
    return OperationRow(**_values(row, OPERATION_COLUMNS, OPERATION_READERS))


def _values(row: tuple[Any, ...], columns: tuple[str, ...], readers: tuple[Any, ...]) -> dict[str, Any]:
    return {
        name: value if value is None or read is None else read(value)
        for name, value, read in zip(columns, row, readers, strict=True)
    }


def values_of(row: OperationRow | StepRow) -> tuple[Any, ...]:
    """Give a row's values in the order of its columns, as both databases take them."""
    return msgspec.structs.astuple(row)
