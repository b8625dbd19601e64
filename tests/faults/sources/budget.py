"""Retry budget: a source that is down gets at most a tenth more calls than its callers make."""

import asyncio

from tests.faults.figure import Figure
from tests.faults.sources.load import WHOLE
from tests.faults.sources.stage import Serving, Stage

MOST = 1.1
PATIENT = "\n[sources.stripe.breaker]\ncalls = 1_000_000\n"


async def budget(stage: Stage, here: Serving, patient: Serving, *, rate: float, seconds: float) -> Figure:
    """Let billing answer 503 for a while: with the breaker of the defaults, and with one that never opens.

    There have to be so many requests that a tenth of them is more than the retries that are always possible.
    """
    requests = int(rate * seconds)
    reached = [await _reached(stage, one, rate, requests) for one in (here, patient)]
    first, second = (calls / requests for calls in reached)
    return Figure(
        "retry budget",
        f"billing answers 503 for {seconds:g} s, at {rate:g} requests a second; and again with a breaker that never "
        "opens",
        f"calls that reach it at most {MOST:.2f} x the client's, without the breaker too",
        f"{reached[0]:,} calls for {requests:,} requests, {first:.3f} x; without the breaker {reached[1]:,}, "
        f"{second:.3f} x",
        first <= MOST and second <= MOST,
        first < second and 1 < second <= MOST,
    )


async def _reached(stage: Stage, here: Serving, rate: float, requests: int) -> int:
    """Count the calls that reach billing while it is down."""
    await asyncio.to_thread(stage.sandbox.clear_log, "stripe")
    await asyncio.to_thread(stage.sandbox.set_fault, "stripe", {"mode": "status", "status": 503})
    answers = await here.load.run(WHOLE, rate=rate, requests=requests)
    calls = len(await asyncio.to_thread(stage.sandbox.log, "stripe"))
    await stage.calm()
    assert all(answer.has_others for answer in answers)
    return calls
