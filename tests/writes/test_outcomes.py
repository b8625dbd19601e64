"""What came of a write: never a guess."""

import pytest

from klantbeeld.errors import (
    BreakerOpen,
    SourceBusy,
    SourceConflict,
    SourceError,
    SourceInvalid,
    SourceQuarantined,
    SourceRefused,
    SourceRejected,
    SourceTimeout,
    SourceUnavailable,
)
from klantbeeld.writes.outcomes import StepOutcome, WriteStatus, status_after

APPLIED, NOT_APPLIED, UNKNOWN = WriteStatus.APPLIED, WriteStatus.NOT_APPLIED, WriteStatus.UNKNOWN

PROVED: dict[type[SourceError], WriteStatus] = {
    SourceConflict: NOT_APPLIED,
    SourceRejected: NOT_APPLIED,
    SourceRefused: NOT_APPLIED,
    SourceTimeout: UNKNOWN,
    SourceUnavailable: UNKNOWN,
    SourceInvalid: UNKNOWN,
}


def test_every_kind_of_problem_proves_something() -> None:
    assert {*PROVED, SourceBusy, SourceQuarantined} == set(SourceError.__subclasses__())


@pytest.mark.parametrize("problem", PROVED)
def test_a_problem_after_the_first_byte_proves_what_the_owner_said(problem: type[SourceError]) -> None:
    error = problem("made up")
    assert error.sent
    assert status_after(error) is PROVED[problem]


@pytest.mark.parametrize("problem", PROVED)
def test_a_request_that_never_left_changed_nothing(problem: type[SourceError]) -> None:
    error = problem("made up")
    error.sent = False
    assert status_after(error) is NOT_APPLIED


@pytest.mark.parametrize(
    "problem", [SourceBusy("full"), BreakerOpen("open", retry_after=5), SourceQuarantined("broken", sent=False)]
)
def test_a_write_that_was_held_back_changed_nothing(problem: SourceError) -> None:
    assert status_after(problem) is NOT_APPLIED


def test_only_a_changed_record_is_a_conflict() -> None:
    codes = [None, *(problem.code for problem in PROVED)]
    steps = [StepOutcome("s", "act", NOT_APPLIED, code=code) for code in codes]
    assert [step.code for step in steps if step.is_conflict] == ["CONFLICT"]
