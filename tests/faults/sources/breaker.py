"""Breaker: it opens soon when a source hangs, costs nothing while it is open, and closes soon when the source is back.

A hang lasts as long as a request has; the breaker counts those that had its patience, a second, and more.
"""

from tests.faults.figure import Figure
from tests.faults.sources.load import WHOLE, Answered, share
from tests.faults.sources.stage import Serving, Stage

DEADLINE = 1.2  # seconds
WAITED = 0.8  # seconds after which an answer has waited for the source, whatever the machine does beside it
OPEN = 5.0  # seconds, the setting's default


async def breaker(stage: Stage, here: Serving, *, rate: float, settled: float, back: float) -> Figure:
    """Let billing hang for `settled` seconds, until its breaker has long been open, and look at it when it is back."""
    before = stage.proxy.requests
    stage.proxy.act_out("hang")
    answers = await here.load.run(WHOLE, rate=rate, requests=int(rate * settled), deadline=DEADLINE)
    reached = stage.proxy.requests - before
    stage.proxy.act_out("pass")
    after = await here.load.run(WHOLE, rate=rate, requests=int(rate * back), deadline=DEADLINE)
    await stage.calm()
    opened = _first_refusal(answers)
    while_open = [one for one in answers if one.sent - answers[0].sent > opened]
    quick = [one.seconds for one in while_open if one.codes == ["SOURCE_UNAVAILABLE"]]
    p99 = share(quick, 0.99)
    waiting = sum(one.seconds >= WAITED for one in while_open)
    missing = [one.sent - after[0].sent for one in after if not one.is_whole]
    closed = max(missing, default=0.0)
    probes = reached - sum(one.sent - answers[0].sent <= opened for one in answers)
    is_sound = bool(quick) and after[-1].is_whole and reached < len(answers)
    return Figure(
        "breaker",
        f"billing hangs for {settled:g} s at {rate:g} requests a second, and recovers",
        "opens within 10 s or 20 failures; while open p99 10 ms and only probes reach it; closes within 6 s",
        f"opened after {opened:.1f} s; while open p99 {p99 * 1000:.1f} ms, {max(probes, waiting)} probes of "
        f"{len(while_open)}; closed {closed:.1f} s after recovery",
        is_sound and opened <= 10 and p99 <= 0.01 and closed <= OPEN + 1,
        is_sound,
    )


def _first_refusal(answers: list[Answered]) -> float:
    """Return when the breaker opened, in seconds since the first request: when those who waited were refused."""
    refused = (one.sent + one.seconds for one in answers if one.codes == ["SOURCE_UNAVAILABLE"])
    return min(refused, default=float("inf")) - answers[0].sent
