"""What refusing bad input costs, and what harmless queries notice of it.

    python -m tests.benchmarks.refusals

The bodies are those of the acceptance tests (tests/acceptance/test_engine_bad_input.py), sent to the endpoint in this
process on a loop whose time is the processor's (simulated.py). Prints the processor time of each refusal, the least of
several, and the latency of known queries alone and beside a hundred bad ones a second. The aim is 50 ms for each.
"""

import asyncio
import gc
import itertools
import time
from collections.abc import Mapping

from tests.acceptance.test_engine_bad_input import BAD
from tests.benchmarks import simulated
from tests.benchmarks.replay import say
from tests.benchmarks.unknown import WARM_UP_SECONDS, Ask, Heard, known_bodies, over_memory, replies, steadily, tell

from klantbeeld.sdk.replies import Reply

TIMES = 5
SECONDS = 20.0
KNOWN_A_SECOND = BAD_A_SECOND = 100.0
MOST_MS = 50


def main() -> None:
    """Measure, and print both tables."""
    simulated.run(measure(replies()))


async def measure(found: Mapping[str, Mapping[str, Reply]]) -> None:
    """Refuse each kind, then all of them beside known queries."""
    ask, customers = over_memory(found)
    known = known_bodies(customers)
    await steadily(ask, known, per_second=KNOWN_A_SECOND, seconds=WARM_UP_SECONDS)
    gc.collect()
    gc.freeze()
    say("| bad input | status | ms of the processor |")
    say("| --- | --- | --- |")
    for name, (body, status, _) in BAD.items():
        say(f"| {name} | {status} | {1000 * await least(ask, body, status):.1f} |")
    say(f"\nThe aim is {MOST_MS} ms at most.\n")
    say("| | known asked | p50 ms | p99 ms | p50, of alone | more p99 | bad ones sent | with 429 |")
    say("| --- | --- | --- | --- | --- | --- | --- | --- |")
    alone = await steadily(ask, known, per_second=KNOWN_A_SECOND, seconds=SECONDS)
    tell("alone", alone, alone, Heard())
    bodies = itertools.cycle([body for body, _, _ in BAD.values()])
    attack = asyncio.create_task(steadily(ask, bodies, per_second=BAD_A_SECOND, seconds=SECONDS))
    beside = await steadily(ask, known, per_second=KNOWN_A_SECOND, until=attack)
    tell(f"beside {BAD_A_SECOND:.0f} bad ones a second", beside, alone, await attack)


async def least(ask: Ask, body: bytes, status: int) -> float:
    """Return the least seconds of the processor that refusing took."""
    taken = []
    for _ in range(TIMES):
        began = time.thread_time()
        assert await ask(body) == status
        taken.append(time.thread_time() - began)
    return min(taken)


if __name__ == "__main__":
    main()
