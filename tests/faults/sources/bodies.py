"""Bodies: whatever a source sends in place of its answer costs its own fields, with a code, and little memory."""

from collections import Counter

from tests.faults.figure import Figure
from tests.faults.sources.load import WHOLE
from tests.faults.sources.proxy import BODIES
from tests.faults.sources.stage import Serving, Stage

DEADLINE = 1.5  # seconds
GOOD = 6  # requests after each bad one, so that the breaker stays closed and every one reaches the source
GROWTH = 1.2


async def bodies(stage: Stage, here: Serving, *, times: int, rate: float) -> Figure:
    """Send each kind of body so often, each time with good answers after it."""
    await here.load.run(WHOLE, rate=rate, requests=10 * GOOD)
    here.forget_peak()
    usual = here.memory()
    codes: Counter[str] = Counter()
    wrong = sent = 0
    for kind in BODIES * times:
        before = stage.proxy.requests
        stage.proxy.act_out(kind)
        (bad,) = await here.load.run(WHOLE, rate=rate, requests=1, deadline=DEADLINE)
        stage.proxy.act_out("pass")
        good = await here.load.run(WHOLE, rate=rate, requests=GOOD)
        sent += stage.proxy.requests - before
        codes.update(bad.codes)
        gone = bad.has_others and bad.body["data"]["customer"]["billingAccounts"] is None and len(bad.codes) == 1
        wrong += not (gone and all(one.is_whole for one in good))
    most = here.memory("VmHWM")
    is_sound = wrong == 0 and sent >= len(BODIES) * times
    return Figure(
        "bodies",
        f"{', '.join(BODIES)}; each {times} times",
        "that source's fields null with a code; memory + 20 % at most",
        f"{wrong} wrong of {sent}; {', '.join(f'{count} {code}' for code, count in sorted(codes.items()))}; "
        f"memory {most / usual - 1:+.1%} at its highest",
        is_sound and most <= GROWTH * usual,
        is_sound,
    )
