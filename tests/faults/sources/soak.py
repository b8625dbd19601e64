"""Soak: mixed load and faults of chance for a long time; nothing grows, nothing hangs, nothing breaks unforeseen."""

import asyncio
import json
import statistics
import time
from random import Random
from typing import Any

from tests.faults.figure import Figure
from tests.faults.sources.load import OTHERS, PATIENCE, SEED, WHOLE, Answered
from tests.faults.sources.proxy import BODIES, Fault
from tests.faults.sources.stage import Serving, Stage

from klantbeeld.sandbox.facts import SYSTEMS

DEADLINE = 2.0  # seconds
LATE = 1.5  # seconds beyond the deadline after which a request counts as stuck
FLAT = 1.05
BOOKS = "query Q($id: ID!) { customer(id: $id) { invoices(first: 5) { nodes { number total { amount } } } } }"
REST = """query Q($id: ID!) { customer(id: $id) {
  complaints(first: 3) { nodes { subject } } consents { purpose status } campaigns { name }
} }"""
UNKNOWN = "query Q($id: ID!) { customer(id: $id) { shoeSize } }"
DOCUMENTS = (WHOLE, OTHERS, BOOKS, REST, UNKNOWN)
PURPOSES = ("service", "advice", "collections")
MODES: tuple[dict[str, Any], ...] = (
    {"mode": "none"},
    {"mode": "latency", "ms": 300},
    {"mode": "status", "status": 503},
    {"mode": "status", "status": 429, "headers": {"retry-after": "1"}},
    {"mode": "status", "status": 403},
    {"mode": "hang"},
    {"mode": "drop"},
    {"mode": "garbage"},
    {"mode": "types"},
    {"mode": "html"},
    {"mode": "large", "bytes": 8_000_000},
    {"mode": "drip", "ms": 50},
)
FAULTS: tuple[Fault, ...] = (*BODIES, "hang", "reset", "pass", "pass", "pass", "pass", "pass", "pass")
NOTHING_WRONG = {"debug", "info", "warning"}
GREETING = "Klantbeeld answers at "


async def soak(stage: Stage, here: Serving, *, minutes: float, rate: float, batch: float) -> Figure:
    """Load it for so long, and change what is broken every few seconds."""
    chance = Random(SEED)
    until = time.monotonic() + minutes * 60
    memory: list[float] = []
    asked = stuck = 0
    while time.monotonic() < until or not asked:
        await _break_something(stage, chance)
        answers = await here.load.mix(_choose, rate=rate, requests=int(rate * batch), deadline=DEADLINE)
        asked += len(answers)
        stuck += sum(_is_stuck(one) for one in answers)
        memory.append(here.memory())
    await stage.calm()
    await asyncio.sleep(0.5)
    under_way = here.metric("source_calls_under_way")
    unforeseen = _unforeseen(here)
    grown = _growth(memory)
    is_sound = stuck == 0 and under_way == 0 and not unforeseen
    why = f" ({unforeseen[0][:200]})" if unforeseen else ""
    return Figure(
        "soak",
        f"{minutes:g} minutes, {asked:,} requests at {rate:g} a second, faults of chance at every system",
        "no leak (memory flat), no stuck request, no unhandled exception in the log",
        f"memory {grown - 1:+.1%} from the second quarter to the last ({memory[-1]:.0f} MiB), {stuck} stuck, "
        f"{under_way:.0f} calls left under way, {len(unforeseen)} unhandled exceptions{why}",
        is_sound and grown <= FLAT,
        is_sound,
    )


def _choose(chance: Random) -> tuple[str, str]:
    return chance.choice(DOCUMENTS), chance.choice(PURPOSES)


async def _break_something(stage: Stage, chance: Random) -> None:
    """Let every system misbehave in some way, or not, and billing's proxy too."""
    stage.proxy.act_out(chance.choice(FAULTS))
    for system in SYSTEMS:
        fault = chance.choice(MODES) if chance.random() < 0.5 else {"mode": "none"}
        await asyncio.to_thread(stage.sandbox.set_fault, system, fault)
        await asyncio.to_thread(stage.sandbox.clear_log, system)


def _is_stuck(answer: Answered) -> bool:
    return answer.status == 0 or answer.seconds > min(DEADLINE + LATE, PATIENCE)


def _growth(memory: list[float]) -> float:
    """Compare the medians of the second quarter, when what is kept has been filled, and the last."""
    quarter = max(len(memory) // 4, 1)
    return statistics.median(memory[-quarter:]) / statistics.median(memory[quarter : 2 * quarter] or memory)


def _unforeseen(here: Serving) -> list[str]:
    """Find lines of the log that are worse than a warning, or no lines of ours, such as a traceback."""
    return [
        line
        for line in here.gateway.log.read_text(encoding="utf-8").splitlines()
        if not line.startswith(GREETING)
        and (not line.startswith("{") or json.loads(line).get("level") not in NOTHING_WRONG)
    ]
