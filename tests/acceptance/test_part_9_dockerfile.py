"""Part 9. The Dockerfile and what runs beside it, as far as files alone can tell.

That its own steps make an image which serves read-only as any user is a slow test of the house, run by `.ci/run`.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def dockerfile() -> str:
    """Give the Dockerfile."""
    return (ROOT / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.feature("2.9", "Multi-stage, of locked dependencies, without a compiler in the final image")
def test_the_image_is_multi_stage_and_locked(dockerfile: str) -> None:
    stages = re.split(r"^FROM ", dockerfile, flags=re.MULTILINE)[1:]
    assert len(stages) == 2
    assert "--require-hashes" in stages[0]
    assert "pip install" not in stages[1]
    assert not re.search(r"apt-get|gcc|build-essential", dockerfile)


@pytest.mark.feature("2.9", "Any user id, never root")
def test_the_image_runs_as_nobody_in_particular(dockerfile: str) -> None:
    user = re.search(r"^USER (\d+):(\d+)$", dockerfile, re.MULTILINE)
    assert user is not None
    assert 0 not in {int(user[1]), int(user[2])}


@pytest.mark.feature(
    "2.9", "A script runs the Dockerfile's own steps in a clean root, and says what that does not prove"
)
def test_a_script_runs_the_dockerfiles_own_steps() -> None:
    script = (ROOT / "scripts" / "verify_dockerfile.py").read_text(encoding="utf-8")
    assert "Dockerfile" in script
    assert re.search(r"not (prove|proved|shown)|does not", script)


@pytest.mark.feature("2.9", "deploy/compose.yaml with PostgreSQL and Redis (Valkey), the gateway read-only")
def test_the_composition_has_its_companions() -> None:
    compose = (ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8")
    assert re.search(r"image: postgres:\d", compose)
    assert re.search(r"image: (valkey/valkey|redis):\d", compose)
    assert "read_only: true" in compose
