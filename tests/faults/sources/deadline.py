"""Deadline: one source hangs for ever, and every answer is there in time, with all that the others hold."""

from tests.faults.figure import Figure
from tests.faults.sources.load import WHOLE
from tests.faults.sources.stage import Serving, Stage

DEADLINE = 0.9  # seconds; less than the breaker's patience, so that it stays closed and each request has to wait


async def deadline(stage: Stage, here: Serving, *, requests: int, rate: float) -> Figure:
    """Let billing hang."""
    stage.proxy.act_out("hang")
    answers = await here.load.run(WHOLE, rate=rate, requests=requests, deadline=DEADLINE)
    await stage.calm()
    late = sorted(answer.seconds - DEADLINE for answer in answers)
    in_time = sum(one <= 0.1 for one in late) / len(late)
    others = sum(answer.has_others for answer in answers)
    refused = sum(answer.status == 503 for answer in answers)
    says_so = all("SOURCE_TIMEOUT" in answer.codes for answer in answers)
    is_sound = others == requests and says_so
    return Figure(
        "deadline",
        f"billing hangs, {requests:,} requests at {rate:g} a second with {DEADLINE} s each",
        "99.9 % by + 100 ms, all by + 500 ms, all with the other fields",
        f"{in_time:.2%} by + 100 ms, the last at {late[-1] * 1000:+.0f} ms, {others:,} with the other fields, "
        f"{refused} refused at the door",
        is_sound and in_time >= 0.999 and late[-1] <= 0.5,
        is_sound,
    )
