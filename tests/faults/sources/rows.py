"""The rows of the table: each by its name, with what it needs and the sizes of its long and its short form."""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.running import KLANTBEELD
from tests.faults.cached.run import measure as measure_cached
from tests.faults.figure import Figure
from tests.faults.sources.bodies import bodies
from tests.faults.sources.breaker import breaker
from tests.faults.sources.budget import PATIENT, budget
from tests.faults.sources.chain_cost import chain_cost
from tests.faults.sources.deadline import deadline
from tests.faults.sources.drain import drain
from tests.faults.sources.isolation import CONTROL, SETTINGS, isolation
from tests.faults.sources.load import WHOLE
from tests.faults.sources.overload import narrow_door, overload, processor
from tests.faults.sources.soak import soak
from tests.faults.sources.stage import Serving, Stage, staging

WARM = 100  # requests before anything is measured

WARM_RATE = 20.0  # of them a second: less than the narrowest door lets through

Sizes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """What is special about a gateway: settings, some of each source, the program that serves."""

    settings: str = ""
    sources: str = ""
    program: Sequence[str | Path] = (KLANTBEELD,)


DEFAULT = Kind()
FEW_PLACES = Kind(sources=SETTINGS)
ONE_POOL = Kind(sources=SETTINGS, program=CONTROL)


@dataclass(frozen=True, slots=True)
class Row:
    """A way to measure some promises; `long` has the sizes of the issue, `short` those of seconds."""

    run: Callable[..., Awaitable[list[Figure]]]
    long: Sizes
    short: Sizes


async def run_row(name: str, *, is_short: bool, changed: Sizes | None = None) -> list[Figure]:
    """Measure a row by its name, with some of its sizes changed if asked."""
    row = ROWS[name]
    sizes = {**(row.short if is_short else row.long)}
    sizes |= {size: type(sizes[size])(value) for size, value in (changed or {}).items() if size in sizes}
    return await row.run(**sizes)


def over(promise: Callable[..., Awaitable[Figure]], *kinds: Kind) -> Callable[..., Awaitable[list[Figure]]]:
    """Measure a promise over a stage and a gateway of each kind, all warm."""

    async def run(**sizes: Any) -> list[Figure]:
        async with setting() as stage, AsyncExitStack() as stack:
            return [
                await promise(stage, *[await stack.enter_async_context(warm(stage, kind)) for kind in kinds], **sizes)
            ]

    return run


@asynccontextmanager
async def warm(stage: Stage, kind: Kind, *, requests: int = WARM) -> AsyncIterator[Serving]:
    """Run a gateway that has answered some requests."""
    deployment = await stage.deployed(kind.settings, sources=kind.sources)
    async with stage.serving(deployment, program=kind.program) as here:
        await here.load.run(WHOLE, rate=WARM_RATE, requests=requests)
        yield here


@asynccontextmanager
async def setting() -> AsyncIterator[Stage]:
    """Set a stage in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="klantbeeld-faults-") as folder:
        async with staging(Path(folder)) as stage:
            yield stage


async def overloaded(*, most: int, seconds: float, rate: float) -> list[Figure]:
    """Measure a narrow door, and the default one where the processor is short."""
    async with setting() as stage:
        async with warm(stage, Kind(narrow_door(most))) as here:
            found = [await overload(stage, here, most=most, seconds=seconds)]
        async with warm(stage, DEFAULT) as here:
            return [*found, await processor(here, rate=rate, seconds=seconds)]


async def drained(**sizes: Any) -> list[Figure]:
    """Measure restarts."""
    async with setting() as stage:
        return [await drain(stage, **sizes)]


async def cost(**sizes: Any) -> list[Figure]:
    """Measure what the chain costs."""
    return [await chain_cost(**sizes)]


ROWS: Mapping[str, Row] = {
    "deadline": Row(
        over(deadline, DEFAULT),
        {"requests": 5_000, "rate": 50.0},
        {"requests": 40, "rate": 40.0},
    ),
    "budget": Row(
        over(budget, DEFAULT, Kind(PATIENT)),
        {"rate": 50.0, "seconds": 60.0},
        {"rate": 60.0, "seconds": 2.0},
    ),
    "breaker": Row(
        over(breaker, DEFAULT),
        {"rate": 50.0, "settled": 14.0, "back": 9.0},
        {"rate": 30.0, "settled": 4.0, "back": 7.0},
    ),
    "isolation": Row(
        over(isolation, FEW_PLACES, ONE_POOL),
        {"rate": 40.0, "seconds": 10.0, "rounds": 10},
        {"rate": 40.0, "seconds": 1.0, "rounds": 2},
    ),
    "overload": Row(
        overloaded,
        {"most": 20, "seconds": 10.0, "rate": 100.0},
        {"most": 2, "seconds": 1.0, "rate": 20.0},
    ),
    "drain": Row(
        drained,
        {"restarts": 50, "rate": 120.0, "accept": 5.0},
        {"restarts": 1, "rate": 20.0, "accept": 0.3},
    ),
    "cached": Row(
        measure_cached,
        {"requests": 10_000, "reads": 1_000, "rounds": 20},
        {"requests": 200, "reads": 100, "rounds": 1},
    ),
    "bodies": Row(
        over(bodies, DEFAULT),
        {"times": 20, "rate": 30.0},
        {"times": 1, "rate": 60.0},
    ),
    "cost": Row(cost, {"requests": 1_000, "rounds": 15}, {"requests": 100, "rounds": 3}),
    "soak": Row(
        over(soak, DEFAULT),
        {"minutes": 30.0, "rate": 20.0, "batch": 5.0},
        {"minutes": 0.1, "rate": 20.0, "batch": 1.0},
    ),
}
