"""Each mutant of our writer is caught, and our writer is not, in the same cases."""

import asyncio

import pytest
from tests.faults.writes.mutants import MUTANTS
from tests.faults.writes.pair import Verdict
from tests.faults.writes.stage import Stage, staging
from tests.faults.writes.start import OURS, Writer
from tests.faults.writes.trials import aimed

MOST = 6
AT_A_TIME = 6


@pytest.fixture(scope="module")
def verdicts() -> dict[tuple[str, Writer], list[Verdict]]:
    return asyncio.run(judged())


async def judged() -> dict[tuple[str, Writer], list[Verdict]]:
    """Run each aim with the mutant until it is caught, and once with our writer."""
    places = asyncio.Semaphore(AT_A_TIME)
    async with staging(customers=3_000) as stage:

        async def judge(name: str, writer: Writer) -> tuple[tuple[str, Writer], list[Verdict]]:
            async with places:
                return (name, writer), await aim(stage, name, writer)

        runs = [judge(name, writer) for name in MUTANTS for writer in (OURS, Writer(mutant=name))]
        return dict(await asyncio.gather(*runs))


async def aim(stage: Stage, name: str, writer: Writer) -> list[Verdict]:
    """Run the case in which a mutant shows."""
    first = 100_000 + 100 * list(MUTANTS).index(name) + (50 if writer == OURS else 0)
    seeds = range(first, first + (1 if writer == OURS else MOST))
    trial = aimed(MUTANTS[name].aim)
    return await stage.run(trial, seeds, pairs=1, writer=writer, enough=lambda verdict: bool(verdict.violations))


@pytest.mark.faults
@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_of_the_writer_is_caught(name: str, verdicts: dict[tuple[str, Writer], list[Verdict]]) -> None:
    assert any(verdict.violations for verdict in verdicts[name, Writer(mutant=name)]), "nobody notices"


@pytest.mark.faults
@pytest.mark.parametrize("name", MUTANTS)
def test_our_writer_is_not_caught_where_a_mutant_is(
    name: str, verdicts: dict[tuple[str, Writer], list[Verdict]]
) -> None:
    (verdict,) = verdicts[name, OURS]

    assert verdict.was_hit
    assert verdict.violations == []
