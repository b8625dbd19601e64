"""What a connector can do is read off its methods, and an answer's status means what HTTP means by it."""

import pytest

from klantbeeld.errors import (
    SourceConflict,
    SourceError,
    SourceInvalid,
    SourceRefused,
    SourceRejected,
    SourceUnavailable,
)
from klantbeeld.sdk import Ask, Call, Connector, Mapping, MatchKind, Reply, WriteSafety, does, reads, records, take
from klantbeeld.sdk.acts import CreditInvoice
from klantbeeld.sdk.connector import problem_of_status

PARTY = Mapping(records.Party, records.Money, {"record_id": take("currency")})


class Example(Connector):
    @reads(PARTY, resource="people", batch=5, newest_first="record_id", page=10, by_record=True)
    def party(self, ask: Ask) -> Call[records.Money]:
        return Call(path="/", record=records.Money)

    @reads(PARTY, finds=(MatchKind.EMAIL,))
    def find(self, ask: Ask) -> Call[records.Money]:
        return Call(path="/", record=records.Money)

    @does(WriteSafety.NONE, PARTY)
    def credit_invoice(self, act: CreditInvoice) -> Call[records.Money]:
        return Call(path="/", record=records.Money)

    def helper(self) -> None:
        """Stay apart from capabilities."""


def test_readings_and_doings_are_the_marked_methods() -> None:
    assert set(Example.readings()) == {"party", "find"}
    assert set(Example.doings()) == {"credit_invoice"}


def test_a_reading_says_what_its_mark_says() -> None:
    reading = Example.readings()["party"]
    said = (reading.resource, reading.batch, reading.newest_first, reading.page, reading.by_record)
    assert said == ("people", 5, "record_id", 10, True)
    assert Example.readings()["find"].finds == (MatchKind.EMAIL,)


def test_a_reading_without_a_resource_makes_its_own_call() -> None:
    assert Example.readings()["find"].resource == "find"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, None),
        (204, None),
        (301, SourceInvalid),
        (400, SourceRejected),
        (401, SourceRefused),
        (403, SourceRefused),
        (404, SourceRejected),
        (409, SourceConflict),
        (412, SourceConflict),
        (418, SourceInvalid),
        (422, SourceRejected),
        (429, SourceRefused),
        (500, SourceUnavailable),
        (599, SourceUnavailable),
    ],
)
def test_a_status_means_what_http_means(status: int, kind: type[SourceError] | None) -> None:
    assert type(problem_of_status(Reply(status, (), b""))) is (kind or type(None))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"7", 7.0),
        (b"Wed, 21 Oct 2026 07:28:00 GMT", None),
        (b"-1", None),
        (b"Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_the_wait_that_is_asked_for_is_kept(status: int, value: bytes, seconds: float | None) -> None:
    problem = problem_of_status(Reply(status, ((b"retry-after", value),), b""))
    assert problem is not None
    assert problem.retry_after == seconds
