"""The condition of a source, and the figures of its links."""

import asyncio

import pytest
from tests.sources.shop import about, answering, bills, numbers, shop, soon

from klantbeeld.errors import SourceUnavailable
from klantbeeld.sdk.calls import Call
from klantbeeld.settings_source import QuotaSettings
from klantbeeld.sources.condition import SourceCondition, condition_of
from klantbeeld.sources.context import CallContext, Priority
from klantbeeld.sources.figures import show_links
from klantbeeld.sources.questions import SourceState
from klantbeeld.sources.source import Source
from klantbeeld.telemetry.metrics import Metrics

pytestmark = pytest.mark.asyncio

READ = Call(path="/", record=object)


def break_down(source: Source) -> None:
    for _ in range(20):
        source.chain.spoiled(READ, SourceUnavailable("down"))


async def test_a_source_is_available_at_first_and_down_when_its_breaker_opens() -> None:
    source = shop(answering({"data": bills(1)}))
    assert condition_of(source) is SourceCondition.AVAILABLE
    source.chain._ended = asyncio.get_running_loop().time()
    break_down(source)
    assert condition_of(source) is SourceCondition.DOWN
    outcome = await source.ask(about("invoices", "c"), soon())
    assert (outcome.state, outcome.problem and outcome.problem.code) == (SourceState.UNAVAILABLE, "SOURCE_UNAVAILABLE")


async def test_a_breaker_whose_time_is_over_is_probing() -> None:
    source = shop(answering({"data": bills(1)}))
    source.chain._ended = asyncio.get_running_loop().time() - 6
    break_down(source)
    assert condition_of(source) is SourceCondition.PROBING


async def test_a_source_that_asked_for_a_pause_is_paused_and_its_fields_busy() -> None:
    source = shop(answering(b"", 429, **{"retry-after": "30"}))
    refused = await source.ask(about("invoices", "c"), soon())
    busy = await source.ask(about("invoices", "c"), soon())
    assert [one.problem and one.problem.code for one in (refused, busy)] == ["SOURCE_REFUSED", "SOURCE_BUSY"]
    assert condition_of(source) is SourceCondition.PAUSED


async def test_a_budget_that_runs_low_limits_background_work_first() -> None:
    source = shop(answering({"data": bills(1)}), quota=QuotaSettings(per_day=10))
    context = CallContext(soon().deadline, Priority.AGENT)
    for _ in range(8):
        assert numbers(await source.ask(about("invoices", "c"), context)) == ["no 1"]
    assert condition_of(source) is SourceCondition.LIMITED
    refused = await source.ask(about("invoices", "c"), CallContext(context.deadline, Priority.BACKGROUND))
    assert refused.problem is not None
    assert refused.problem.code == "SOURCE_BUSY"
    assert numbers(await source.ask(about("invoices", "c"), context)) == ["no 1"]


async def test_what_was_held_back_says_nothing_of_how_the_source_is() -> None:
    source = shop(answering({"data": bills(1)}))
    await source.ask(about("invoices", "c"), soon())
    source.chain.quota.pause(60)
    for _ in range(20):
        await source.ask(about("invoices", "c"), soon())
    assert source.health.error_rate == 0


async def test_prometheus_reads_the_links_when_it_asks() -> None:
    metrics = Metrics(["shop"])
    source = shop(answering({"data": bills(1)}), quota=QuotaSettings(per_day=100))
    show_links(metrics, {"shop": source})
    await source.ask(about("invoices", "c"), soon())

    def read(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"klantbeeld_{name}", {"source": "shop", **labels})

    assert read("breaker_state", operations="read") == 0
    assert read("source_calls_allowed") == 32
    assert read("source_budget_left") == pytest.approx(0.99)
    break_down(source)
    assert read("breaker_state", operations="read") == 2
    assert read("breaker_state", operations="write") == 0
    assert read("breaker_opened_total") == 1
    for name in ("source_retries_total", "source_hedges_total", "source_shed_total", "source_quota_refused_total"):
        assert read(name) == 0
