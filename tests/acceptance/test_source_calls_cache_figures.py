"""Issue 4, figures: shared calls and kept values, in short; `tests.faults.cached.run` is the long form."""

from pathlib import Path

import pytest
from tests.faults.cached.figures import deduplication, isolation, staleness, world

from klantbeeld.sandbox.launcher import Sandbox

pytestmark = pytest.mark.asyncio


@pytest.mark.feature("4 figures", "Concurrent equal reads are 1 call, and those of two callers with different rights 2")
async def test_equal_reads_are_one_call(sandbox: Sandbox, tmp_path: Path) -> None:
    async with world(sandbox, tmp_path) as here:
        (figure,) = await deduplication(here, reads=200)
    assert figure.is_met, figure


@pytest.mark.feature("4 figures", "Callers with different rights never meet in the cache, and the mutant is caught")
async def test_callers_with_different_rights_never_meet(sandbox: Sandbox, tmp_path: Path) -> None:
    figure = await isolation(sandbox, tmp_path, requests=400)
    assert figure.is_met, figure


@pytest.mark.feature("4 figures", "Stale values say their age, and none is served beyond its limit or to other rights")
async def test_stale_values_say_their_age(sandbox: Sandbox, tmp_path: Path) -> None:
    async with world(sandbox, tmp_path) as here:
        figure = await staleness(here, rounds=2)
    assert figure.is_met, figure
