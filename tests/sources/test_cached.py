"""Cached reads: what is kept, for whom, how long, and what it says of its age."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from tests.sources.shop import NOW, about, bills, shop

from klantbeeld.errors import StoreError
from klantbeeld.sdk.records import Record
from klantbeeld.sdk.roles import ROLES
from klantbeeld.settings_sharing import Ages, CacheSettings, RecordKind
from klantbeeld.settings_source import RetrySettings
from klantbeeld.sources.cache_store import BoundedMemory, CacheStore
from klantbeeld.sources.cache_values import kind_of
from klantbeeld.sources.cached import Sharing
from klantbeeld.sources.changes import Changes
from klantbeeld.sources.context import Ageing, CallContext
from klantbeeld.sources.questions import Outcome, Question, SourceState, Subject
from klantbeeld.sources.source import Source
from klantbeeld.store.change_log import MemoryChangeLog

pytestmark = pytest.mark.asyncio

SECRET = b"a secret that all replicas have."
MINUTE: dict[str, Any] = {"max_age": 60}
STALE: dict[str, Any] = {"max_age": 60, "stale_if_error": 120}
INVOICES = about("invoices", "c")


@dataclass
class Clock:
    """Time that the test moves, for ages and for what the store keeps."""

    seconds: float = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class Shopkeeper:
    """What the shop was asked, and what it answers: a bill whose number is that of the call, or a status."""

    asked: list[str] = field(default_factory=list)
    status: int = 200

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.url.path}?{request.url.params.get('customer') or request.url.params.get('ids')}")
        if self.status != 200:
            return httpx.Response(self.status)
        number = len(self.asked)
        if request.url.path == "/bill":
            ids = request.url.params["ids"].split(",")
            return httpx.Response(200, json=[{"id": one, "customer": "c", "number": f"no {number}"} for one in ids])
        customers = request.url.params["customer"].split(",")
        data = [bill | {"id": f"b-{one}"} for one in customers for bill in bills(number, customer=one)]
        return httpx.Response(200, json={"data": data})


@dataclass
class Kept:
    """A shop whose answers are kept, and what the test moves."""

    source: Source
    changes: Changes
    clock: Clock
    keeper: Shopkeeper
    memory: BoundedMemory

    async def ask(self, question: Question = INVOICES, **given: Any) -> Outcome:
        return await self.source.ask(question, context(**given))

    async def number(self, question: Question = INVOICES, **given: Any) -> str:
        """Ask for the number of the first bill."""
        outcome = await self.ask(question, **given)
        assert outcome.problem is None, outcome.problem
        (name,) = question.members
        records = [record for found in outcome.records[name].values() for record in found]
        return str(getattr(records[0], "number"))  # noqa: B009 - records are many types


def context(rights: str = "agent", **given: Any) -> CallContext:
    return CallContext(asyncio.get_running_loop().time() + 5, rights=rights, **given)


@asynccontextmanager
async def kept(
    log: MemoryChangeLog | None = None, store: CacheStore | None = None, **given: Any
) -> AsyncIterator[Kept]:
    clock, keeper = Clock(), Shopkeeper()
    changes = Changes(log or MemoryChangeLog(), secret=SECRET, now=clock.now)
    memory = BoundedMemory(1_000_000, clock=clock.monotonic)
    settings = CacheSettings.model_validate(given or MINUTE)
    sharing = Sharing(
        store=store or CacheStore(memory, clock=clock.monotonic),
        changes=changes,
        ages_of=settings.ages_of,
        secret=SECRET,
        now=clock.now,
    )
    source = shop(keeper.handle, sharing=sharing, changes=changes, now=clock.now, retry=RetrySettings(attempts=1))
    changes.forget_calls = lambda _: source.flights.forget()
    await changes.start()
    try:
        yield Kept(source, changes, clock, keeper, memory)
    finally:
        await source.aclose()
        await changes.stop()


def origins(outcome: Outcome) -> list[tuple[bool, bool, datetime]]:
    records: list[Record] = [
        record for by_key in outcome.records.values() for found in by_key.values() for record in found
    ]
    return [(one.origin.cached, one.origin.stale, one.origin.fetched_at) for one in records if one.origin]


async def test_a_value_is_served_again_within_its_time_and_says_so() -> None:
    async with kept() as here:
        first = await here.ask()
        here.clock.seconds = 59.9
        second = await here.ask()

        assert (first.state, second.state) == (SourceState.OK, SourceState.CACHED)
        assert origins(second) == [(True, False, NOW)]
        assert len(here.keeper.asked) == 1


async def test_a_value_is_the_same_whether_it_was_kept_or_not() -> None:
    async with kept() as here:
        first, second = await here.ask(), await here.ask()

        (one,), (other,) = first.records["invoices"]["c"], second.records["invoices"]["c"]
        assert one is not other
        assert replace_origin(one) == replace_origin(other)


def replace_origin(record: Record) -> Record:
    return msgspec.structs.replace(record, origin=None)


async def test_a_value_beyond_its_time_is_asked_again() -> None:
    async with kept() as here:
        await here.ask()
        here.clock.seconds = 60

        assert (await here.ask()).state is SourceState.OK
        assert len(here.keeper.asked) == 2


@pytest.mark.parametrize(
    "other",
    [
        about("invoices", "c", members="version"),
        about("invoices", "d"),
        about("invoices", "c", owners={"c": "d"}),
        about("invoices", "c", first=2),
        about("invoices", "c", after="2"),
        about("invoices", "c", everything=True),
        about("invoices", "c", arguments={"state": "OPEN"}),
        msgspec.structs.replace(INVOICES, subjects={"c": Subject("another customer", frozenset({"c"}))}),
    ],
)
async def test_what_is_asked_otherwise_finds_nothing(other: Question) -> None:
    async with kept() as here:
        await here.ask()

        assert (await here.ask(other)).state is SourceState.OK


async def test_callers_with_other_rights_find_nothing() -> None:
    async with kept() as here:
        await here.ask(rights="agent, for service")

        assert (await here.ask(rights="agent, for marketing")).state is SourceState.OK
        assert (await here.ask(rights="agent, for service")).state is SourceState.CACHED


async def test_a_question_for_more_members_is_not_answered_with_missing_ones() -> None:
    async with kept() as here:
        await here.ask(about("invoices", "c", members="version"))
        outcome = await here.ask(about("invoices", "c", members="number"))

        assert [record.number for record in outcome.records["invoices"]["c"]] == ["no 2"]  # type: ignore[attr-defined]


async def test_a_write_evicts_what_was_said_of_its_customer_and_nothing_else() -> None:
    async with kept() as here:
        mine, others = about("invoices", "c"), about("invoices", "d")
        await here.ask(mine)
        await here.ask(others)
        await here.changes.changed("shop", ["customer of c"])

        assert (await here.ask(mine)).state is SourceState.OK
        assert (await here.ask(others)).state is SourceState.CACHED


async def test_a_write_on_another_replica_evicts_here_before_it_answers_there() -> None:
    log = MemoryChangeLog()
    async with kept(log) as here, kept(log) as there:
        await here.ask()
        await there.changes.changed("shop", ["customer of c"])

        assert (await here.ask()).state is SourceState.OK


async def test_replicas_that_share_a_store_share_values_and_evictions() -> None:
    log, clock = MemoryChangeLog(), Clock()
    store = CacheStore(BoundedMemory(100_000, clock=clock.monotonic), clock=clock.monotonic)
    async with kept(log, store) as here, kept(log, store) as there:
        await here.ask()
        assert (await there.ask()).state is SourceState.CACHED
        await here.changes.changed("shop", ["customer of c"])
        assert (await there.ask()).state is SourceState.OK


async def test_a_read_that_overlaps_a_write_leaves_nothing_that_is_served() -> None:
    async with kept() as here:
        answering = asyncio.Event()

        async def slow(request: httpx.Request) -> httpx.Response:
            await answering.wait()
            return here.keeper.handle(request)

        here.source._transport._inner = httpx.MockTransport(slow)  # type: ignore[attr-defined]
        reading = asyncio.ensure_future(here.ask())
        await asyncio.sleep(0.01)
        await here.changes.changed("shop", ["customer of c"])
        answering.set()
        await reading

        assert (await here.ask()).state is SourceState.OK


async def test_nothing_kept_is_served_while_nobody_knows_what_was_evicted() -> None:
    class Moody(MemoryChangeLog):
        is_down = False

        async def head(self) -> Any:
            if self.is_down:
                raise StoreError("down")
            return await super().head()

    log = Moody()
    async with kept(log) as here:
        await here.ask()
        log.is_down = True

        assert (await here.ask()).state is SourceState.OK


async def test_a_request_that_must_see_a_write_is_not_answered_from_what_is_kept() -> None:
    async with kept() as here:
        await here.ask()

        assert (await here.ask(fresh=True)).state is SourceState.OK


async def test_a_sum_is_never_taken_from_what_is_kept() -> None:
    async with kept() as here:
        await here.ask(msgspec.structs.replace(INVOICES, fresh=True))

        assert (await here.ask(msgspec.structs.replace(INVOICES, fresh=True))).state is SourceState.OK


@pytest.mark.parametrize(("seconds", "state"), [(59, "CACHED"), (60, "STALE"), (179, "STALE"), (180, "UNAVAILABLE")])
async def test_a_source_that_fails_is_stood_in_for_within_the_limits_and_not_beyond(seconds: int, state: str) -> None:
    async with kept(**STALE) as here:
        await here.ask()
        here.keeper.status, here.clock.seconds = 503, seconds
        outcome = await here.ask()

        assert outcome.state == state
        assert [found[:2] for found in origins(outcome)] == {
            "CACHED": [(True, False)],
            "STALE": [(False, True)],
            "UNAVAILABLE": [],
        }[state]
        assert all(fetched == NOW for _, _, fetched in origins(outcome))


async def test_a_stale_value_is_not_served_across_a_change_of_rights() -> None:
    async with kept(**STALE) as here:
        await here.ask(rights="before")
        here.keeper.status, here.clock.seconds = 503, 61

        assert (await here.ask(rights="after")).state is SourceState.UNAVAILABLE


async def test_a_stale_value_is_not_served_after_an_eviction() -> None:
    async with kept(**STALE) as here:
        await here.ask()
        await here.changes.changed("shop", [])
        here.keeper.status, here.clock.seconds = 503, 61

        assert (await here.ask()).state is SourceState.UNAVAILABLE


@pytest.mark.parametrize(
    ("status", "state"), [(503, "STALE"), (500, "STALE"), (429, "STALE"), (401, "UNAVAILABLE"), (403, "UNAVAILABLE")]
)
async def test_only_trouble_of_the_source_is_stood_in_for(status: int, state: str) -> None:
    """What our own credentials may no longer read is not read from a cache either."""
    async with kept(**STALE) as here:
        await here.ask()
        here.keeper.status, here.clock.seconds = status, 61

        assert (await here.ask()).state == state


async def test_a_stale_value_is_served_while_the_source_is_asked_again_behind_it() -> None:
    async with kept(max_age=60, stale_while_revalidate=60) as here:
        await here.ask()
        here.clock.seconds = 61
        stale = await here.ask()
        await asyncio.gather(*here.source._cached._refreshing)  # type: ignore[union-attr]
        again = await here.ask()

        assert (stale.state, again.state) == (SourceState.STALE, SourceState.CACHED)
        assert origins(again) == [(True, False, NOW + timedelta(seconds=61))]
        assert len(here.keeper.asked) == 2


async def test_many_who_are_served_stale_make_one_call_behind_it() -> None:
    async with kept(max_age=60, stale_while_revalidate=60) as here:
        await here.ask()
        here.clock.seconds = 61
        outcomes = await asyncio.gather(*(here.ask() for _ in range(100)))
        await asyncio.gather(*here.source._cached._refreshing)  # type: ignore[union-attr]

        assert {outcome.state for outcome in outcomes} == {SourceState.STALE}
        assert len(here.keeper.asked) == 2


async def test_a_kind_that_is_not_kept_makes_its_call_a_live_one() -> None:
    """One call for invoices and the party: what may be kept of it is kept, and answers a question of its own."""
    async with kept(kinds={"invoice": MINUTE}) as here:
        both = msgspec.structs.replace(
            INVOICES, members={"invoices": frozenset({"number"}), "party": frozenset({"full_name"})}
        )
        await here.ask(both)

        assert (await here.ask(both)).state is SourceState.OK
        assert (await here.ask(INVOICES)).state is SourceState.CACHED


async def test_of_several_keys_those_that_are_not_kept_are_asked() -> None:
    async with kept() as here:
        await here.ask(about("invoice", "b1", "b2", owners={"b1": "c", "b2": "c"}))
        owners = {"b1": "c", "b2": "c", "b3": "c"}
        outcome = await here.ask(about("invoice", "b1", "b2", "b3", owners=owners))

        assert here.keeper.asked == ["/bill?b1,b2", "/bill?b3"]
        found = {key: [record.number for record in one] for key, one in outcome.records["invoice"].items()}  # type: ignore[attr-defined]
        assert found == {"b1": ["no 1"], "b2": ["no 1"], "b3": ["no 2"]}
        assert outcome.state is SourceState.CACHED
        assert sorted(cached for cached, _, _ in origins(outcome)) == [False, True, True]


async def test_what_is_not_there_is_kept_too() -> None:
    async with kept() as here:
        here.source._transport._inner = httpx.MockTransport(  # type: ignore[attr-defined]
            lambda _: httpx.Response(200, json={"data": []})
        )
        await here.ask()
        outcome = await here.ask()

        assert (outcome.state, outcome.records) == (SourceState.CACHED, {"invoices": {"c": []}})


async def test_a_failure_is_not_kept() -> None:
    async with kept() as here:
        here.keeper.status = 500
        await here.ask()
        here.keeper.status = 200

        assert (await here.ask()).state is SourceState.OK


async def test_the_page_that_follows_is_kept_with_the_page() -> None:
    async with kept() as here:
        here.source._transport._inner = httpx.MockTransport(  # type: ignore[attr-defined]
            lambda _: httpx.Response(200, json={"data": bills(1), "more": "2"})
        )
        await here.ask()

        assert (await here.ask()).next_page == "2"


@pytest.mark.parametrize(
    ("given", "seconds", "age", "left"),
    [(MINUTE, 0, 0, 60), (MINUTE, 20, 20, 40), (STALE, 90, 90, -30)],
)
async def test_the_age_of_an_answer_is_that_of_its_parts(
    given: Mapping[str, Any], seconds: int, age: float, left: float
) -> None:
    async with kept(**given) as here:
        if seconds:
            await here.ask()
        here.clock.seconds, here.keeper.status = seconds, 503 if seconds == 90 else 200
        ageing = Ageing()
        await here.ask(ageing=ageing)

        assert (ageing.age, ageing.left) == (age, left)


async def test_what_may_not_be_kept_forbids_it_for_the_answer() -> None:
    async with kept(kinds={"party": MINUTE}) as here:
        ageing = Ageing()
        await here.ask(about("party", "c", members="full_name"), ageing=ageing)
        assert ageing.left == 60
        await here.ask(INVOICES, ageing=ageing)
        await here.ask(about("party", "c", members="full_name"), ageing=ageing)

        assert ageing.left is None


async def test_every_kind_of_record_has_its_ages() -> None:
    kinds = {kind_of(record) for role in ROLES.values() for record in role.reads.values()}

    assert kinds == set(RecordKind.__args__)  # type: ignore[attr-defined]


async def test_consents_are_kept_only_where_somebody_asks_for_it_by_name() -> None:
    general = CacheSettings(max_age=60)

    assert general.ages_of("invoice").max_age == 60
    assert general.ages_of("consent").longest == 0
    assert CacheSettings(kinds={"consent": Ages(max_age=5)}).ages_of("consent").max_age == 5


@pytest.mark.parametrize(
    "given",
    [
        {"max_age": 901},
        {"max_age": 600, "stale_if_error": 301},
        {"kinds": {"order": {"max_age": 600, "stale_while_revalidate": 301}}},
        {"cap": 3601},
        {"max_age": 3601, "cap": 3600},
        {"max_age": -1},
    ],
)
async def test_nothing_can_be_kept_beyond_the_cap(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"cap|less than|greater than"):
        CacheSettings.model_validate(given)


async def test_nothing_is_kept_by_default_or_where_it_is_off() -> None:
    assert not CacheSettings().is_on
    assert not CacheSettings(backend="off", max_age=60).is_on
    assert CacheSettings(max_age=60).is_on


async def test_a_value_under_the_name_of_another_is_not_served() -> None:
    """Whoever holds a shared cache could put one customer's value in the place of another's."""
    async with kept() as here:
        await here.ask(about("invoices", "c"))
        await here.ask(about("invoices", "d"))
        one, other = here.memory._kept
        here.memory._kept[one], here.memory._kept[other] = here.memory._kept[other], here.memory._kept[one]

        assert (await here.ask(about("invoices", "c"))).state is SourceState.OK
