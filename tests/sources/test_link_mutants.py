"""Links with one fault each, and the test that catches each of them.

Where the piece that a mutant changes is not there any more the table has to be brought up to date.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.mutation import mutated
from tests.sources import test_breaker as breakers
from tests.sources import test_bulkhead as bulkheads
from tests.sources import test_chain as chains
from tests.sources import test_quota as quotas
from tests.sources import test_retry as retries
from tests.sources import test_retry_budget as budgets
from tests.sources import test_uninterrupted as writes

from klantbeeld.sources import chain, retry
from klantbeeld.sources.breaker import Breaker
from klantbeeld.sources.bulkhead import Bulkhead
from klantbeeld.sources.chain import Chain
from klantbeeld.sources.quota import Quota
from klantbeeld.sources.retry_budget import RetryBudget

Test = Callable[[], Awaitable[None] | None]


MUTANTS: dict[str, tuple[tuple[Any, str, str, str], Test]] = {
    "a breaker that ignores half-open": (
        (Breaker, "admit", "self.probing + self._proved >= self._settings.probes", "False"),
        breakers.test_after_five_seconds_three_probes_pass_and_no_more,
    ),
    "a breaker that one probe closes": (
        (Breaker, "succeed", "self._proved >= self._settings.probes", "True"),
        breakers.test_three_probes_that_succeed_close_it,
    ),
    "a breaker that never opens again": (
        (Breaker, "fail", "elif now >= self._probes_at:", "elif False:"),
        breakers.test_a_probe_that_fails_opens_it_again_for_five_seconds_from_the_first_probe,
    ),
    "a breaker that never opens": (
        (Breaker, "fail", "if self._is_bad(now):", "if False:"),
        chains.test_twenty_failures_open_the_breaker_and_then_nothing_reaches_the_source,
    ),
    "a breaker that counts callers in a hurry": (
        (Chain, "_judge", "if seconds >= self._patience:", "if True:"),
        chains.test_callers_in_a_hurry_do_not_open_the_breaker,
    ),
    "a breaker for reads and writes together": (
        (Chain, "_once", "self.writes if call.sends else self.reads", "self.reads"),
        chains.test_reads_and_writes_have_a_breaker_each,
    ),
    "a breaker that counts 4xx": (
        (chain, "is_failure", "problem.status in CLIENT_ERRORS", "False"),
        lambda: chains.test_what_is_no_failure_of_the_source_does_not_open_the_breaker("418"),
    ),
    "a breaker that forgets garbage": (
        (Chain, "spoiled", "problem, self._patience", "SourceTimeout(''), 0"),
        chains.test_garbage_that_is_found_when_it_is_decoded_counts,
    ),
    "a retry of a write": (
        (Chain, "send", "may_repeat=not call.sends", "may_repeat=True"),
        chains.test_a_write_is_never_sent_again,
    ),
    "a retry past the deadline": (
        (retry._Until, "__call__", "now + state.upcoming_sleep >= self._deadline", "False"),
        retries.test_no_attempt_starts_at_the_deadline_or_later,
    ),
    "a retry without a budget": (
        (retry._Until, "__call__", "not self._budget.take(now)", "False"),
        chains.test_retries_of_a_source_that_is_down_are_at_most_a_tenth,
    ),
    "a retry of a retry's traffic": (
        (RetryBudget, "_level", "self._traffic.total - self._ended", "self._traffic.total"),
        chains.test_retries_of_a_source_that_is_down_are_at_most_a_tenth,
    ),
    "a retry budget that saves up in good times": (
        (RetryBudget, "left", "level - self._held[0].level", "level"),
        budgets.test_a_minute_of_outage_costs_at_most_a_tenth_more_calls_at_every_moment_after_the_first_hundred,
    ),
    "a retry that does not wait for Retry-After": (
        (retry.Retry, "_wait", "(after or 0.0) + ", ""),
        retries.test_a_retry_after_is_waited_out_where_it_fits,
    ),
    "a call after the deadline": (
        (Chain, "_enter", "self._clock() >= context.deadline", "False"),
        chains.test_no_call_starts_after_the_deadline,
    ),
    "a bulkhead without a limit": (
        (Chain, "_once", "bulkhead.in_flight >= bulkhead.limit", "False"),
        chains.test_no_more_calls_are_under_way_than_there_are_places,
    ),
    "a bulkhead that does not know who is important": (
        (Bulkhead, "wait", "_Waiting(priority,", "_Waiting(Priority.AGENT,"),
        bulkheads.test_who_is_more_important_goes_first_and_then_who_came_first,
    ),
    "a bulkhead that loses places": (
        (Bulkhead, "wait", "self._free()", "pass"),
        bulkheads.test_a_caller_that_goes_away_as_its_place_comes_gives_it_back,
    ),
    "a quota that is the same for all": (
        (Quota, "_take_of_day", "self._floors[priority]", "0"),
        quotas.test_of_a_day_the_less_important_stop_first,
    ),
    "a quota of each replica's own": (
        (Quota, "_take_turn", "self.replicas / per_second", "1 / per_second"),
        quotas.test_a_rate_is_divided_by_the_replicas_that_are_up,
    ),
    "a write that is cut when its client goes": (
        (writes, "uninterrupted", "cancelled = error", "raise"),
        lambda: writes.test_a_caller_that_is_cancelled_is_so_when_the_work_is_done(fails=False),
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
@pytest.mark.asyncio
async def test_a_mutant_of_a_link_is_caught(name: str) -> None:
    change, test = MUTANTS[name]
    with mutated(*change), pytest.raises(BaseException):  # noqa: B017, PT011 - however it fails, it is caught
        await _run(test)


@pytest.mark.parametrize("name", MUTANTS)
@pytest.mark.asyncio
async def test_links_without_a_fault_are_not_caught(name: str) -> None:
    await _run(MUTANTS[name][1])


async def _run(test: Test) -> None:
    given = test()
    if given is not None:
        await given
