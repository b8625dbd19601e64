"""`klantbeeld eligibility`: lists of any length, judged in order, no further ahead than is asked."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from klantbeeld.cli.eligibility import MOST_REFERENCES, AskedGateway, Pace, Verdict, stream
from klantbeeld.cli.recipients import Recipient
from klantbeeld.sdk.words import Channel

from .conftest import Klantbeeld

URL = "http://gateway.example/graphql"
MISSING = {"code": "SOURCE_MISSING", "message": "x", "source": "crm"}
FREE = {"allowed": True, "asOf": "2026-11-23T12:00:00Z", "blockers": []}


def customer(number: int) -> str:
    return f"01900000-0000-7000-8000-{number:012x}"


def recipients(count: int) -> list[Recipient]:
    return [Recipient(number, customer=customer(number)) for number in range(1, count + 1)]


@dataclass
class FakeJudge:
    """Allows everybody, except those whom a silent source leaves open for a number of tries."""

    silent_for: dict[int, int] = field(default_factory=dict)
    asked: list[list[int]] = field(default_factory=list)
    under_way: int = 0
    most: int = 0

    async def __call__(self, asked: Sequence[Recipient], /) -> list[Verdict]:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        self.asked.append([one.line for one in asked])
        await asyncio.sleep(0)
        self.under_way -= 1
        return [self._verdict(one) for one in asked]

    def _verdict(self, one: Recipient) -> Verdict:
        left = self.silent_for.get(one.line, 0)
        self.silent_for[one.line] = left - 1
        return Verdict(one, blockers=(MISSING,)) if left > 0 else Verdict(one, allowed=True)


@dataclass
class Sleeps:
    """Remembers how long it was to sleep, and does not."""

    slept: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


async def judged(found: Any, judge: Any, **more: Any) -> list[Verdict]:
    return [verdict async for verdict in stream(found, judge, **more)]


@pytest.mark.asyncio
async def test_verdicts_come_in_the_order_of_the_list() -> None:
    verdicts = await judged(recipients(23), FakeJudge(), pace=Pace(chunk=5, at_once=3))
    assert [verdict.recipient.line for verdict in verdicts] == list(range(1, 24))
    assert all(verdict.allowed for verdict in verdicts)


@pytest.mark.asyncio
async def test_no_more_chunks_are_asked_at_once_than_allowed() -> None:
    judge = FakeJudge()
    await judged(recipients(100), judge, pace=Pace(chunk=5, at_once=3))
    assert judge.most == 3
    assert {len(chunk) for chunk in judge.asked} == {5}


@pytest.mark.asyncio
async def test_the_list_is_read_no_further_than_the_chunks_under_way() -> None:
    read = 0

    def counted() -> Iterator[Recipient]:
        nonlocal read
        for one in recipients(1_000):
            read += 1
            yield one

    verdicts = stream(counted(), FakeJudge(), pace=Pace(chunk=10, at_once=2))
    assert (await anext(verdicts)).recipient.line == 1
    assert read <= 30
    await verdicts.aclose()


@pytest.mark.asyncio
async def test_whoever_a_silent_source_left_open_is_asked_about_again_after_longer_pauses() -> None:
    judge, sleeps = FakeJudge(silent_for={2: 1, 3: 2}), Sleeps()
    verdicts = await judged(recipients(4), judge, pace=Pace(chunk=10, tries=3), sleep=sleeps)
    assert judge.asked == [[1, 2, 3, 4], [2, 3], [3]]
    assert sleeps.slept == [1, 2]
    assert all(verdict.allowed for verdict in verdicts)


@pytest.mark.asyncio
async def test_whoever_stays_open_is_not_allowed() -> None:
    judge = FakeJudge(silent_for={1: 99})
    (verdict,) = await judged(recipients(1), judge, pace=Pace(tries=2), sleep=Sleeps())
    assert not verdict.allowed
    assert len(judge.asked) == 2


@pytest.mark.asyncio
async def test_a_line_that_says_nobody_is_not_asked_about() -> None:
    judge = FakeJudge()
    (verdict,) = await judged([Recipient(1, problem="ID_INVALID")], judge)
    assert (verdict.allowed, verdict.code, judge.asked) == (False, "ID_INVALID", [])


@pytest.mark.asyncio
async def test_giving_up_ends_what_is_under_way() -> None:
    begun = asyncio.Event()

    async def never(_: Sequence[Recipient]) -> list[Verdict]:
        begun.set()
        await asyncio.Event().wait()
        return []

    before = asyncio.all_tasks()
    verdicts = stream(recipients(3), never, pace=Pace(chunk=1, at_once=3))
    waiting = asyncio.ensure_future(anext(verdicts))
    await begun.wait()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await verdicts.aclose()
    assert asyncio.all_tasks() == before


class Gateway:
    """Answers as a gateway would: allows customers, finds references, and refuses in its own words."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.asked.append(body)
        if self.answers:
            return httpx.Response(self.answers.get("status", 200), json=self.answers["json"])
        variables = body["variables"]
        if "customers" in variables:
            return httpx.Response(200, json={"data": {"judged": [FREE for _ in variables["customers"]]}})
        names = [name.removesuffix("s") for name in variables if name[0] == "r" and name.endswith("s")]
        return httpx.Response(200, json={"data": {name: {"marketingEligibility": FREE} for name in names}})


async def ask(gateway: Any, asked: Sequence[Recipient]) -> list[Verdict]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(gateway)) as client:
        return await AskedGateway(client, URL, Channel.EMAIL, "KB-1")(asked)


@pytest.mark.asyncio
async def test_ids_are_asked_in_one_request_and_references_in_as_few_as_go() -> None:
    gateway = Gateway()
    by_reference = [Recipient(number, source="crm", record_id=str(number)) for number in range(10, 31)]
    verdicts = await ask(gateway, [*by_reference, *recipients(3)])
    assert [verdict.recipient.line for verdict in verdicts] == [1, 2, 3, *range(10, 31)]
    assert all(verdict.allowed for verdict in verdicts)
    assert len(gateway.asked) == 3
    assert {body["variables"]["channel"] for body in gateway.asked} == {"EMAIL"}
    assert {body["variables"]["product"] for body in gateway.asked} == {"KB-1"}
    assert max(body["query"].count("customerByReference") for body in gateway.asked) == MOST_REFERENCES


def error(code: str, *path: Any) -> dict[str, Any]:
    return {"message": "x", "extensions": {"code": code}} | ({"path": list(path)} if path else {})


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"json": {"data": {"judged": [None]}}}, "CUSTOMER_UNKNOWN"),
        ({"json": {"data": {"judged": None}, "errors": [error("SCOPE_MISSING", "judged")]}}, "SCOPE_MISSING"),
        ({"status": 401, "json": {"errors": [error("TOKEN_EXPIRED")]}}, "TOKEN_EXPIRED"),
        ({"status": 500, "json": {}}, "NOT_ANSWERED"),
        ({"status": 502, "json": ["no gateway"]}, "NOT_ANSWERED"),
        ({"json": {"errors": [{"message": "no code"}]}}, "NOT_ANSWERED"),
    ],
)
async def test_whoever_is_not_judged_is_not_allowed(answer: dict[str, Any], code: str) -> None:
    (verdict,) = await ask(Gateway(**answer), recipients(1))
    assert (verdict.allowed, verdict.code) == (False, code)


@pytest.mark.asyncio
async def test_a_reference_that_is_refused_costs_itself_alone() -> None:
    answer = {
        "data": {"r0": None, "r1": {"marketingEligibility": None}, "r2": {"marketingEligibility": FREE}, "r3": None},
        "errors": [error("UNKNOWN_SOURCE", "r0"), error("NOT_GRANTED", "r1", "marketingEligibility")],
    }
    asked = [Recipient(number, source="crm", record_id="x") for number in range(4)]
    verdicts = await ask(Gateway(json=answer), asked)
    assert [verdict.code for verdict in verdicts] == ["UNKNOWN_SOURCE", "NOT_GRANTED", None, "CUSTOMER_UNKNOWN"]
    assert [verdict.allowed for verdict in verdicts] == [False, False, True, False]


@pytest.mark.asyncio
async def test_a_gateway_that_cannot_be_reached_allows_nobody() -> None:
    def unreachable(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    (verdict,) = await ask(unreachable, recipients(1))
    assert (verdict.allowed, verdict.code, verdict.is_unsaid) == (False, "NOT_ANSWERED", True)


@pytest.fixture
def a_list(tmp_path: Path) -> Path:
    file = tmp_path / "recipients.jsonl"
    lines = [json.dumps({"customer": customer(1)}), "not json"]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


@respx.mock(using="httpx")
def test_each_line_is_answered_with_a_line_of_json(
    klantbeeld: Klantbeeld, a_list: Path, respx_mock: respx.MockRouter
) -> None:
    asked = respx_mock.post(URL).mock(side_effect=Gateway())
    done = klantbeeld(
        "eligibility", a_list, "--channel", "email", "--url", URL, "--token", "t", "--purpose", "marketing"
    )
    assert [json.loads(line) for line in done.out.splitlines()] == [
        {"line": 1, "customer": customer(1), "allowed": True, "blockers": [], "as_of": FREE["asOf"]},
        {"line": 2, "allowed": False, "code": "INVALID_JSON"},
    ]
    assert done.code == 1
    assert "could not be judged: 1" in done.err
    request = asked.calls.last.request
    assert (request.headers["authorization"], request.headers["klantbeeld-purpose"]) == ("Bearer t", "marketing")


@respx.mock(using="httpx")
def test_a_list_that_is_judged_whole_leaves_with_0(
    klantbeeld: Klantbeeld, tmp_path: Path, respx_mock: respx.MockRouter
) -> None:
    file = tmp_path / "recipients.csv"
    file.write_text(f"customer\n{customer(1)}\n", encoding="utf-8")
    respx_mock.post(URL).mock(side_effect=Gateway())
    done = klantbeeld("eligibility", file, "--channel", "EMAIL", "--url", URL)
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("nowhere.csv", "--channel", "EMAIL"), "nowhere.csv"),
        (("recipients.jsonl", "--channel", "PIGEON"), "--channel"),
        (("recipients.jsonl", "--channel", "EMAIL", "--url", "nowhere"), "--url"),
    ],
)
def test_what_cannot_be_done_is_one_message(
    klantbeeld: Klantbeeld, a_list: Path, arguments: tuple[str, ...], named: str
) -> None:
    done = klantbeeld("eligibility", *arguments)
    assert (done.code, done.out) == (2, "")
    assert named in done.err
